#!/usr/bin/env python3
"""Compares losses and gradients with PyTorch's over many more shapes than goldens.json holds.

    compare_torch.py BUILD [--cases N] [--seed S]

Exits with 1 when a loss, or a gradient by its largest number, differs by more than 1e-4 of it. Prints the worst of each
operation."""

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

from torch_cases import answer, attention_case, bert_case, draft_case, shape

LIMIT = 1e-4


def lengths(draw, longest=12):
    return [draw.randint(1, longest) for _ in range(draw.randint(1, 5))]


def chained(ls):
    starts = [sum(ls[:i]) for i in range(len(ls))]
    return [[first, n, first, n] for first, n in zip(starts, ls)]


def some_case(draw, name):
    n, width, other = draw.randint(1, 70), draw.randint(1, 130), draw.randint(1, 130)
    op = draw.choice(["linear", "embedding", "norms", "pointwise", "attention", "cross", "cross_entropy", "pairs", "matching",
                      "words", "bert_layer", "drafts"])
    if op == "linear":
        return {"name": name, "op": op, "inputs": {"x": shape(n, width), "weight": shape(other, width),
                                                   "bias": shape(1, other)}}
    if op == "embedding":
        return {"name": name, "op": op, "inputs": {"table": shape(other, width)},
                "args": {"ids": [draw.randrange(other) for _ in range(n)]}}
    if op == "norms":
        op = draw.choice(["layer_norm", "rms_norm", "l2_normalize"])
        width += 2  # of two numbers' norm one gradient is all cancellation
        inputs = {"x": shape(n, width, scale=draw.choice([0.1, 1.0, 30.0]), offset=draw.choice([0.0, 0.5]))}
        if op != "l2_normalize":
            inputs["weight"] = shape(1, width)
        if op == "layer_norm":
            inputs["bias"] = shape(1, width)
        return {"name": name, "op": op, "inputs": inputs, "args": {"eps": draw.choice([1e-12, 1e-6, 1e-5])}}
    if op == "pointwise":
        return {"name": name, "op": draw.choice(["gelu", "gelu_tanh", "quick_gelu", "silu"]),
                "inputs": {"x": shape(n, width, scale=draw.choice([0.5, 4.0, 12.0]))}}
    heads = draw.choice([1, 2, 3, 4, 12])
    head_dim = draw.choice([1, 3, 8, 16, 32, 64])
    if op == "attention":
        return attention_case(name, heads * head_dim, heads, chained(lengths(draw, 40)), causal=draw.random() < 0.5)
    if op == "cross":
        queries, keys = lengths(draw), draw.randint(1, 60)
        sequences = [[s[0], s[1], 0, keys] for s in chained(queries)]
        seen = [1] + [int(draw.random() < 0.7) for _ in range(keys - 1)]
        return attention_case(name, heads * head_dim, heads, sequences, seen=seen)
    if op == "cross_entropy":
        return {"name": name, "op": op, "inputs": {"logits": shape(n, width + 1, scale=draw.choice([1.0, 20.0]))},
                "args": {"targets": [draw.choice([-100, draw.randrange(width + 1)]) for _ in range(n)],
                         "smoothing": draw.choice([0.0, 0.1, 0.5])}}
    if op == "pairs":
        inputs = {"a": shape(n + 1, width + 2), "b": shape(n + 1, width + 2),
                  "log_scale": shape(1, 1, scale=0.0, offset=draw.choice([1.0, 2.6592, 4.6]))}
        op = draw.choice(["clip", "siglip"])
        if op == "siglip":
            inputs["bias"] = shape(1, 1, scale=0.0, offset=-10.0)
        return {"name": name, "op": op, "inputs": inputs}
    if op == "matching":
        return {"name": name, "op": op, "inputs": {"logits": shape(3 * n, 2, scale=5.0)},
                "args": {"texts": [draw.choice([-1, 0]) for _ in range(n)], "images": [0] * n}}
    ls = lengths(draw)
    rows = sum(ls)
    if op == "words":
        args = {"tokens": [draw.randrange(width) for _ in range(rows)], "lengths": ls}
        op = draw.choice(["language", "medusa", "mtp"])
        names = ["logits"] if op == "language" else [f"logits{i}" for i in range(1, draw.randint(2, 5))]
        return {"name": name, "op": op, "inputs": {key: shape(rows, width, scale=3.0) for key in names}, "args": args}
    if op == "drafts":
        texts = [[draw.randrange(width) for _ in range(length)] for length in ls]
        return draft_case(name, draw.choice(["medusa_heads", "mtp_module"]), heads * head_dim + heads, heads, other, 12, width,
                          draw.randint(1, 9), texts + [[0] * 3], [draw.randrange(3) for _ in range(len(ls) + 1)],
                          draw.randint(1, 4), draw.randint(1, 2))
    pictures = [[s[0], s[1], 0, 30] for s in chained(ls)]
    return bert_case(name, heads * head_dim + (2 * heads if head_dim == 1 else 0), heads, 4 * heads * head_dim, 24,
                     chained(ls), pictures)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    all_cases = [some_case(draw, f"random{args.seed}.{i}") for i in range(args.cases)]
    ours = subprocess.run([args.build / "tests/training/training_cases"], check=True, text=True, stdout=subprocess.PIPE,
                          input="".join(json.dumps(case) + "\n" for case in all_cases)).stdout.splitlines()
    worst, bad = {}, 0
    for case, line in zip(all_cases, ours, strict=True):
        mine = json.loads(line)
        loss, gradients = answer(case)
        differences = {"loss": abs(mine["loss"] - loss) / max(1e-3, abs(loss))}
        # What is a thousandth of the other gradients, or 0 by nature, is the rounding of terms as large as theirs.
        rest = max(1e-6, max(1e-3 * gradient.abs().max().item() for gradient in gradients.values()))
        for key, gradient in gradients.items():
            largest = max(rest, gradient.abs().max().item())
            differences[key] = max(abs(a - b) for a, b in zip(mine["gradients"][key], gradient.flatten().tolist())) / largest
        for key, difference in differences.items():
            worst[case["op"]] = max(worst.get(case["op"], 0.0), difference)
            if not difference <= LIMIT:
                bad += 1
                print(f"{case['name']} {case['op']} {key}: {difference:.2e}; {json.dumps(case)[:300]}", file=sys.stderr)
    for op, difference in sorted(worst.items()):
        print(f"{op:15} {difference:.1e}")
    print(f"{len(all_cases)} cases, {bad} differ by more than {LIMIT:g}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
