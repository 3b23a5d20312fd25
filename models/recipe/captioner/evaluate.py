"""Ask a captioner about pictures it never saw; every figure beside the caption of the nearest training picture.

    python -m captioner.evaluate --cache DIR --model ../espy-mini-caption --out figures.json

Captions are greedy and begin from nothing, as transformers' generate does without a prompt. BLEU-4 and CIDEr are
pycocoevalcap's, over lower-case words. The baseline is espy-mini: of all training pictures and 24,000 painted ones, the
most similar gives its caption.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

import catalogue
import evaluate as mini
import export as mini_export
from captioner import data, export, grammar, painter, tokens
from captioner.model import normalised
from words import COLOURS

SEED, SCENES, SWAPS, REFERENCES, POOL = 20241, 500, 300, 5, 24_000
_FRAME = re.compile(r"^(?:there (?:is|are) |(?:an? )?(?:picture|image|drawing|emoji|icon|outline|photo) of )")
_TAIL = re.compile(r" (?:on|against) an? \w+ background$| in front of .*| before .*| with .* (?:in the background|behind)$")
_ARTICLE = re.compile(r"^(?:an?|the|one) ")


def thing(sentence):
    """What a caption of one thing says it is: without what kind of picture, which background, the article."""
    return _ARTICLE.sub("", _TAIL.sub("", _FRAME.sub("", sentence.lower())))


def agreement(sentence, reference):
    """(exact match, F1 of the words) of the thing; a colour that the reference does not name is neither right nor wrong."""
    said, wanted = thing(sentence).split(), reference.lower().split()
    if not set(wanted) & set(COLOURS):
        said = [w for w in said if w not in COLOURS] or said
    shared = sum(min(said.count(w), wanted.count(w)) for w in set(said))
    return said == wanted, 2 * shared / (len(said) + len(wanted)) if shared else 0.0


class Asker:
    """A captioner and its tokenizer, in batches."""

    def __init__(self, model, folder):
        self.model, self.tokenizer = model.eval(), Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))

    def captions(self, pictures):
        """[uint8 [96, 96, 3]] -> [str]"""
        ids = []
        for at in range(0, len(pictures), 64):
            ids += self.model.caption(normalised(torch.from_numpy(np.stack(pictures[at:at + 64]))))
        return [self.tokenizer.decode(row) for row in ids]

    @torch.inference_mode()
    def matches(self, pictures, sentences):
        """One sentence a picture -> (log odds that they belong together, cosines), each [n]."""
        odds, cosines = [], []
        for at in range(0, len(pictures), 64):
            picture = self.model.vision(normalised(torch.from_numpy(np.stack(pictures[at:at + 64]))))
            codes = [c.ids for c in self.tokenizer.encode_batch(sentences[at:at + 64])]
            lengths = torch.tensor([len(c) for c in codes])
            ids = torch.full((len(codes), int(lengths.max())), tokens.PAD)
            for row, code in enumerate(codes):
                ids[row, :len(code)] = torch.tensor(code)
            logits = self.model.match(ids, lengths, self.model.text.seen(picture))
            odds.append(logits[:, 1] - logits[:, 0])
            cosines.append((self.model.image_vector(picture) * self.model.text_vector(ids, lengths)).sum(1))
        return torch.cat(odds).numpy(), torch.cat(cosines).numpy()


class Nearest:
    """The baseline: what the most similar training picture is called; `pool` painted ones are among them."""

    def __init__(self, items, cache, pool=POOL):
        folder = mini.HERE.parent / "espy-mini"
        self._asker = mini.Asker(mini_export.load(folder), folder / "tokenizer.json")
        train = sorted((i for i in items if i.side == "train"), key=lambda i: i.id)
        self._captions, parts = [grammar.with_article(i.caption) for i in train], []
        for at in range(0, len(train), 512):
            parts.append(self._vectors_of([mini.flattened(i, painter.SIDE) for i in train[at:at + 512]]))
        for stem in sorted((cache / "caption").glob("train-*.u8"))[:pool // data.SHARD]:
            records = tokens.records(str(stem)[:-3])
            pixels = np.memmap(stem, np.uint8, "r").reshape(len(records), painter.SIDE, painter.SIDE, 3)
            parts.append(self._vectors_of(list(pixels)))
            self._captions += [r["true"][0][0] for r in records]
        self._vectors = np.concatenate(parts)

    def _vectors_of(self, pictures):
        with torch.autocast("cpu", torch.bfloat16):  # the nearest of thousands needs no more
            return self._asker.images(pictures).astype(np.float32)

    def captions(self, pictures):
        return [self._captions[n] for n in (self._vectors_of(pictures) @ self._vectors.T).argmax(1)]


def singles(askers, items, wordnet):
    """Exact match and F1 of the thing's name, by gallery and asker, in per cent."""
    result = {}
    for name, gallery, asked in mini.all_galleries(items, wordnet):
        chosen = [i for i in gallery if asked(i.caption)]
        pictures = [mini.flattened(i, painter.SIDE) for i in chosen]
        result[name] = {"pictures": len(chosen)}
        for who, asker in askers.items():
            pairs = [agreement(s, i.caption) for s, i in zip(asker.captions(pictures), chosen)]
            result[name][who] = {"exact": round(100 * float(np.mean([e for e, _ in pairs])), 1),
                                 "F1": round(100 * float(np.mean([f for _, f in pairs])), 1)}
    return result


def painter_of(items, wordnet, side, known=None):
    """Scenes of a side's objects and backgrounds only; with `known`, only of objects whose every word was in training."""
    objects = [i for i in items if i.side == side and i.pasteable and (known is None or known(i.caption))]
    return painter.Painter(objects, [i for i in items if i.side == side and i.source == "photos-hand"], wordnet)


def words_of(sentence):
    return " ".join(re.findall(r"\w+", sentence.lower()))


def scenes(askers, items, wordnet, side="test", count=SCENES):
    """BLEU-4 and CIDEr over held-out scenes, each with REFERENCES true sentences; and some captions to look at."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    maker, rng = painter_of(items, wordnet, side, mini.known_words(items, wordnet)), np.random.default_rng(SEED)
    made = [maker.scene(rng)[0] for _ in range(count)]
    references = {n: [words_of(grammar.say(painter.unsaid(m.facts, rng), grammar.choose(rng))) for _ in range(REFERENCES)]
                  for n, m in enumerate(made)}
    pictures, result = [np.asarray(m.image) for m in made], {"scenes": count, "references": REFERENCES}
    for who, asker in askers.items():
        said = asker.captions(pictures)
        answers = {n: [words_of(s)] for n, s in enumerate(said)}
        result[who] = {"BLEU-4": round(100 * Bleu(4).compute_score(references, answers, verbose=0)[0][3], 1),
                       "CIDEr": round(100 * float(Cider().compute_score(references, answers)[0]), 1)}
        result[who]["first"] = said[:8]
    result["first references"] = [references[n][0] for n in range(8)]
    return result


def swaps(asker, items, wordnet, side="test", count=SWAPS):
    """Which of two sentences of one form is true, the false one being changed in one way; chance is 50 %."""
    maker, rng, result = painter_of(items, wordnet, side), np.random.default_rng(SEED + 1), {}
    for change in grammar.CHANGES:
        rows = []
        while len(rows) < count:
            made, choice = maker.scene(rng)[0], grammar.choose(rng)
            other = grammar.changed(made.facts, change, rng, maker.names, maker.places)
            if other is None or change == "object" and any(
                    g.noun in made.tags for g in other.groups if g not in made.facts.groups):
                continue
            true, false = grammar.say(made.facts, choice), grammar.say(other, choice)
            if true != false:
                rows.append((np.asarray(made.image), true, false))
        pictures, true, false = zip(*rows)
        result[change] = {"scenes": count}
        for way, t, f in zip(("matching", "cosine"), asker.matches(pictures, true), asker.matches(pictures, false)):
            result[change][way] = round(100 * float(np.mean((t > f) + 0.5 * (t == f))), 1)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=export.OUT)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    items, wordnet = catalogue.load(options.cache)
    asker = Asker(export.load(options.model), options.model)
    askers = {"espy-mini-caption": asker, "nearest picture": Nearest(items, options.cache)}
    result = {"one thing": singles(askers, items, wordnet), "scenes": scenes(askers, items, wordnet),
              "swaps": swaps(asker, items, wordnet)}
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
