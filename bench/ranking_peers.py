#!/usr/bin/env python3
"""Peers of ranking.cc on its own queries: the ceiling with true labels, and an online learner; then the table and the curves.

    ranking --dump FOLDER --runs 20
    ranking_peers.py FOLDER --runs 20 > peers.jsonl        lightgbm: LambdaMART on the true grades of the 500 queries
    ranking_peers.py FOLDER --runs 3 --vw 3000 >> peers.jsonl      vowpalwabbit: conditional contextual bandit, ten slots
    ranking_peers.py --draw ours.jsonl peers.jsonl OUT.svg

Wants lightgbm, vowpalwabbit and numpy from PyPI.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

DOCUMENTS, SLOTS = 30, 10
LOOKS = np.array([.68, .61, .48, .34, .28, .20, .11, .10, .08, .06]) / .68
CLICKS = np.array([.1, .16, .28, .52, 1])


def read(folder, run, side):
    rows = np.loadtxt(f"{folder}/{run}-{side}.txt").reshape(-1, DOCUMENTS, 13)
    return rows[:, :, 1:], rows[:, :, 0].astype(int)


def ndcg(grades, order):
    gain = (2.0 ** grades - 1)
    discount = 1 / np.log2(np.arange(SLOTS) + 2)
    most = (np.sort(gain)[::-1][:SLOTS] * discount).sum()
    return (gain[order[:SLOTS]] * discount).sum() / most if most > 0 else 1.0


def lambdamart(folder, run):
    import lightgbm
    x, y = read(folder, run, "learn")
    held_x, held_y = read(folder, run, "held")
    cut = len(x) * 4 // 5  # the last fifth stops the growing
    sets = [lightgbm.Dataset(x[a:b].reshape(-1, 12), y[a:b].ravel(), group=[DOCUMENTS] * (b - a))
            for a, b in ((0, cut), (cut, len(x)))]
    model = lightgbm.train({"objective": "lambdarank", "metric": "ndcg", "eval_at": [SLOTS], "verbose": -1, "num_threads": 2,
                            "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 20, "seed": run}, sets[0], 600,
                           valid_sets=[sets[1]], callbacks=[lightgbm.early_stopping(40, verbose=False)])
    scores = model.predict(held_x.reshape(-1, 12)).reshape(len(held_x), DOCUMENTS)
    return np.mean([ndcg(g, np.argsort(-s, kind="stable")) for g, s in zip(held_y, scores)])


def vowpal_wabbit(folder, run, sessions, severity=1.0):
    import vowpalwabbit
    x, y = read(folder, run, "learn")
    vw = vowpalwabbit.Workspace("--ccb_explore_adf --epsilon 0.05 --quiet", random_seed=run)
    rng, lost = np.random.default_rng(run), 0.0
    actions = ["\n".join("ccb action |f " + " ".join(f"{n}:{v:.5f}" for n, v in enumerate(row)) for row in q) for q in x]
    for _ in range(sessions):
        q = rng.integers(len(x))
        asked = "ccb shared |s constant\n" + actions[q]
        slots = vw.predict(asked + "\n" + "\n".join("ccb slot |t" for _ in range(SLOTS)) + "\n")
        order, chances = [s[0][0] for s in slots], [s[0][1] for s in slots]
        lost += 1 - ndcg(y[q], np.array(order))
        clicked = rng.random(SLOTS) < LOOKS ** severity * CLICKS[y[q][order]]
        told = "\n".join(f"ccb slot {a}:{-float(c)}:{p:.6f} |t" for a, c, p in zip(order, clicked, chances))
        vw.learn(asked + "\n" + told + "\n")
    return lost


def interval(values):
    values = np.array(values)
    return {"mean": values.mean(), "half": 1.96 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0}


COLOURS = {"pdgd": "#1f6fb4", "listwise": "#2a9d4e", "reinforce": "#8e44ad", "naive": "#d9822b", "pdgd-products": "#0b3d91", "listwise-products": "#145a32", "proven": "#c2185b", "pdgd-network": "#17a2b8", "linucb": "#888", "thompson":
           "#b5651d", "similarity": "#222"}


def draw(ours, peers, out):
    """nDCG@10 against sessions, the latter by their logarithm."""
    lines = [json.loads(line) for line in Path(ours).read_text().splitlines()]
    ceiling = next(json.loads(line) for line in Path(peers).read_text().splitlines() if "lambdamart" in line)["ndcg"]["mean"]
    width, height, left, right, top, bottom = 640, 400, 56, 110, 28, 44
    last = max(l["sessions"][-1] for l in lines)
    x = lambda n: left + (width - left - right) * np.log10(max(n, 30) / 30) / np.log10(last / 30)
    low = min(min(l["ndcg"]["mean"]) for l in lines) - 0.02
    y = lambda v: top + (height - top - bottom) * (ceiling + 0.02 - v) / (ceiling + 0.02 - low)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             f'<text x="{left}" y="16" font-size="13">nDCG@10 on held-out queries, user {lines[0]["user"]}, '
             f'severity {lines[0]["severity"]}; mean of {lines[0]["runs"]} runs, bands 95 %</text>']
    for v in np.arange(np.ceil(low * 20) / 20, ceiling + 0.02, 0.05):
        parts.append(f'<path d="M{left} {y(v):.1f}H{width - right}" stroke="#e4e4e4"/><text x="{left - 6}" y="{y(v) + 4:.1f}" '
                     f'text-anchor="end">{v:.2f}</text>')
    for n in (n for n in (100, 1000, 10_000, 100_000) if n <= last):
        parts.append(f'<text x="{x(n):.1f}" y="{height - bottom + 16}" text-anchor="middle">{n:,}</text>')
    parts.append(f'<text x="{(left + width - right) / 2}" y="{height - 8}" text-anchor="middle">sessions</text>')
    parts.append(f'<path d="M{left} {y(ceiling):.1f}H{width - right}" stroke="#c0392b" stroke-dasharray="5 4"/><text '
                 f'x="{width - right + 5}" y="{y(ceiling) + 4:.1f}" fill="#c0392b">LambdaMART</text>')
    ends = []
    for line in lines:
        colour, points = COLOURS.get(line["learner"], "#000"), list(zip(line["sessions"], line["ndcg"]["mean"], line["ndcg"]["half"]))
        band = [f"{x(n):.1f} {y(m + h):.1f}" for n, m, h in points] + [f"{x(n):.1f} {y(m - h):.1f}" for n, m, h in points[::-1]]
        parts.append(f'<path d="M{"L".join(band)}Z" fill="{colour}" opacity="0.15"/>')
        parts.append(f'<path d="M{"L".join(f"{x(n):.1f} {y(m):.1f}" for n, m, _ in points)}" fill="none" stroke="{colour}" '
                     'stroke-width="1.6"/>')
        ends.append([y(points[-1][1]), line["learner"], colour])
    ends.sort()
    for before, after in zip(ends, ends[1:]):
        after[0] = max(after[0], before[0] + 12)
    parts += [f'<text x="{width - right + 5}" y="{at + 10:.1f}" fill="{colour}">{name}</text>' for at, name, colour in ends]
    Path(out).write_text("\n".join(parts) + "\n</svg>\n")


def main():
    if sys.argv[1] == "--draw":
        return draw(*sys.argv[2:5])
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--vw", type=int, default=0, help="sessions of Vowpal Wabbit; 0: LightGBM")
    options = parser.parse_args()
    if options.vw:
        regret = [vowpal_wabbit(options.folder, run, options.vw) for run in range(options.runs)]
        print(json.dumps({"peer": "vowpalwabbit ccb", "sessions": options.vw, "runs": options.runs, "regret": interval(regret)}))
    else:
        print(json.dumps({"peer": "lightgbm lambdamart", "runs": options.runs,
                          "ndcg": interval([lambdamart(options.folder, run) for run in range(options.runs)])}))


if __name__ == "__main__":
    main()
