"""Cases of cases.h answered by PyTorch, in double precision so that its own rounding is out of the way."""

import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "parity"))
import formula  # noqa: E402


def attend(q, k, v, args):
    heads, scale = args["heads"], args["scale"]
    seen = torch.tensor(args.get("key_seen") or [1] * len(k), dtype=torch.bool)
    out = torch.zeros_like(q)
    for first_query, queries, first_key, keys in args["sequences"]:
        def split(x, first, n):
            return x[first:first + n].reshape(n, heads, -1).transpose(0, 1)
        mask = seen[first_key:first_key + keys].expand(queries, keys)
        if args.get("causal"):
            mask = mask & torch.ones(queries, keys, dtype=torch.bool).tril()
        one = F.scaled_dot_product_attention(split(q, first_query, queries), split(k, first_key, keys),
                                             split(v, first_key, keys), attn_mask=mask, scale=scale)
        one = one.transpose(0, 1).reshape(queries, -1)
        out = torch.cat([out[:first_query], one, out[first_query + queries:]])
    return out


def ahead(args, by):
    targets, first = [], 0
    for length in args["lengths"]:
        one = args["tokens"][first:first + length]
        targets += (one[by:] + [-100] * by)[:length] if by < length else [-100] * length
        first += length
    return torch.tensor(targets)


def cross_entropy(logits, targets, smoothing=0.0):
    targets = torch.as_tensor(targets)
    if (targets == -100).all():
        return 0 * logits.sum()
    return F.cross_entropy(logits, targets, label_smoothing=smoothing)


def bert_layer(t, args):
    def linear(x, name):
        return F.linear(x, t[name + "_weight"], t[name + "_bias"][0])

    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], t[name + "norm_weight"][0], t[name + "norm_bias"][0], 1e-12)

    def sublayer(x, keys, name):
        joined = attend(linear(x, name + "_q"), linear(keys, name + "_k"), linear(keys, name + "_v"), args[name])
        return norm(x + linear(joined, name + "_out"), name + "_")

    x = sublayer(t["x"], t["x"], "self")
    x = sublayer(x, t["picture"], "cross")
    return norm(x + linear(F.gelu(linear(x, "fc1")), "fc2"), "")


def contrast(t):
    return t["log_scale"].exp() * F.normalize(t["a"]) @ F.normalize(t["b"]).T


def clip(t, _):
    logits, own = contrast(t), torch.arange(len(t["a"]))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def siglip(t, _):
    logits = contrast(t) + t["bias"]
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype) - 1
    return -F.logsigmoid(signs * logits).sum(1).mean()


def matching(t, args):
    negatives = torch.tensor(args["texts"] + args["images"])
    targets = torch.cat([torch.ones(len(args["texts"]), dtype=torch.long), torch.where(negatives < 0, -100, 0)])
    return F.cross_entropy(t["logits"], targets)


def heads(t):
    return [t[name] for name in sorted(t)]


OPS = {
    "linear": lambda t, a: F.linear(t["x"], t["weight"], t["bias"][0] if "bias" in t else None),
    "embedding": lambda t, a: F.embedding(torch.tensor(a["ids"]), t["table"]),
    "layer_norm": lambda t, a: F.layer_norm(t["x"], t["x"].shape[1:], t["weight"][0], t["bias"][0], a["eps"]),
    "rms_norm": lambda t, a: F.rms_norm(t["x"], t["x"].shape[1:], t["weight"][0], a["eps"]),
    "l2_normalize": lambda t, a: F.normalize(t["x"]),
    "gelu": lambda t, a: F.gelu(t["x"]),
    "gelu_tanh": lambda t, a: F.gelu(t["x"], approximate="tanh"),
    "quick_gelu": lambda t, a: t["x"] * torch.sigmoid(1.702 * t["x"]),
    "silu": lambda t, a: F.silu(t["x"]),
    "join": lambda t, a: torch.cat([t["a"], t["b"]], 1),
    "attention": lambda t, a: attend(t["q"], t["k"], t["v"], a),
    "bert_layer": bert_layer,
    "cross_entropy": lambda t, a: cross_entropy(t["logits"], a["targets"], a.get("smoothing", 0.0)),
    "clip": clip,
    "siglip": siglip,
    "matching": matching,
    "language": lambda t, a: cross_entropy(t["logits"], ahead(a, 1), a.get("smoothing", 0.0)),
    "medusa": lambda t, a: sum(0.8 ** (i + 1) * cross_entropy(x, ahead(a, i + 2)) for i, x in enumerate(heads(t))),
    "mtp": lambda t, a: sum(cross_entropy(x, ahead(a, i + 2)) for i, x in enumerate(heads(t))) / len(t),
}


def answer(case):
    """(loss, {input: gradient}) of a case."""
    name = case["name"]
    inputs = {}
    for key, spec in case["inputs"].items():
        values = formula.values(f"{name}.{key}", spec["shape"], spec.get("scale", 1.0), spec.get("offset", 0.0))
        inputs[key] = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    out = OPS[case["op"]](inputs, case.get("args", {}))
    if out.numel() != 1:
        out = (out * torch.tensor(formula.values(name + ".factors", tuple(out.shape)), dtype=torch.float64)).sum()
    out.sum().backward()
    zero = {key: x.grad if x.grad is not None else torch.zeros_like(x) for key, x in inputs.items()}
    return out.item(), zero


def shape(rows, columns, **more):
    return {"shape": [rows, columns], **more}


def attention_case(name, width, heads_, sequences, keys=None, rows=None, causal=False, seen=None):
    rows = rows or max(s[0] + s[1] for s in sequences)
    keys = keys or max(s[2] + s[3] for s in sequences)
    return {"name": name, "op": "attention",
            "inputs": {"q": shape(rows, width, scale=2.0), "k": shape(keys, width, scale=2.0), "v": shape(keys, width)},
            "args": {"heads": heads_, "scale": 1 / math.sqrt(width / heads_), "causal": causal, "sequences": sequences,
                     "key_seen": seen or []}}


def bert_case(name, width, heads_, inner, picture_width, sequences, pictures):
    def linear(key, outputs, inputs):
        return {key + "_weight": shape(outputs, inputs, scale=1.5 / math.sqrt(inputs)),
                key + "_bias": shape(1, outputs, scale=0.1)}

    def norm(key):
        return {key + "norm_weight": shape(1, width, scale=0.25, offset=1.0), key + "norm_bias": shape(1, width, scale=0.1)}
    inputs = {"x": shape(sum(s[1] for s in sequences), width),
              "picture": shape(max(s[2] + s[3] for s in pictures), picture_width)}
    for part, keys in (("self", width), ("cross", picture_width)):
        inputs |= linear(part + "_q", width, width) | linear(part + "_k", width, keys)
        inputs |= linear(part + "_v", width, keys) | linear(part + "_out", width, width) | norm(part + "_")
    inputs |= linear("fc1", inner, width) | linear("fc2", width, inner) | norm("")
    scale = 1 / math.sqrt(width / heads_)
    return {"name": name, "op": "bert_layer", "inputs": inputs,
            "args": {"self": {"heads": heads_, "scale": scale, "causal": True, "sequences": sequences},
                     "cross": {"heads": heads_, "scale": scale, "sequences": pictures}}}
