"""Composed scenes: a sentence, the picture it is true of, and sentences that are false by construction.

Grammar: `[count] [colour] NOUN(s) REL [a] [colour] NOUN [in front of PLACE]`. In-batch negatives never hold the
swapped sentence, so each scene brings its own: order, count, colour, object and place changed one at a time.
"""

from dataclasses import dataclass, field

import compose

RELATIONS = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
PLACES = ("left", "right", "top", "bottom")
COUNTS = {1: "one", 2: "two", 3: "three", 4: "four"}
COLOURS = tuple(compose.HUE_OF)
_SAME_PLURAL = {"fish", "sheep", "deer", "salmon", "trout", "squid", "shrimp", "bison", "moose", "swine", "aircraft",
                "scissors", "glasses", "jeans", "trousers", "pants", "goldfish", "swordfish", "grapes", "dice"}
_MASS = {"bread", "butter", "cheese", "rice", "meat", "sugar", "paint", "soap", "bacon", "milk", "honey", "water",
         "broccoli", "corn", "garlic", "salt", "pasta", "spaghetti", "money", "furniture", "grass", "popcorn"}
_IRREGULAR = {"leaf": "leaves", "knife": "knives", "wolf": "wolves", "mouse": "mice", "goose": "geese",
              "tooth": "teeth", "foot": "feet", "calf": "calves", "ox": "oxen", "loaf": "loaves", "shelf": "shelves",
              "potato": "potatoes", "tomato": "tomatoes", "mango": "mangoes", "scarf": "scarves", "cactus": "cacti"}


@dataclass
class Scene:
    """What was painted. `wrong` maps the kind of change (order, count, colour, object, place) to false sentences."""
    image: object
    text: str
    tags: set
    wrong: dict = field(default_factory=dict)
    items: list = field(default_factory=list)
    places: list = field(default_factory=list)  # [(place in PLACES, item)] of the scenes that teach order


def article(noun):
    if noun.split()[-1] in _MASS or noun.split()[-1] in _SAME_PLURAL and noun.endswith("s"):
        return noun
    return ("an " if noun[0] in "aeio" or noun.startswith("um") else "a ") + noun


def countable(noun):
    return noun.split()[-1] not in _MASS


def plural(noun):
    head, last = noun.rpartition(" ")[::2]
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last not in _SAME_PLURAL:
        if last.endswith(("s", "x", "z", "ch", "sh")):
            last += "es"
        elif last.endswith("y") and last[-2:-1] not in "aeiou":
            last = last[:-1] + "ies"
        else:
            last += "s"
    return (head + " " + last).strip()


class SceneMaker:
    """Paints scenes from one side's objects and backgrounds only, so a held-out scene is held out throughout."""

    def __init__(self, objects, backgrounds, wordnet, side):
        by_name = {}
        for item in objects:
            by_name.setdefault(item.caption, []).append(item)
        self._by_name, self._names = by_name, sorted(by_name)
        self._backgrounds, self._wordnet, self._side = backgrounds, wordnet, side

    def _object(self, rng, unlike=()):
        """A random name first, so that no caption dominates, then one of its pictures. `unlike` shares no word."""
        while True:
            name = self._names[rng.integers(len(self._names))]
            item = self._by_name[name][rng.integers(len(self._by_name[name]))]
            if not any(item.tags & {other.caption} or set(name.split()) & set(other.caption.split())
                       or item.caption in other.tags or other.caption in item.tags for other in unlike):
                return item

    def _canvas(self, rng):
        """A background and the words for it, or "" when it is plain or goes unnamed."""
        if not self._backgrounds or rng.random() < 0.45:
            return compose.plain_background(self._side, rng), ""
        place = self._backgrounds[rng.integers(len(self._backgrounds))]
        named = place.caption if rng.random() < 0.35 and len(place.caption.split()) <= 9 else ""
        return compose.random_crop(place.pixels, self._side, rng, 0.5), named

    def _slot(self, rng, item, cx, cy, size):
        """Box of an object around a centre, in px, from fractions of the side."""
        s = self._side
        w, h = compose.fitted(item.pixels, size * s, size * s)
        return round(cx * s - w / 2), round(cy * s - h / 2), w, h

    def make(self, rng, kind=None):
        kind = kind or ("order", "order", "count", "colour", "pair")[rng.integers(5)]
        scene = {"order": self._order, "pair": self._order, "count": self._count, "colour": self._colour}[kind](
            rng, *self._canvas(rng), **({"coloured": True} if kind == "pair" else {}))
        return scene or self.make(rng)

    def pair(self, rng):
        """Two scenes that differ in one thing only and so are each other's hardest negatives: the two objects have changed
        places or colours, or one is another object. Nothing else teaches order, since any other picture of a batch can be
        told from the words alone."""
        kind = ("order", "order", "object", "object", "hues")[rng.integers(5)]
        one = self._object(rng)
        two = self._object(rng, (one,))
        three = self._object(rng, (one, two))
        hues = rng.permutation(COLOURS)[:2].tolist() if kind == "hues" else ["", ""]
        other = {"order": (two, one), "object": (one, three) if rng.random() < 0.5 else (three, two), "hues": (one, two)}[kind]
        sides = [list(zip((one, two), hues)), list(zip(other, hues[::-1] if kind == "hues" else hues))]
        if rng.random() < 0.6 or not self._backgrounds:
            canvas = compose.plain_background(self._side, rng)
        else:
            place = self._backgrounds[rng.integers(len(self._backgrounds))]
            canvas = compose.random_crop(place.pixels, self._side, rng, 0.4)
        beside = rng.random() < 0.5
        along = (0.27 + rng.uniform(-0.05, 0.05), 0.74 + rng.uniform(-0.05, 0.05))
        centres = [(a, c) if beside else (c, a) for a, c in zip(along, 0.5 + rng.uniform(-0.16, 0.16, 2))]
        sizes, mirrored = rng.uniform(0.36, 0.54, 2), rng.random(2) < 0.5
        scenes = []
        for side in sides:
            picture = canvas.copy()
            for (item, hue), centre, size, flip in zip(side, centres, sizes, mirrored):
                pixels = compose.recoloured(item.pixels, hue) if hue else item.pixels
                if pixels is None:
                    return self.pair(rng)
                compose.paste(picture, pixels, self._slot(rng, item, *centre, size), item.flips and flip)
            a, b = (article(f"{hue} {item.caption}".strip()) for item, hue in side)
            there, back = ("left of", "right of") if beside else ("above", "below")
            text, false = f"{a} {there} {b}", f"{b} {there} {a}"
            if rng.random() < 0.5:
                text, false = f"{b} {back} {a}", f"{a} {back} {b}"
            if rng.random() < 0.5:
                false = text.replace(there, "~").replace(back, there).replace("~", back)
            tags = set(side[0][0].tags | side[1][0].tags)
            tags = (tags - set(COLOURS)) | set(hues) if hues[0] else tags
            places = list(zip(PLACES[:2] if beside else PLACES[2:], (item for item, _ in side)))
            scenes.append(Scene(picture, text, tags, {"order": [false]}, [item for item, _ in side], places))
        return scenes

    def _finish(self, scene, rng, place, others):
        """Append the place to the sentence and to every false one; add false sentences for object and place."""
        scene.wrong["object"] = others
        if place:
            tail = " in front of " + article(place)
            scene.wrong = {k: [t + tail for t in v] for k, v in scene.wrong.items()}
            other = self._backgrounds[rng.integers(len(self._backgrounds))]
            if other.caption != place:
                scene.wrong["place"] = [scene.text + " in front of " + article(other.caption)]
            scene.text += tail
            scene.tags |= set(self._wordnet.words(place))
        return scene

    def _order(self, rng, canvas, place, coloured=False):
        """Two objects side by side or one above the other; `coloured` gives each a colour of its own."""
        one = self._object(rng)
        two = self._object(rng, (one,))
        three = self._object(rng, (one, two))
        pixels, hues = [one.pixels, two.pixels], ("", "")
        tags = set(one.tags | two.tags)
        if coloured:
            hues = rng.permutation(COLOURS)[:2].tolist()
            pixels = [compose.recoloured(i.pixels, hue) for i, hue in zip((one, two), hues)]
            if any(p is None for p in pixels):
                return None
            tags = (tags - set(COLOURS)) | set(hues)
        relation = list(RELATIONS)[rng.integers(4)]
        near, far = 0.27 + rng.uniform(-0.05, 0.05), 0.74 + rng.uniform(-0.05, 0.05)
        across = [0.5 + rng.uniform(-0.16, 0.16) for _ in range(2)]
        first, second = (near, far) if relation in ("left of", "above") else (far, near)
        for n, (item, picture, along) in enumerate(zip((one, two), pixels, (first, second))):
            centre = (along, across[n]) if relation.endswith("of") else (across[n], along)
            box = self._slot(rng, item, *centre, rng.uniform(0.36, 0.52))
            compose.paste(canvas, picture, box, item.flips and rng.random() < 0.5)
        a, b = (article((f"{hue} " if hue else "") + i.caption) for hue, i in zip(hues, (one, two)))
        c = article((f"{hues[0]} " if hues[0] else "") + three.caption)
        loose = rng.random() < 0.2 and not coloured
        text = f"{a} and {b}" if loose else f"{a} {relation} {b}"
        wrong = {} if loose else {"order": [f"{b} {relation} {a}"] if rng.random() < 0.6 else
                                  [f"{a} {RELATIONS[relation]} {b}"]}
        if coloured:
            x, y = (article(f"{hue} {i.caption}") for hue, i in zip(reversed(hues), (one, two)))
            wrong["colour"] = [f"{x} {relation} {y}"]
        swap = text.replace(a, c, 1) if rng.random() < 0.5 or a == b else text.replace(b, article(three.caption), 1)
        return self._finish(Scene(canvas, text, tags, wrong, [one, two]), rng, place, [swap])

    def _count(self, rng, canvas, place):
        """One to four of a kind on a loose grid."""
        item, other = self._object(rng), None
        other = self._object(rng, (item,))
        if item.caption.split()[-1] in _MASS:
            return None
        n = int(rng.integers(1, 5))
        cells = {1: [(0.5, 0.5)], 2: [(0.28, 0.5), (0.72, 0.5)], 3: [(0.2, 0.6), (0.5, 0.35), (0.8, 0.6)],
                 4: [(0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73)]}[n]
        if n > 1 and rng.random() < 0.4:
            cells = [(y, x) for x, y in cells]
        size = {1: rng.uniform(0.4, 0.8), 2: rng.uniform(0.34, 0.46), 3: rng.uniform(0.28, 0.38),
                4: rng.uniform(0.28, 0.42)}[n]
        for cx, cy in cells:
            spot = self._slot(rng, item, cx + rng.uniform(-0.05, 0.05), cy + rng.uniform(-0.05, 0.05),
                              size * rng.uniform(0.9, 1.1))
            compose.paste(canvas, item.pixels, spot, item.flips and rng.random() < 0.5)
        say = lambda k, noun: f"one {noun}" if k == 1 else f"{COUNTS[k]} {plural(noun)}"
        wrong = {"count": [say(k, item.caption) for k in rng.permutation([k for k in COUNTS if k != n])[:2]]}
        scene = Scene(canvas, say(n, item.caption), set(item.tags) | {COUNTS[n]}, wrong, [item])
        return self._finish(scene, rng, place, [say(n, other.caption)])

    def _colour(self, rng, canvas, place):
        """One recoloured object."""
        item = self._object(rng)
        other = self._object(rng, (item,))
        colours = rng.permutation(COLOURS).tolist()
        pixels = compose.recoloured(item.pixels, colours[0])
        if pixels is None:
            return None
        spot = self._slot(rng, item, rng.uniform(0.42, 0.58), rng.uniform(0.42, 0.58), rng.uniform(0.5, 0.95))
        compose.paste(canvas, pixels, spot, item.flips and rng.random() < 0.5)
        say = lambda hue, noun: article(f"{hue} {noun}")
        wrong = {"colour": [say(c, item.caption) for c in colours[1:3]]}
        tags = (set(item.tags) - set(COLOURS)) | {colours[0]}
        scene = Scene(canvas, say(colours[0], item.caption), tags, wrong, [item])
        return self._finish(scene, rng, place, [say(colours[0], other.caption)])
