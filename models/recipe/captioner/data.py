"""Paint the captioner's training pictures once, with their sentences, so that training does nothing but gradient steps.

    python -m captioner.data --cache DIR --shards 16

Each shard is two files in DIR/caption: train-N.u8, the pictures one after the other (96 x 96 x 3 bytes), and
train-N.json.gz, one record a picture in the same order:

    true    [[sentence, said]]         `said` is 1 for what a caption may be, 0 for what may only be asked (a kind, a keyword)
    false   [[sentence, change, at]]   false by one change; `at` is the true sentence of the same form
    tags    [word]                     what may be said of the picture
    hued    bool                       whether its colours are among the tags
    mate    int                        how many records further its mate lies (1, -1), or 0
"""

import argparse
import gzip
import json
from pathlib import Path

import numpy as np

import catalogue
import compose
from captioner import grammar, painter

SHARD = 8000          # pictures
MATED, SCENES = 0.30, 0.25  # shares of the pictures; the rest are of one thing
SENTENCES, FALSE = 4, 4     # a picture


def scene_record(made, maker, rng):
    """The sentences of a painted scene."""
    true, false = [], []
    order = rng.permutation(grammar.CHANGES).tolist() * 2
    for at in range(SENTENCES):
        facts, choice = painter.unsaid(made.facts, rng), grammar.choose(rng)
        true.append([grammar.say(facts, choice), 1])
        for change in order[at * 3:at * 3 + 3]:
            other = grammar.changed(facts, change, rng, maker.names, maker.places)
            if other is None or len(false) >= FALSE or change == "object" and any(
                    g.noun in made.tags for g in other.groups if g not in facts.groups):
                continue
            sentence = grammar.say(other, choice)
            if sentence != true[-1][0]:
                false.append([sentence, change, at])
    return {"true": true, "false": false}


def single_record(made, item, rng):
    """The sentences of a picture of one thing: captions, and what else may be asked of it."""
    true, false = [], []
    for at in range(SENTENCES):
        facts, choice = painter.unsaid(made.facts, rng), grammar.choose(rng)
        true.append([grammar.say_one(facts, choice), 1])
        if facts.groups[0].hue and rng.random() < 0.5:
            other = grammar.changed(facts, "colour", rng)
            false.append([grammar.say_one(other, choice), "colour", at])
    more = [*item.kinds[:3], *item.keywords[:3]]
    if more:
        true += [[grammar.with_article(str(w)) if rng.random() < 0.6 else str(w), 0] for w in rng.permutation(more)[:2]]
    return {"true": true, "false": false[:FALSE]}


class Maker:
    """Records and pictures of one side of the division."""

    def __init__(self, items, wordnet, side="train"):
        mine = [i for i in items if i.side == side]
        self.backgrounds = [i for i in mine if i.source == "photos-hand"]
        self.scenes = painter.Painter([i for i in mine if i.pasteable], self.backgrounds, wordnet)
        self._wordnet, self._items = wordnet, mine
        weights = np.array([i.weight for i in mine])
        if side != "train":  # only training pictures have weights
            weights = np.ones(len(mine))
        self._cumulative = np.cumsum(weights / weights.sum())

    def draw(self, rng):
        """One unit of the shard: [(picture, record)], one or two of them."""
        share = rng.random()
        if share < (MATED / 2) / (1 - MATED / 2):  # of the units, which hold one picture or two
            made = self.scenes.scene(rng, mated=True)
        elif share < (MATED / 2 + SCENES) / (1 - MATED / 2):
            made = self.scenes.scene(rng)
        else:
            item = self._items[min(np.searchsorted(self._cumulative, rng.random()), len(self._items) - 1)]
            one = painter.one_thing(item, rng, self.backgrounds, self._wordnet)
            return [self._record(one, single_record(one, item, rng), rng, 0)]
        mates = (1, -1) if len(made) == 2 else (0,)
        return [self._record(m, scene_record(m, self.scenes, rng), rng, mate) for m, mate in zip(made, mates)]

    def _record(self, made, record, rng, mate):
        said = any(g.hue for g in made.facts.groups) or made.facts.ground
        picture = np.asarray(compose.jitter(made.image, rng, bool(made.hued or said)))
        return picture, record | {"tags": sorted(made.tags), "hued": made.hued, "mate": mate}


def write_shard(maker, stem, size, rng):
    part, records = stem.with_suffix(".part"), []
    with open(part, "wb") as out:
        while len(records) < size:
            for picture, record in maker.draw(rng):
                out.write(picture.tobytes())
                records.append(record)
    with gzip.open(f"{stem}.json.gz", "wt", encoding="utf-8") as out:
        json.dump(records, out)
    part.rename(f"{stem}.u8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder made by data.py of the recipe")
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--size", type=int, default=SHARD, help="pictures a shard")
    parser.add_argument("--side", default="train", choices=("train", "val"), help="val: what training is watched with")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    items, wordnet = catalogue.load(options.cache)
    maker, folder = Maker(items, wordnet, options.side), options.cache / "caption"
    folder.mkdir(exist_ok=True)
    for number in range(options.shards):
        stem = folder / f"{options.side}-{number}"
        if not Path(f"{stem}.u8").exists():
            write_shard(maker, stem, options.size, np.random.default_rng([options.seed, number]))
            print(stem, flush=True)


if __name__ == "__main__":
    main()
