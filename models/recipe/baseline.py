"""A linear baseline to stand beside the model: colour and edge histograms, ridge regression to words.

    python baseline.py --cache DIR --out baseline.json

It trains on the same pictures and words as the model and answers the same questions through evaluate.report. A
picture's vector is its predicted score for every word; a text's vector marks its words. It knows nothing of order.
"""

import argparse
import json

import numpy as np
from PIL import Image

import batches
import catalogue
import evaluate

SIDE = 96           # px
HUES, SATURATIONS, VALUES = 8, 3, 3
CELLS, ANGLES = 6, 8
PENALTIES = (10.0, 100.0, 1000.0)  # ridge, on standardised features; chosen on the validation side


def features(pixels):
    """uint8 [96, 96, 3] -> [8 * 3 * 3 * 5 + 6 * 6 * 8]: HSV histograms of the whole and of each quarter, and edge
    orientations weighted by strength in a 6 x 6 grid, each block of unit length; square roots (Hellinger)."""
    hsv = np.asarray(Image.fromarray(pixels).convert("HSV")).astype(int)
    code = (hsv[..., 0] * HUES // 256) * SATURATIONS * VALUES + (hsv[..., 1] * SATURATIONS // 256) * VALUES \
        + hsv[..., 2] * VALUES // 256
    half, bins = SIDE // 2, HUES * SATURATIONS * VALUES
    parts = [code, code[:half, :half], code[:half, half:], code[half:, :half], code[half:, half:]]
    colour = np.concatenate([np.sqrt(np.bincount(p.ravel(), minlength=bins) / p.size) for p in parts])
    grey = pixels.mean(2)
    dy, dx = np.gradient(grey)
    strength = np.hypot(dx, dy)
    angle = ((np.arctan2(dy, dx) % np.pi) / np.pi * ANGLES).astype(int) % ANGLES
    cell = np.arange(SIDE) * CELLS // SIDE
    place = (cell[:, None] * CELLS + cell[None]) * ANGLES + angle
    edges = np.bincount(place.ravel(), strength.ravel(), minlength=CELLS * CELLS * ANGLES)
    return np.concatenate([colour, np.sqrt(edges / (edges.sum() + 1e-6))])


class Baseline:
    """Ridge regression from features to the tag vocabulary, with images() and texts() like evaluate.Asker."""

    def __init__(self, train, wordnet):
        self.wordnet, self.tags = wordnet, batches.tag_vocabulary(train)
        x = np.stack([features(evaluate.flattened(i, SIDE)) for i in train])
        y = np.zeros((len(train), len(self.tags)), np.float32)
        for row, item in enumerate(train):
            for tag in item.tags & self.tags.keys():
                y[row, self.tags[tag]] = 1
        self._mean, self._spread = x.mean(0), x.std(0) + 1e-6
        # A word's column is standardised, or a rare word could never outscore a common one.
        self._y = (y - y.mean(0)) / (y.std(0) + 1e-6)
        self._x = (x - self._mean) / self._spread
        self.fit(PENALTIES[0])

    def fit(self, penalty):
        gram = self._x.T @ self._x + penalty * np.eye(self._x.shape[1])
        self._weights = np.linalg.solve(gram, self._x.T @ self._y)

    def images(self, pictures):
        x = (np.stack([features(p) for p in pictures]) - self._mean) / self._spread
        return x @ self._weights

    def texts(self, sentences):
        marks = np.zeros((len(sentences), len(self.tags)))
        for row, sentence in enumerate(sentences):
            for word in self.wordnet.words(sentence):
                if word in self.tags:
                    marks[row, self.tags[word]] = 1
        return marks / np.maximum(np.linalg.norm(marks, axis=1, keepdims=True), 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    items, wordnet = catalogue.load(options.cache)
    model = Baseline([i for i in items if i.side == "train"], wordnet)
    best = {}
    for penalty in PENALTIES:
        model.fit(penalty)
        asked = evaluate.report(model, items, wordnet, SIDE, validation=True, scenes=20)
        best[asked["H2 new groups, known words"]["text->image"]["R@10"]] = penalty
    model.fit(best[max(best)])
    result = {"ridge penalty": best[max(best)]} | evaluate.report(model, items, wordnet, SIDE)
    with open(options.out, "w") as file:
        json.dump(result, file, indent=1)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
