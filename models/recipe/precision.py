"""What a model's answers lose to fewer bits: Espy's encoder in each precision beside PyTorch's in FP32.

    python precision.py --cache DIR --cli BUILD/tests/parity/encode_cli [--model ../espy-mini] [--pictures 10000]

The collection is the first pictures of the manifest, whatever their side of the division: nothing is learned here. Asked
are their captions, each once, and every tenth picture. One JSON line a precision: the least and the mean cosine between a
vector and its reference, and the mean share of a query's ten best hits that are the same, pictures and queries both in
the precision (the least of single queries is small for captions that mean nothing: all hits score alike).
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import catalogue
import evaluate
import export

DEPTH = 10


def best(queries, gallery):
    """Rows of the DEPTH best hits of each query."""
    return np.argpartition(-(queries @ gallery.T), DEPTH, axis=1)[:, :DEPTH]


def overlap(ours, theirs):
    return float(np.mean([len(set(a) & set(b)) / DEPTH for a, b in zip(ours, theirs)]))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Cli:
    """encode_cli on inputs that are written once."""

    def __init__(self, program, model, folder, pictures, ids):
        self.program, self.model, self.folder = program, model, Path(folder)
        side = pictures[0].shape[0]
        with open(self.folder / "image", "wb") as file:
            for picture in pictures:
                file.write(np.array([side, side], "<f4").tobytes())
                values = picture.transpose(2, 0, 1).astype("<f4") / 255
                file.write(((values - evaluate.MEAN) / evaluate.STD).astype("<f4").tobytes())
        (self.folder / "text").write_bytes(np.concatenate([[len(i), *i] for i in ids]).astype("<i4").tobytes())

    def encode(self, tower, precision):
        out = self.folder / "out"
        subprocess.run([self.program, self.model, tower, self.folder / tower, out, "0", "0", precision], check=True)
        return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", required=True)
    parser.add_argument("--cli", required=True, type=Path)
    parser.add_argument("--model", type=Path, default=Path(__file__).resolve().parent.parent / "espy-mini")
    parser.add_argument("--pictures", type=int, default=10000)
    options = parser.parse_args()
    items = catalogue.load(options.cache)[0][:options.pictures]
    model = export.load(options.model)
    asker = evaluate.Asker(model, options.model / "tokenizer.json")
    pictures = [evaluate.flattened(i, model.shape.image) for i in items]
    captions = sorted({i.caption for i in items})
    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    tokenizer.enable_truncation(model.shape.context)
    ids = [c.ids for c in tokenizer.encode_batch(captions)]
    wanted = {"image": unit(asker.images(pictures)), "text": unit(asker.texts(captions))}
    asked = np.arange(0, len(items), 10)
    by_words, by_picture = best(wanted["text"], wanted["image"]), best(wanted["image"][asked], wanted["image"])
    with tempfile.TemporaryDirectory() as folder:
        cli = Cli(options.cli.resolve(), options.model, folder, pictures, ids)
        for precision in ("fp32", "bf16", "int8"):
            got = {t: unit(np.fromfile(cli.encode(t, precision), "<f4").reshape(wanted[t].shape)) for t in wanted}
            cosines = {t: (got[t] * wanted[t]).sum(1) for t in wanted}
            print(json.dumps({
                "precision": precision, "pictures": len(items), "captions": len(captions),
                **{f"{t} cosine {n}": round(float(f(cosines[t])), 6) for t in wanted for n, f in
                   (("least", np.min), ("mean", np.mean))},
                "same of 10 by words": round(overlap(best(got["text"], got["image"]), by_words), 4),
                "same of 10 by picture": round(overlap(best(got["image"][asked], got["image"]), by_picture), 4)}), flush=True)


if __name__ == "__main__":
    main()
