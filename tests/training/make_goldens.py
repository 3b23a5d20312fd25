#!/usr/bin/env python3
"""Writes goldens.json: losses and gradients of small cases, a run of AdamW, and the scales of torch.amp.GradScaler, all
by PyTorch (2.15 made the file that is committed).

    make_goldens.py"""

import json
import random
from pathlib import Path

import torch
from torch_cases import answer, attention_case, bert_case, draft_case, shape

import formula


def cases():
    yield {"name": "linear", "op": "linear", "inputs": {"x": shape(5, 7), "weight": shape(3, 7), "bias": shape(1, 3)}}
    yield {"name": "dots", "op": "linear", "inputs": {"x": shape(4, 9), "weight": shape(6, 9)}}
    yield {"name": "embedding", "op": "embedding", "inputs": {"table": shape(6, 4)}, "args": {"ids": [3, 0, 3, 5, 3]}}
    norm = {"x": shape(4, 10, scale=3.0, offset=1.0), "weight": shape(1, 10), "bias": shape(1, 10)}
    yield {"name": "layer_norm", "op": "layer_norm", "inputs": norm, "args": {"eps": 1e-5}}
    del (rms := dict(norm))["bias"]
    yield {"name": "rms_norm", "op": "rms_norm", "inputs": rms, "args": {"eps": 1e-6}}
    yield {"name": "l2_normalize", "op": "l2_normalize", "inputs": {"x": shape(4, 6)}}
    for op in ("gelu", "gelu_tanh", "quick_gelu", "silu"):
        yield {"name": op, "op": op, "inputs": {"x": shape(6, 8, scale=6.0)}}
    yield {"name": "join", "op": "join", "inputs": {"a": shape(3, 2), "b": shape(3, 4)}}
    yield attention_case("self", 8, 2, [[0, 5, 0, 5]])
    yield attention_case("causal", 8, 2, [[0, 4, 0, 4], [4, 3, 4, 3]], causal=True)
    yield attention_case("cross", 6, 3, [[0, 2, 0, 5], [2, 3, 5, 2]])
    yield attention_case("shared_keys", 6, 2, [[0, 2, 0, 4], [2, 3, 0, 4]])
    yield attention_case("padding_rows", 8, 2, [[0, 3, 0, 3], [5, 2, 5, 2]], rows=10, keys=10, causal=True)
    yield attention_case("padding_mask", 8, 2, [[0, 4, 0, 4], [4, 4, 4, 4]], seen=[1, 1, 1, 0, 0, 1, 0, 1])
    yield {"name": "cross_entropy", "op": "cross_entropy", "inputs": {"logits": shape(5, 7, scale=4.0)},
           "args": {"targets": [2, -100, 6, 0, -100]}}
    yield {"name": "smoothed", "op": "cross_entropy", "inputs": {"logits": shape(5, 7, scale=4.0)},
           "args": {"targets": [2, 1, 6, -100, 5], "smoothing": 0.1}}
    pairs = {"a": shape(5, 6), "b": shape(5, 6), "log_scale": shape(1, 1, scale=0.0, offset=2.0)}
    yield {"name": "clip", "op": "clip", "inputs": pairs}
    yield {"name": "siglip", "op": "siglip", "inputs": pairs | {"bias": shape(1, 1, scale=0.0, offset=-3.0)}}
    yield {"name": "matching", "op": "matching", "inputs": {"logits": shape(9, 2, scale=3.0)},
           "args": {"texts": [1, 2, -1], "images": [2, 0, 1]}}
    words = {"tokens": [4, 1, 3, 0, 2, 5, 5, 1], "lengths": [5, 3]}
    yield {"name": "language", "op": "language", "inputs": {"logits": shape(8, 6, scale=2.0)},
           "args": words | {"smoothing": 0.1}}
    depths = {"logits1": shape(8, 6, scale=2.0), "logits2": shape(8, 6, scale=2.0), "logits3": shape(8, 6, scale=2.0)}
    yield {"name": "medusa", "op": "medusa", "inputs": depths, "args": words}
    yield {"name": "mtp", "op": "mtp", "inputs": depths, "args": words}
    yield bert_case("bert_layer", 6, 2, 8, 5, [[0, 3, 0, 3], [3, 2, 3, 2]], [[0, 3, 0, 4], [3, 2, 4, 3]])
    texts = [[1, 4, 2, 6, 3, 5], [1, 2], [1, 6, 6, 0]]
    yield draft_case("medusa_heads", "medusa_heads", 4, 2, 6, 3, 7, 2, texts, [1, 0, 1], 3, 2)
    yield draft_case("mtp_module", "mtp_module", 4, 2, 5, 3, 7, 3, texts, [1, 0, 1], 3)


def optimiser():
    """Ten steps of AdamW with clipping; the gradients are by formula, the second group does not decay."""
    values = [torch.nn.Parameter(torch.tensor(formula.values(f"adamw.p{i}", (4, 3)))) for i in range(2)]
    adamw = torch.optim.AdamW([{"params": values[:1], "weight_decay": 0.1}, {"params": values[1:], "weight_decay": 0.0}],
                              lr=1e-2, betas=(0.9, 0.98), eps=1e-6)
    norms = []
    for step in range(10):
        for i, value in enumerate(values):
            value.grad = torch.tensor(formula.values(f"adamw.g{i}.{step}", (4, 3)))
        norms.append(torch.nn.utils.clip_grad_norm_(values, 2.0).item())
        adamw.step()
    return {"norms": norms, "values": [value.detach().flatten().tolist() for value in values]}


def scaler(steps, overflow_share, **options):
    """The steps that overflowed, and the scale wherever it changed: [step, scale]."""
    draw = random.Random(steps)
    overflows, changes = [], []
    gradients = torch.amp.GradScaler("cpu", **options)
    weight = torch.nn.Parameter(torch.zeros(2))
    sgd = torch.optim.SGD([weight], lr=0.0)
    gradients.scale(torch.ones(1))  # makes the scale
    last = gradients.get_scale()
    for step in range(steps):
        weight.grad = torch.ones(2)
        if draw.random() < overflow_share:
            weight.grad[draw.randrange(2)] = draw.choice([float("inf"), float("-inf"), float("nan")])
            overflows.append(step)
        gradients.step(sgd)
        gradients.update()
        if gradients.get_scale() != last:
            last = gradients.get_scale()
            changes.append([step, last])
    return {"steps": steps, "options": options, "overflows": overflows, "changes": changes,
            "tracker": gradients._get_growth_tracker()}


def main():
    rounded = []
    for case in cases():
        loss, gradients = answer(case)
        rounded.append(case | {"loss": float(f"{loss:.9g}"), "gradients": {
            key: [float(f"{x:.7g}") for x in gradient.flatten().tolist()] for key, gradient in gradients.items()}})
    scalers = [scaler(30000, 1 / 3000), scaler(3000, 0.02, init_scale=1024.0, growth_interval=40),
               scaler(500, 0.0, init_scale=2.0**120, growth_interval=20),
               scaler(400, 0.5, init_scale=3.0, growth_factor=1.5, backoff_factor=0.25, growth_interval=3)]
    goldens = {"torch": torch.__version__, "cases": rounded, "adamw": optimiser(), "scalers": scalers}
    lines = []
    for key, value in goldens.items():
        if isinstance(value, list):
            lines.append(json.dumps(key) + ": [\n" + ",\n".join(json.dumps(x) for x in value) + "\n]")
        else:
            lines.append(json.dumps(key) + ": " + json.dumps(value))
    Path(__file__).with_name("goldens.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
