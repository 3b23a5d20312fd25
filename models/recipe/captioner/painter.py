"""Paint pictures whose facts are known: scenes of one or two groups of things, their mates, and pictures of one thing.

A mate differs from its scene in one fact and in nothing else: the same layout, drawn from the same seed. Each is the
other's hardest negative, as a picture and as a sentence.
"""

from dataclasses import dataclass, replace

import numpy as np

import compose
import scenes
from captioner import grammar
from captioner.grammar import Facts, Group
from words import COLOURS

SIDE = 96  # px
PLACE_WORDS = 9  # a longer caption of a background is not said
# Centres of n things in their half of the canvas: (share across the half's own axis, share along it).
_HALF = {1: ((0.5, 0.5),), 2: ((0.5, 0.27), (0.5, 0.73)), 3: ((0.5, 0.18), (0.5, 0.5), (0.5, 0.82))}
_WHOLE = {1: ((0.5, 0.5),), 2: ((0.28, 0.5), (0.72, 0.5)), 3: ((0.2, 0.6), (0.5, 0.35), (0.8, 0.6)),
          4: ((0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73))}
_SIZE_HALF = {1: (0.36, 0.52), 2: (0.30, 0.42), 3: (0.25, 0.31)}
_SIZE_WHOLE = {1: (0.45, 0.85), 2: (0.34, 0.46), 3: (0.28, 0.38), 4: (0.28, 0.42)}


@dataclass
class Painted:
    """`tags` may be said of the picture; without `hued` any colour may."""
    image: object
    facts: Facts
    items: list
    tags: frozenset
    hued: bool


class Painter(scenes.SceneMaker):
    """Scenes from one side's objects and backgrounds only."""

    def __init__(self, objects, backgrounds, wordnet):
        super().__init__(objects, backgrounds, wordnet, SIDE)
        self.names = self._names
        self.places = sorted({b.caption for b in backgrounds if len(b.caption.split()) <= PLACE_WORDS})
        self._ground_of = {b.caption: b for b in backgrounds}

    def _colour_for(self, item, rng):
        """(hue to say or "", whether to paint it)."""
        draw = rng.random()
        if draw < 0.4:
            return str(rng.choice(scenes.COLOURS)), True
        return (item.colour, False) if draw < 0.7 else ("", False)

    def plan(self, rng):
        """(facts, {noun: item}, whether hues are painted) of a new scene."""
        one = self._object(rng)
        if rng.random() < 0.3:
            things, most = [one], 4
        else:
            things, most = [one, self._object(rng, (one,))], 3
        coloured, groups, painted = rng.random() < 0.5, [], {}
        for item in things:
            hue, paint = self._colour_for(item, rng) if coloured else ("", False)
            if paint and compose.recoloured(item.pixels, hue) is None:
                hue, paint = "", False
            count = 1 if rng.random() < (0.62 if len(things) == 2 else 0.25) else int(rng.integers(2, most + 1))
            if not scenes.countable(item.caption) or scenes.plural(item.caption) == item.caption:
                count = 1
            groups.append(Group(item.caption, count, hue))
            painted[item.caption] = paint
        place, ground, draw = "", "", rng.random()
        if draw < 0.5 and self._backgrounds:
            place = self._backgrounds[rng.integers(len(self._backgrounds))].caption
        elif draw < 0.65:
            ground = str(rng.choice(list(compose.RGB_OF)))
        facts = Facts(tuple(groups), bool(rng.random() < 0.5), place, ground)
        return facts, {i.caption: i for i in things}, painted

    def paint(self, facts, items, painted, seed):
        """The picture of facts; `items` gives each noun's cut-out, `seed` the layout. None when a hue does not take."""
        rng = np.random.default_rng(seed)
        if facts.place:
            canvas = compose.random_crop(self._ground_of[facts.place].pixels, SIDE, rng, 0.45)
        else:
            canvas = compose.plain_background(SIDE, rng, facts.ground or None)
        tags, hued = set(), all(g.hue for g in facts.groups)
        for n, group in enumerate(facts.groups):
            item, own = items[group.noun], np.random.default_rng([seed, n])
            pixels = compose.recoloured(item.pixels, group.hue) if painted.get(group.noun) else item.pixels
            if pixels is None:
                return None
            half = len(facts.groups) == 2
            low, high = (_SIZE_HALF if half else _SIZE_WHOLE)[group.count]
            size, turned = own.uniform(low, high), not half and own.random() < 0.4
            middle = (0.27, 0.73)[n] + own.uniform(-0.04, 0.04)
            drift = own.uniform(-0.15, 0.15) if group.count == 1 else 0.0
            for across, along in (_HALF if half else _WHOLE)[group.count]:
                x, y = (middle, along + drift) if half else (across, along)
                if turned or half and not facts.beside:
                    x, y = y, x
                x, y = x + own.uniform(-0.03, 0.03), y + own.uniform(-0.03, 0.03)
                box = self._slot(own, item, x, y, size * own.uniform(0.92, 1.06))
                compose.paste(canvas, pixels, box, item.flips and own.random() < 0.5)
            mine = set(item.tags)
            if group.hue:
                mine = (mine - set(COLOURS)) | {group.hue}
            tags |= mine | ({"one"} if group.count == 1 else {grammar.NUMBERS[group.count]})
        tags |= set(self._wordnet.words(facts.place)) | {facts.ground}
        return Painted(canvas, facts, [items[g.noun] for g in facts.groups], frozenset(tags - {""}), hued)

    def mate_of(self, facts, items, painted, rng, change=None):
        """(facts, items, painted) that differ in one way, or None when the draw does not apply."""
        change = change or str(rng.choice(("order", "order", "object", "object", "count", "count", "colour", "place")))
        other = grammar.changed(facts, change, rng, self.names, self.places)
        if other is None:
            return None
        if change == "colour" and not all(painted[g.noun] for g in facts.groups if g.hue):
            return None
        if change == "object":
            new = next(g.noun for g in other.groups if g.noun not in items)
            old = next(g for g in facts.groups if g.noun not in {h.noun for h in other.groups})
            item = self._by_name[new][rng.integers(len(self._by_name[new]))]
            if any(item.tags & i.tags & set(i.caption.split()) for i in items.values()):
                return None
            paint = painted[old.noun]
            if paint and compose.recoloured(item.pixels, old.hue) is None or old.hue and not paint:
                return None
            if old.count > 1 and (not scenes.countable(new) or scenes.plural(new) == new):
                return None
            items, painted = items | {new: item}, painted | {new: paint}
        return other, items, painted

    def scene(self, rng, mated=False):
        """One painted scene, or with `mated` two that are each other's mates, or one when the draw has no mate."""
        facts, items, painted = self.plan(rng)
        seed = int(rng.integers(1 << 62))
        made = [self.paint(facts, items, painted, seed)]
        if mated:
            other = self.mate_of(facts, items, painted, rng)
            made += [self.paint(*other, seed)] if other else []
        return made if all(made) else self.scene(rng, mated)


STYLES = (("emoji", "emoji"), ("outline", "outline"), ("icons", "icon"))


def style_of(item):
    """The word for the kind of picture: what a person would call it at a glance."""
    if item.photo or item.source in ("kalzium", "photos-hand"):
        return "photo"
    return next((word for start, word in STYLES if item.source.startswith(start)), "drawing")


def one_thing(item, rng, backgrounds, wordnet):
    """A file as it comes: a photo's crop, or a cut-out on white, a colour or a photo."""
    place, ground = "", ""
    if item.photo:
        canvas = compose.random_crop(item.pixels, SIDE, rng, 0.4)
    else:
        draw = rng.random()
        if draw < 0.12 and backgrounds:
            behind = backgrounds[rng.integers(len(backgrounds))]
            canvas = compose.random_crop(behind.pixels, SIDE, rng, 0.25)
            place = behind.caption if len(behind.caption.split()) <= PLACE_WORDS else ""
        elif draw < 0.24:
            ground = str(rng.choice(list(compose.RGB_OF)))
            canvas = compose.plain_background(SIDE, rng, ground)
        else:
            canvas = compose.plain_background(SIDE, rng)
        canvas = compose.single(item, SIDE, rng, canvas)
    said = set(item.caption.split())
    hue = item.colour if not said & set(COLOURS) else ""
    facts = Facts((Group(item.caption, 1, hue),), True, place, ground, style_of(item))
    tags = set(item.tags) | set(wordnet.words(place)) | {ground, "one"}
    return Painted(canvas, facts, [item], frozenset(tags - {""}), bool(item.colour or said & set(COLOURS)))


def unsaid(facts, rng):
    """The facts of which a sentence may leave some out: hues, the background."""
    keep_place, keep_hue = rng.random() < 0.65, rng.random() < 0.75
    groups = facts.groups if keep_hue else tuple(replace(g, hue="") for g in facts.groups)
    return replace(facts, groups=groups, place=facts.place if keep_place else "", ground=facts.ground if keep_place else "")
