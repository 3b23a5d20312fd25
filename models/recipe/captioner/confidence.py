"""Fit how sure the captioner is of a caption: from its matching head's log odds and its cosine, on the validation side.

    python -m captioner.confidence --cache DIR --model ../espy-mini-caption

Captions of validation pictures of one thing are right in so far as the thing that they name shares words with what the picture
is called (the F1 of evaluate.py). A logistic regression of that on both numbers gives confidence.json beside the weights:
confidence = 1 / (1 + exp(-(matching * odds + cosine * c + bias))). Prints how well each orders right captions (F1 of at
least a half) before wrong ones, on the test side: the area under the ROC curve, 0.5 being chance. The threshold below which a
caption is not searched is the one that best parts right from wrong on the validation side: the greatest F1 of "kept" as an answer to
"right".
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

import catalogue
import evaluate as mini
from captioner import export, painter
from captioner.evaluate import Asker, agreement

RIGHT = 0.5


def answers(asker, items):
    """(features [n, 2]: log odds and cosine; F1 [n]) of what the model says of pictures of one thing."""
    pictures = [mini.flattened(i, painter.SIDE) for i in items]
    said = asker.captions(pictures)
    odds, cosines = asker.matches(pictures, said)
    return np.stack([odds, cosines], 1), np.array([agreement(s, i.caption)[1] for s, i in zip(said, items)])


def fitted(features, target):
    """Weights [3] of the logistic regression, the bias last; Newton's steps on standardised features."""
    mean, deviation = features.mean(0), features.std(0)
    x = np.concatenate([(features - mean) / deviation, np.ones((len(features), 1))], 1)
    w = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ w))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(x.shape[1])
        w = w + np.linalg.solve(hessian, x.T @ (target - p))
    scaled = w[:-1] / deviation
    return np.append(scaled, w[-1] - scaled @ mean)


def area(score, right):
    """Of pairs of a right and a wrong one, the share in which the right one scores more."""
    more, less = score[right], np.sort(score[~right])
    return float((np.searchsorted(less, more, "left") + np.searchsorted(less, more, "right")).mean() / 2 / len(less))


def threshold(sure, right):
    """The least confidence of the kept at which precision and recall of the right ones are best together (F1)."""
    order = np.argsort(-sure)
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(sure) + 1) + right.sum())
    return float(sure[order][f1.argmax()])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=export.OUT)
    options = parser.parse_args()
    torch.manual_seed(0)
    items, _ = catalogue.load(options.cache)
    asker = Asker(export.load(options.model), options.model)
    sides = {side: answers(asker, sorted((i for i in items if i.side == side and i.caption), key=lambda i: i.id))
             for side in ("val", "test")}
    weights = fitted(*sides["val"])
    chosen = None
    for side, (features, f1) in sides.items():
        right = f1 >= RIGHT
        sure = 1 / (1 + np.exp(-(features @ weights[:2] + weights[2])))
        print(f"{side}: {len(f1)} captions, {right.mean():.1%} right, mean F1 {f1.mean():.3f}; area under the curve: matching "
              f"{area(features[:, 0], right):.3f}, cosine {area(features[:, 1], right):.3f}, both {area(sure, right):.3f}")
        chosen = round(threshold(sure, right), 3) if chosen is None else chosen
        for least in (chosen, 0.2, 0.3, 0.5):
            kept = sure >= least
            print(f"  at least {least}: {kept.mean():.1%} of the captions, of which {right[kept].mean() if kept.any() else 0:.1%} right")
    text = dict(zip(("matching", "cosine", "bias"), (round(float(w), 4) for w in weights))) | {"threshold": chosen}
    (options.model / "confidence.json").write_text(json.dumps(text, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
