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


def vocabulary(t, x):
    x = F.gelu(F.linear(x, t["transform_weight"], t["transform_bias"][0]))
    x = F.layer_norm(x, x.shape[-1:], t["norm_weight"][0], t["norm_bias"][0], 1e-12)
    return F.linear(x, t["words"], t["output_bias"][0])


def texts_of(args):
    first = 0
    for text, length in enumerate(args["lengths"]):
        yield text, first, length
        first += length


def medusa_heads(t, args):
    loss = 0
    for head in range(args["depths"]):
        rows = [first + i for _, first, length in texts_of(args) for i in range(length - 2 - head)]
        if not rows:
            continue
        x = t["hidden"][rows]
        for block in range(args["blocks"]):
            x = x + F.silu(F.linear(x, t[f"{head}.{block}.linear.weight"], t[f"{head}.{block}.linear.bias"][0]))
        targets = torch.tensor([args["tokens"][row + 2 + head] for row in rows])
        loss = loss + 0.8 ** (head + 1) * F.cross_entropy(vocabulary(t, x), targets)
    return loss


def mtp_module(t, args):
    """Row by row, as it drafts: the true rows so far, then the chained ones."""
    def linear(x, name):
        return F.linear(x, t[f"layer.0.{name}.weight"], t[f"layer.0.{name}.bias"][0])

    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], t[f"layer.0.{name}.weight"][0], t[f"layer.0.{name}.bias"][0], 1e-12)

    def one(q, k, v):  # one query over some keys
        n = args["heads"]
        split = [x.reshape(len(x), n, -1).transpose(0, 1) for x in (q[None], k, v)]
        return F.scaled_dot_product_attention(*split).transpose(0, 1).reshape(-1)

    def enter(h, token):
        e = F.rms_norm(t["words"][token], h.shape, t["enorm.weight"][0], 1e-6)
        return F.linear(torch.cat([F.rms_norm(h, h.shape, t["hnorm.weight"][0], 1e-6), e]), t["eh_proj.weight"])

    losses, counts = [0] * args["depths"], [0] * args["depths"]
    for text, first, length in texts_of(args):
        tokens, picture = args["tokens"][first:first + length], args["pictures"][text]
        image = t["images"][picture * args["image_tokens"]:(picture + 1) * args["image_tokens"]]
        image_keys = linear(image, "crossattention.self.key")
        image_values = linear(image, "crossattention.self.value")

        def layer(inputs):
            seen, u = torch.stack(inputs), inputs[-1]
            mixed = one(linear(u, "attention.self.query"), linear(seen, "attention.self.key"),
                        linear(seen, "attention.self.value"))
            x = norm(u + linear(mixed, "attention.output.dense"), "attention.output.LayerNorm")
            mixed = one(linear(x, "crossattention.self.query"), image_keys, image_values)
            x = norm(x + linear(mixed, "crossattention.output.dense"), "crossattention.output.LayerNorm")
            inner = F.gelu(linear(x, "intermediate.dense"))
            return norm(x + linear(inner, "output.dense"), "output.LayerNorm")

        true = []
        for i in range(length - 2):
            true.append(enter(t["hidden"][first + i], tokens[i + 1]))
            inputs, g = list(true), None
            for depth in range(args["depths"]):
                if i + 2 + depth >= length:
                    break
                if depth:
                    inputs.append(enter(g, tokens[i + 1 + depth]))
                g = layer(inputs)
                target = torch.tensor(tokens[i + 2 + depth])
                losses[depth] = losses[depth] + F.cross_entropy(vocabulary(t, g), target)
                counts[depth] += 1
    return sum(loss / max(1, count) for loss, count in zip(losses, counts)) / args["depths"]


OPS = {
    "medusa_heads": medusa_heads,
    "mtp_module": mtp_module,
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
        constant = key in case.get("args", {}).get("constants", ())
        inputs[key] = torch.tensor(values, dtype=torch.float64, requires_grad=not constant)
    out = OPS[case["op"]](inputs, case.get("args", {}))
    if out.numel() != 1:
        out = (out * torch.tensor(formula.values(name + ".factors", tuple(out.shape)), dtype=torch.float64)).sum()
    out.sum().backward()
    zero = {key: x.grad if x.grad is not None else torch.zeros_like(x) for key, x in inputs.items()
            if x.requires_grad}
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


def draft_case(name, op, width, heads_, inner, vision_width, vocabulary_size, image_tokens, texts, pictures, depths, blocks=1):
    """`texts` are lists of tokens."""
    def matrix(rows, columns, gain=1.5):
        return shape(rows, columns, scale=gain / math.sqrt(columns))
    one, small = shape(1, width, scale=0.25, offset=1.0), shape(1, width, scale=0.1)
    tokens = sum(texts, [])
    constants = {"words": shape(vocabulary_size, width), "transform_weight": matrix(width, width), "transform_bias": small,
                 "norm_weight": one, "norm_bias": small, "output_bias": shape(1, vocabulary_size, scale=0.1),
                 "hidden": shape(len(tokens), width), "images": shape((max(pictures) + 1) * image_tokens, vision_width)}
    inputs = {}
    if op == "medusa_heads":
        for head in range(depths):
            for block in range(blocks):
                inputs |= {f"{head}.{block}.linear.weight": matrix(width, width), f"{head}.{block}.linear.bias": small}
    else:
        inputs |= {"hnorm.weight": one, "enorm.weight": one, "eh_proj.weight": matrix(width, 2 * width)}
        def linear(key, outputs, columns):
            return {f"layer.0.{key}.weight": matrix(outputs, columns), f"layer.0.{key}.bias": shape(1, outputs, scale=0.1)}
        for part, keys in (("attention", width), ("crossattention", vision_width)):
            inputs |= linear(part + ".self.query", width, width) | linear(part + ".self.key", width, keys)
            inputs |= linear(part + ".self.value", width, keys) | linear(part + ".output.dense", width, width)
            inputs |= {f"layer.0.{part}.output.LayerNorm.weight": one, f"layer.0.{part}.output.LayerNorm.bias": small}
        inputs |= linear("intermediate.dense", inner, width) | linear("output.dense", width, inner)
        inputs |= {"layer.0.output.LayerNorm.weight": one, "layer.0.output.LayerNorm.bias": small}
    return {"name": name, "op": op, "inputs": constants | inputs,
            "args": {"constants": sorted(constants), "width": width, "heads": heads_, "inner": inner,
                     "vision_width": vision_width, "vocabulary": vocabulary_size, "image_tokens": image_tokens,
                     "tokens": tokens, "lengths": [len(x) for x in texts], "pictures": pictures, "depths": depths,
                     "blocks": blocks}}
