#!/usr/bin/env python3
"""Queries of real embeddings for ranking.cc and ranking_peers.py: what people ask a library of held-out pictures.

    cd models/recipe; python ../../bench/ranking_pictures.py --cache DIR OUT_FOLDER [--runs 20]
    ranking --data OUT_FOLDER ...

A query is the caption of a picture that the model was not trained on; its documents are the 30 pictures of the gallery nearest to it
by espy-mini. A grade says how far words and keywords of the two agree (Jaccard index): 4 for the same caption, 3 from a half on, 2 from
a quarter, 1 from a tenth. Features, each standardised over the query's documents: the cosine, eight parts of that sum (question
times picture by principal directions of the gallery, in blocks of like variance), the reciprocal logarithm of the place, the mean
cosine with the picture's ten neighbours, and with the other documents. No feature sees a keyword. A run is another division into
queries that learn and queries that judge.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

RECIPE = Path(__file__).resolve().parent.parent / "models" / "recipe"
sys.path.insert(0, str(RECIPE))
import catalogue  # noqa: E402
import evaluate  # noqa: E402
import export  # noqa: E402

DOCUMENTS, BLOCKS, LEARN, HELD = 30, 8, 500, 200


def words(item):
    return {w for phrase in (item.caption, *item.keywords) for w in phrase.split()}


def standardised(columns):
    return (columns - columns.mean(0)) / np.maximum(columns.std(0), 1e-6)


def grade(asked, item):
    if item.caption == asked.caption:
        return 4
    a, b = words(asked), words(item)
    overlap = len(a & b) / len(a | b)
    return 3 if overlap >= 0.5 else 2 if overlap >= 0.25 else 1 if overlap >= 0.1 else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--model", type=Path, default=RECIPE.parent / "espy-mini")
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    items, _ = catalogue.load(options.cache)
    gallery, seen = [], set()
    for item in sorted(items, key=lambda i: i.id):
        if item.side != "train" and item.cluster not in seen:
            seen.add(item.cluster)
            gallery.append(item)
    model = export.load(options.model)
    asker = evaluate.Asker(model, options.model / "tokenizer.json")
    pictures = asker.images([evaluate.flattened(i, model.shape.image) for i in gallery])
    asked = list({i.caption: i for i in gallery}.values())
    questions = asker.texts([i.caption for i in asked])

    variance, axes = np.linalg.eigh(np.cov(pictures.T))
    axes, share = axes[:, ::-1], np.cumsum(variance[::-1]) / variance.sum()
    block = np.minimum((share * BLOCKS).astype(int), BLOCKS - 1)
    turned, asked_turned = pictures @ axes, questions @ axes
    like = pictures @ pictures.T
    hub = np.sort(like, 1)[:, -11:-1].mean(1)
    place = 1 / np.log2(np.arange(DOCUMENTS) + 2)

    queries = []
    for q, item in enumerate(asked):
        cosine = pictures @ questions[q]
        near = np.argsort(-cosine, kind="stable")[:DOCUMENTS]
        grades = np.array([grade(item, gallery[i]) for i in near])
        if (grades > 0).sum() < 2:
            continue  # nothing to order
        parts = turned[near] * asked_turned[q]
        sums = np.stack([parts[:, block == b].sum(1) for b in range(BLOCKS)], 1)
        features = np.column_stack([cosine[near], sums, place, hub[near], like[np.ix_(near, near)].mean(1)])
        queries.append(np.column_stack([grades, standardised(features)]))
    print(len(gallery), "pictures,", len(queries), "queries", file=sys.stderr)
    options.out.mkdir(parents=True, exist_ok=True)
    learn = min(LEARN, len(queries) * 5 // 7)
    for run in range(options.runs):
        order = np.random.default_rng(run + 1).permutation(len(queries))
        for side, chosen in (("learn", order[:learn]), ("held", order[learn:learn + HELD])):
            rows = np.concatenate([queries[q] for q in chosen])
            np.savetxt(options.out / f"{run}-{side}.txt", rows, fmt=["%d"] + ["%.6g"] * 12)


if __name__ == "__main__":
    main()
