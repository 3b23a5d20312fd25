"""Ask a model about pictures it never saw; every number comes with its gallery size and chance.

    python evaluate.py --cache DIR --model ../espy-mini --out results.json

A gallery holds one picture per near-copy cluster, trimmed, on white with a 4 % margin, squashed to the square. A query
is a caption as it stands, without a template. Several pictures with the query's caption are all right answers.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer

import catalogue
import compose
import splits
from data import manifest
from scenes import SceneMaker

MEAN = STD = 0.5
SCENE_SEED, SCENES_EACH = 20240, 300
HERE = Path(__file__).resolve().parent


def normalised(pixels):
    """uint8 [B, H, W, 3] -> float [B, 3, H, W] in [-1, 1], as preprocessor_config.json says."""
    return pixels.permute(0, 3, 1, 2).float().div(255).sub(MEAN).div(STD)


def flattened(item, side):
    """A manifest picture as a file would arrive: a photo squashed, a cut-out on white."""
    if item.photo:
        return np.asarray(Image.fromarray(item.pixels).resize((side, side), compose.BICUBIC))
    canvas = Image.new("RGB", (side, side), (255, 255, 255))
    margin = round(0.04 * side)
    compose.paste(canvas, item.pixels, (margin, margin, side - 2 * margin, side - 2 * margin))
    return np.asarray(canvas)


class Asker:
    """A model and its tokenizer, with batching; unit vectors out."""

    def __init__(self, model, tokenizer_file, device="cpu"):
        self.model, self.device = model.eval(), device
        self.tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self.tokenizer.enable_truncation(model.shape.context)
        self.tokenizer.enable_padding(pad_id=model.shape.eos, pad_token="<|endoftext|>")

    @torch.inference_mode()
    def images(self, pictures):
        """[uint8 [H, W, 3]] -> [n, D]"""
        parts = [self.model.image(normalised(torch.from_numpy(np.stack(pictures[at:at + 64])).to(self.device)))
                 for at in range(0, len(pictures), 64)]
        return torch.cat(parts).float().cpu().numpy()

    @torch.inference_mode()
    def texts(self, sentences):
        """[str] -> [n, D]"""
        parts = []
        for at in range(0, len(sentences), 128):
            ids = [c.ids for c in self.tokenizer.encode_batch(sentences[at:at + 128])]
            parts.append(self.model.text(torch.tensor(ids, device=self.device)))
        return torch.cat(parts).float().cpu().numpy()


def recalls(scores, right):
    """scores [Q, G], right bool [Q, G] -> recall at 1, 5 and 10 and the chance of a random order, in per cent."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    hit = np.take_along_axis(right, order, 1)
    share = right.sum(1) / right.shape[1]
    return {f"R@{k}": round(100 * float(hit[:, :k].any(1).mean()), 1) for k in (1, 5, 10)} | {
        "queries": int(right.shape[0]), "gallery": int(right.shape[1]),
        "chance R@1": round(100 * float(share.mean()), 2),
        "chance R@10": round(100 * float((1 - (1 - share) ** 10).mean()), 1)}


def gallery_of(items, side, pool, extra_side=None):
    """One picture per near-copy cluster of a side."""
    seen, chosen = set(), []
    for item in sorted(items, key=lambda i: i.id):
        if item.side in (side, extra_side) and item.id in pool and item.cluster not in seen:
            seen.add(item.cluster)
            chosen.append(item)
    return chosen


def retrieval(embed_images, embed_texts, gallery, asked):
    """Both directions over one gallery. `asked` says which captions are queries."""
    captions = sorted({i.caption for i in gallery})
    picture, text = embed_images(gallery), embed_texts(captions)
    same = np.array([[i.caption == c for i in gallery] for c in captions])
    queries = np.array([asked(c) for c in captions])
    rows = np.array([asked(i.caption) for i in gallery])
    scores = text @ picture.T
    return {"text->image": recalls(scores[queries], same[queries]),
            "image->text": recalls(scores.T[rows], same.T[rows])}


def swap_tests(asker, items, wordnet, side_name, side, count=SCENES_EACH):
    """Two-way choices on scenes of held-out objects and backgrounds: the true sentence against one changed in order,
    count, colour, object or place. Chance is 50 %."""
    objects = [i for i in items if i.side == side_name and i.pasteable]
    backgrounds = [i for i in items if i.side == side_name and i.source == "photos-hand"]
    maker, rng, result = SceneMaker(objects, backgrounds, wordnet, side), np.random.default_rng(SCENE_SEED), {}
    for change, kind in (("order", "order"), ("count", "count"), ("colour", "colour"), ("colours swapped", "pair"),
                         ("object", "order"), ("place", "order")):
        key = "colour" if kind == "pair" else change
        scenes = []
        while len(scenes) < count:
            scene = maker.make(rng, kind)
            if key in scene.wrong and (kind != "pair" or len(scene.items) == 2):
                scenes.append(scene)
        vectors = asker.images([np.asarray(s.image) for s in scenes])
        true, false = asker.texts([s.text for s in scenes]), asker.texts([s.wrong[key][0] for s in scenes])
        ahead = (vectors * true).sum(1) - (vectors * false).sum(1)
        right = (ahead > 0) + 0.5 * (ahead == 0)  # a tie is a coin's toss
        result[change] = {"right": round(100 * float(right.mean()), 1), "scenes": count}
    return result


def known_words(items, wordnet):
    """A test for "every word of this caption was a caption word in training". The further pictures do not count, so that
    the questions are the same with and without them."""
    seen = {w for i in items if i.side == "train" and not i.further for w in wordnet.words(i.caption)}

    def known(caption):
        said = wordnet.words(caption)
        return bool(said) and all(w in seen for w in said)
    return known


def all_galleries(items, wordnet, validation=False):
    """(name, gallery, asked) for every retrieval test of the protocol."""
    pool = {i["id"] for i in manifest() if i["use"] == splits.POOL}
    known = known_words(items, wordnet)
    if validation:
        groups = gallery_of(items, "val", pool)
        return [("H2 new groups, known words", groups, known),
                ("H1 new pictures of known captions", gallery_of(items, "h1val", pool, "val"),
                 {i.caption for i in items if i.side == "h1val"}.__contains__)]
    groups, style = gallery_of(items, "test", pool), gallery_of(items, "style", pool)
    return [("H2 new groups, known words", groups, known),
            ("H2 new groups, all captions", groups, lambda caption: True),
            ("H1 new pictures of known captions", gallery_of(items, "h1", pool, "test"),
             {i.caption for i in items if i.side == "h1"}.__contains__),
            ("unseen style (OpenMoji)", style, lambda caption: True)]


def report(asker, items, wordnet, side, validation=False, scenes=SCENES_EACH):
    """Everything measured, as one dict."""
    seen = {}

    def pictures(gallery):
        new = [i for i in gallery if i.id not in seen]
        if new:
            seen.update(zip((i.id for i in new), asker.images([flattened(i, side) for i in new])))
        return np.stack([seen[i.id] for i in gallery])
    result = {name: retrieval(pictures, asker.texts, gallery, asked)
              for name, gallery, asked in all_galleries(items, wordnet, validation)}
    result["swaps"] = swap_tests(asker, items, wordnet, "val" if validation else "test", side, scenes)
    return result


def main():
    import export
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", required=True)
    parser.add_argument("--model", type=Path, default=HERE.parent / "espy-mini")
    parser.add_argument("--validation", action="store_true", help="ask the validation side, for tuning")
    parser.add_argument("--scenes", type=int, default=SCENES_EACH, help="scenes for each swap test")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    items, wordnet = catalogue.load(options.cache)
    model = export.load(options.model)
    asker = Asker(model, options.model / "tokenizer.json")
    result = report(asker, items, wordnet, model.shape.image, options.validation, options.scenes)
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
