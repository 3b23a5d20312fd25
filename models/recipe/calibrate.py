"""What a score means: fit sigmoid(scale * cosine + bias) to "this hit is right" and write it into the model directory.

    python calibrate.py --cache DIR --model ../espy-mini

Asked of the first 20 pictures for every caption of the validation side, since those are what a person looks at: a hit
is right when every word of the query may be said of it. The scale goes where CLIP keeps it (`logit_scale`, stored as
its logarithm); the bias goes into espy.json, with "loss": "sigmoid" to say that the sigmoid of a logit is a
probability. Rankings do not change.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch

import catalogue
import evaluate
import export
import splits
from data import manifest

SHOWN = 20  # hits a query


def fit(cosines, right, steps=50):
    """Logistic regression of one variable by Newton's method -> (scale, bias)."""
    x = np.stack([cosines, np.ones_like(cosines)], 1)
    w = np.zeros(2)
    for _ in range(steps):
        p = 1 / (1 + np.exp(-x @ w))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(2)
        w += np.linalg.solve(hessian, x.T @ (right - p))
    return float(w[0]), float(w[1])


def shown_hits(asker, items, wordnet, side):
    """(cosine, right) of the first SHOWN hits of every validation caption."""
    pool = {i["id"] for i in manifest() if i["use"] == splits.POOL}
    gallery = evaluate.gallery_of(items, "val", pool, "h1val")
    queries = sorted({i.caption for i in gallery if wordnet.words(i.caption)})
    scores = asker.texts(queries) @ asker.images([evaluate.flattened(i, side) for i in gallery]).T
    cosines, right = [], []
    for row, query in zip(scores, queries):
        said = set(wordnet.words(query))
        for n in np.argsort(-row)[:SHOWN]:
            cosines.append(row[n])
            right.append(said <= gallery[n].tags)
    return np.array(cosines, float), np.array(right, float)


def main():
    from safetensors.torch import load_file, save_file
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", required=True)
    parser.add_argument("--model", type=Path, default=Path(__file__).resolve().parent.parent / "espy-mini")
    options = parser.parse_args()
    items, wordnet = catalogue.load(options.cache)
    model = export.load(options.model)
    asker = evaluate.Asker(model, options.model / "tokenizer.json")
    cosines, right = shown_hits(asker, items, wordnet, model.shape.image)
    scale, bias = fit(cosines, right)
    tensors = load_file(options.model / "model.safetensors")
    tensors["logit_scale"] = torch.tensor(math.log(scale), dtype=torch.float16)
    save_file(tensors, options.model / "model.safetensors", metadata={"format": "pt"})
    (options.model / "model.safetensors").chmod(0o644)
    (options.model / "espy.json").write_text(json.dumps({"loss": "sigmoid", "logit_bias": round(bias, 3)}) + "\n")
    print(f"scale {scale:.2f}, bias {bias:.2f}, from {len(right)} hits of which {100 * right.mean():.1f} % are right")


if __name__ == "__main__":
    main()
