#!/usr/bin/env python3
"""Writes goldens.json: Medusa's heads and an MTP module beside a tiny decoder, weights by formula, as PyTorch computes
what captioning/drafts/README.md defines. The definitions are stated here once more, in plain operations on whole
matrices, from the papers and BERT's layer; nothing is taken from the code under test.

Needs torch and numpy. Run it when a case is added, and commit what it writes:
    python tests/captioning/drafts/make_goldens.py
"""

import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "parity"))
sys.dont_write_bytecode = True
import formula  # noqa: E402

torch.set_grad_enabled(False)
torch.set_num_threads(1)
WIDTH, HEADS, INTER, VOCABULARY, CONTEXT, VISION = 48, 4, 96, 57, 24, 40
EPS = 1e-12
ROWS, IMAGE_TOKENS, MEDUSA = 6, 9, 3


def layer_shapes(at):
    for part, inputs in (("attention.self", WIDTH), ("crossattention.self", VISION)):
        yield f"{at}{part}.query.weight", (WIDTH, WIDTH)
        yield f"{at}{part}.query.bias", (WIDTH,)
        for name in ("key", "value"):
            yield f"{at}{part}.{name}.weight", (WIDTH, inputs)
            yield f"{at}{part}.{name}.bias", (WIDTH,)
    for part in ("attention.output", "crossattention.output"):
        yield f"{at}{part}.dense.weight", (WIDTH, WIDTH)
        yield f"{at}{part}.dense.bias", (WIDTH,)
        yield f"{at}{part}.LayerNorm.weight", (WIDTH,)
        yield f"{at}{part}.LayerNorm.bias", (WIDTH,)
    yield f"{at}intermediate.dense.weight", (INTER, WIDTH)
    yield f"{at}intermediate.dense.bias", (INTER,)
    yield f"{at}output.dense.weight", (WIDTH, INTER)
    yield f"{at}output.dense.bias", (WIDTH,)
    yield f"{at}output.LayerNorm.weight", (WIDTH,)
    yield f"{at}output.LayerNorm.bias", (WIDTH,)


def decoder_shapes():
    embeddings = "text_decoder.bert.embeddings."
    yield embeddings + "word_embeddings.weight", (VOCABULARY, WIDTH)
    yield embeddings + "position_embeddings.weight", (CONTEXT, WIDTH)
    yield embeddings + "LayerNorm.weight", (WIDTH,)
    yield embeddings + "LayerNorm.bias", (WIDTH,)
    yield from layer_shapes("text_decoder.bert.encoder.layer.0.")
    head = "text_decoder.cls.predictions."
    yield head + "bias", (VOCABULARY,)
    yield head + "transform.dense.weight", (WIDTH, WIDTH)
    yield head + "transform.dense.bias", (WIDTH,)
    yield head + "transform.LayerNorm.weight", (WIDTH,)
    yield head + "transform.LayerNorm.bias", (WIDTH,)


def medusa_shapes():
    for head in range(MEDUSA):
        for block in range(1 + (head == 1)):  # one of the heads is two blocks deep
            yield f"{head}.{block}.linear.weight", (WIDTH, WIDTH)
            yield f"{head}.{block}.linear.bias", (WIDTH,)
    yield "acceptance", (MEDUSA, 4)


def mtp_shapes():
    yield "hnorm.weight", (WIDTH,)
    yield "enorm.weight", (WIDTH,)
    yield "eh_proj.weight", (WIDTH, 2 * WIDTH)
    yield from layer_shapes("layer.0.")
    yield "acceptance", (2, 3)


def spread(name, shape):
    if name == "acceptance":
        return 0.25, 0.5
    if "norm" in name.lower():
        return (0.25, 1.0) if name.endswith("weight") else (0.1, 0.0)
    if name.endswith("bias"):
        return 0.1, 0.0
    if "embeddings" in name:
        return 0.5, 0.0
    gain = 2.0 if "query" in name or "key" in name else 1.0
    return round(gain * math.sqrt(3 / shape[-1]), 6), 0.0


def make(shapes):
    specs, tensors = [], {}
    for name, shape in shapes:
        scale, offset = spread(name, shape)
        specs.append([name, list(shape), scale, offset])
        tensors[name] = torch.from_numpy(formula.values(name, shape, scale, offset))
    return specs, tensors


def linear(w, name, x):
    return F.linear(x, w[name + ".weight"], w[name + ".bias"])


def norm(w, name, x):
    return F.layer_norm(x, (WIDTH,), w[name + ".weight"], w[name + ".bias"], EPS)


def attend(w, at, x, source, mask):
    def heads(y):
        return y.view(len(y), HEADS, -1).transpose(0, 1)
    q, k, v = (heads(linear(w, f"{at}self.{name}", s)) for name, s in (("query", x), ("key", source), ("value", source)))
    scores = q @ k.transpose(1, 2) / math.sqrt(WIDTH / HEADS)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    mixed = (scores.softmax(-1) @ v).transpose(0, 1).reshape(len(x), WIDTH)
    return norm(w, f"{at}output.LayerNorm", x + linear(w, f"{at}output.dense", mixed))


def bert_layer(w, at, x, image, mask):
    x = attend(w, at + "attention.", x, x, mask)
    x = attend(w, at + "crossattention.", x, image, None)
    hidden = F.gelu(linear(w, at + "intermediate.dense", x))
    return norm(w, at + "output.LayerNorm", x + linear(w, at + "output.dense", hidden))


def vocabulary_head(w, hidden):
    at = "text_decoder.cls.predictions."
    x = norm(w, at + "transform.LayerNorm", F.gelu(linear(w, at + "transform.dense", hidden)))
    return x @ w["text_decoder.bert.embeddings.word_embeddings.weight"].T + w[at + "bias"]


def rms(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight


def medusa(w, head, hidden):
    block = 0
    while f"{head}.{block}.linear.weight" in w:
        hidden = hidden + F.silu(linear(w, f"{head}.{block}.linear", hidden))
        block += 1
    return hidden


def mtp(w, decoder, hidden, tokens, image, sees):
    """Rows (hidden, next token) whose row i sees the rows sees[i]: the states that the vocabulary head reads."""
    embedded = decoder["text_decoder.bert.embeddings.word_embeddings.weight"][tokens]
    joined = torch.cat([rms(hidden, w["hnorm.weight"]), rms(embedded, w["enorm.weight"])], -1)
    mask = torch.zeros(len(tokens), len(tokens), dtype=torch.bool)
    for row, seen in enumerate(sees):
        mask[row, seen] = True
    return bert_layer(w, "layer.0.", joined @ w["eh_proj.weight"].T, image, mask)


def main():
    decoder_specs, decoder = make(decoder_shapes())
    medusa_specs, heads = make(medusa_shapes())
    mtp_specs, module = make(mtp_shapes())
    hidden = torch.from_numpy(formula.values("hidden", (ROWS, WIDTH), 1.5))
    image = torch.from_numpy(formula.values("image", (IMAGE_TOKENS, VISION), 1.0))
    tokens = [3, 17, 5, 44, 9, 21]  # tokens[i] follows the token of hidden[i]
    # The text's rows, then a draft: two children of the last row, and one of the first of them.
    draft_tokens, draft_parents = [8, 30, 12], [-1, -1, 0]
    sees = [list(range(i + 1)) for i in range(ROWS)]
    text = list(range(ROWS))
    sees += [text + [ROWS], text + [ROWS + 1], text + [ROWS, ROWS + 2]]
    # A draft's hidden state is what the module gave for the row that it follows.
    g = mtp(module, decoder, hidden, tokens, image, sees[:ROWS])
    one = torch.cat([hidden, g[-1:], g[-1:]])
    g1 = mtp(module, decoder, one, tokens + draft_tokens[:2], image, sees[:ROWS + 2])
    two = torch.cat([one, g1[ROWS:ROWS + 1]])
    g2 = mtp(module, decoder, two, tokens + draft_tokens, image, sees)
    assert torch.allclose(g2[:ROWS + 2], g1, atol=1e-6)
    golden = {
        "config": {"width": WIDTH, "heads": HEADS, "inter": INTER, "vocabulary": VOCABULARY, "context": CONTEXT,
                   "vision_width": VISION, "image_tokens": IMAGE_TOKENS, "rows": ROWS, "norm_eps": EPS},
        "decoder": decoder_specs, "medusa": medusa_specs, "mtp": mtp_specs,
        "tokens": tokens, "draft_tokens": draft_tokens, "draft_parents": draft_parents,
        "medusa_logits": [rounded(vocabulary_head(decoder, medusa(heads, i, hidden[-1:]))[0]) for i in range(MEDUSA)],
        "mtp_states": [rounded(row) for row in g2],
        "mtp_logits": [rounded(row) for row in vocabulary_head(decoder, g2[ROWS - 1:])],
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
    (HERE / "goldens.json").write_text("{\n" + lines + "\n}\n")


def rounded(values):
    return [round(float(value), 6) for value in values]


if __name__ == "__main__":
    main()
