#!/usr/bin/env python3
"""Writes goldens.json: small BLIP models with weights by formula (tests/parity/formula.py), and the captions and match
scores that transformers gives.

Needs torch, transformers, safetensors and numpy. Run it when a case is added, and commit what it writes:
    python tests/captioning/make_goldens.py

Every caption is generated twice, in FP32 and in FP64, and must be the same: what is kept is not a matter of rounding. A
model's scales are tried in turn until that holds and its captions vary.
"""

import itertools
import json
import math
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from safetensors.torch import save_file
from transformers import BlipConfig, BlipForConditionalGeneration, BlipForImageTextRetrieval

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "parity"))

import formula  # noqa: E402

torch.set_grad_enabled(False)
torch.set_num_threads(1)
transformers.logging.set_verbosity_error()

PICTURES = 3


def model(vision, text, dtype="F32", act="gelu", **extra):
    vw, vh, vl, vi, size, patch = vision
    tw, th, tl, ti, vocabulary, context = text
    return dict(dtype=dtype, config=dict(
        model_type="blip",
        vision_config=dict(hidden_size=vw, num_attention_heads=vh, num_hidden_layers=vl, intermediate_size=vi,
                           image_size=size, patch_size=patch, hidden_act=act),
        text_config=dict(hidden_size=tw, num_attention_heads=th, num_hidden_layers=tl, intermediate_size=ti,
                         vocab_size=vocabulary, max_position_embeddings=context, hidden_act=act,
                         bos_token_id=vocabulary - 2, sep_token_id=2, pad_token_id=0), **extra))


def caption_cases():
    yield "base", model((64, 4, 2, 256, 32, 8), (64, 4, 3, 256, 240, 40))
    yield "large_f16", model((96, 3, 3, 200, 48, 16), (64, 2, 4, 256, 600, 64), "F16")
    yield "head72_bf16", model((144, 2, 2, 300, 40, 8), (144, 2, 2, 200, 777, 32), "BF16")
    yield "narrow_cut_edge", model((32, 4, 1, 64, 30, 7), (48, 6, 5, 100, 99, 48))
    yield "one_patch_tanh", model((40, 1, 2, 80, 16, 16), (96, 12, 2, 384, 1031, 33), act="gelu_pytorch_tanh")
    yield "many_patches", model((64, 1, 2, 128, 96, 4), (128, 2, 3, 512, 400, 50))


def match_cases():
    yield "match_base", model((64, 4, 2, 256, 32, 8), (64, 4, 3, 256, 240, 40), image_text_hidden_size=32)
    yield "match_large_bf16", model((96, 3, 2, 200, 48, 16), (72, 1, 4, 256, 300, 64), "BF16", image_text_hidden_size=48)


# What generate() is asked for; the prompt is token ids after the first.
RUNS = [
    dict(max_length=20),
    dict(max_length=20, num_beams=3),
    dict(max_length=24, prompt=[5, 17, 9], min_length=12),
    dict(max_length=16, min_length=16, repetition_penalty=1.3),
    dict(max_length=18, prompt=[11], num_beams=3, min_length=8, repetition_penalty=1.2),
    dict(max_length=16, num_beams=4, early_stopping=True, length_penalty=0.6),
    dict(max_length=14, num_beams=2, early_stopping="never", length_penalty=-0.5),
    dict(max_length=14, num_beams=2, early_stopping="never", length_penalty=2.0),
    dict(max_length=2),
]


def rounded(array, dtype):
    array = torch.from_numpy(array)
    return {"F16": array.half(), "BF16": array.bfloat16()}.get(dtype, array)


def spread(name, shape, gains):
    """(scale, offset): activations of the order of 1, attention far from uniform, logits far apart."""
    if "LayerNorm" in name or "layer_norm" in name or "layernorm" in name:
        return (0.25, 1.0) if name.endswith("weight") else (0.1, 0.0)
    if name.endswith("predictions.bias"):
        return 0.5, 0.0
    if name.endswith("bias"):
        return 0.1, 0.0
    if "word_embeddings" in name:
        return gains["words"], 0.0
    if "embedding" in name and "patch" not in name:
        return gains["positions"], 0.0
    gain = 2.0 if any(part in name for part in (".query", ".key", "qkv")) else gains["mixing"]
    return round(gain * math.sqrt(3 / math.prod(shape[1:])), 6), 0.0


def build(kind, case, gains):
    """The model of a case, in FP32 and FP64, and its tensors with their spreads."""
    config = BlipConfig.from_dict(dict(case["config"]))
    config._attn_implementation = "eager"
    made = kind(config).eval()
    with tempfile.TemporaryDirectory() as directory:
        made.save_pretrained(directory)
        from safetensors import safe_open
        with safe_open(pathlib.Path(directory) / "model.safetensors", "pt") as file:
            shapes = {key: list(file.get_slice(key).get_shape()) for key in file.keys()}
        spreads = {key: spread(key, shape, gains) for key, shape in shapes.items()}
        tensors = {key: rounded(formula.values(key, shape, *spreads[key]), case["dtype"]) for key, shape in shapes.items()}
        save_file(tensors, pathlib.Path(directory) / "model.safetensors", metadata={"format": "pt"})
        (pathlib.Path(directory) / "config.json").write_text(json.dumps(case["config"]))
        models = [kind.from_pretrained(directory, dtype=dtype).eval() for dtype in (torch.float32, torch.float64)]
    return *models, [[key, shape, *spreads[key]] for key, shape in sorted(shapes.items())]


def pixels(case):
    size = case["config"]["vision_config"]["image_size"]
    return torch.from_numpy(formula.values("pixels", (PICTURES, 3, size, size), 2.0))


def generate(made, images, run):
    options = {key: value for key, value in run.items() if key != "prompt"}
    prompt = [[101] + run["prompt"] + [102]] * len(images) if "prompt" in run else None
    out = made.generate(pixel_values=images, do_sample=False,
                        **({} if prompt is None else dict(input_ids=torch.tensor(prompt))),
                        return_dict_in_generate=True, output_scores=True, **options)
    end, first = made.config.text_config.sep_token_id, 1 + len(run.get("prompt", []))
    captions = []
    for row in out.sequences.tolist():
        stop = next((i for i, token in enumerate(row) if i >= first and token == end), len(row) - 1)
        captions.append(row[:stop + 1])
    scores = out.sequences_scores.tolist() if "num_beams" in run else None
    return captions, scores


def varied(captions):
    """Whether greedy captions are worth comparing: different words, different pictures, and no endless repetition."""
    return len({tuple(caption) for caption in captions}) > 1 and all(
        len(set(caption)) >= min(len(caption), 6) - 1 for caption in captions)


def caption_golden(name, case):
    text = case["config"]["text_config"]
    for mixing, positions, words, when in itertools.product((1.0, 0.7), (2.0, 3.0, 1.5), (0.5, 0.35), (7, 5, 9, 11)):
        gains = dict(words=words, positions=positions, mixing=mixing)
        text["sep_token_id"] = 2
        single, _, _ = build(BlipForConditionalGeneration, case, gains)
        # What ends a caption is a token that comes, so that captions end at different places.
        text["sep_token_id"] = generate(single, pixels(case), dict(max_length=20))[0][0][min(when, 12)]
        if text["sep_token_id"] in (text["bos_token_id"], 0, 5, 9, 11, 17):
            continue
        single, double, tensors = build(BlipForConditionalGeneration, case, gains)
        runs, sound = [], True
        for run in RUNS:
            captions, scores = generate(single, pixels(case), run)
            exact, _ = generate(double, pixels(case).double(), run)
            sound = sound and captions == exact and (run != RUNS[0] or varied(captions))
            runs.append(dict(run, captions=captions, **({} if scores is None else dict(scores=[round(s, 6) for s in scores]))))
        lengths = {len(caption) for run in runs for caption in run["captions"]}
        if not sound or len(lengths) < 4:
            continue
        images = double.vision_model(pixel_values=pixels(case).double()).last_hidden_state
        prompt = torch.tensor([[text["bos_token_id"], 5, 17, 9]])
        logits = double.text_decoder(input_ids=prompt, encoder_hidden_states=images[:1]).logits[0, -1]
        print(f"{name}: {gains}, ends with {text['sep_token_id']}, lengths {sorted(lengths)}")
        return dict(name=name, dtype=case["dtype"], config=case["config"], tensors=tensors, runs=runs,
                    image=[round(x, 6) for x in images[0, :, :4].flatten().tolist()],
                    logits=[round(x, 5) for x in logits.tolist()])
    raise SystemExit(f"{name}: no scales give captions that vary and do not hang on rounding")


def match_golden(name, case):
    single, double, tensors = build(BlipForImageTextRetrieval, case, dict(words=0.5, positions=0.5, mixing=1.0))
    vocabulary = case["config"]["text_config"]["vocab_size"]
    texts = [[(7 * t + 13 * i + i * i) % (vocabulary - 10) + 5 for i in range(length)]
             for t, length in enumerate((3, 1, 9, 35))]
    matches, cosines, logits = [], [], []
    for ids in texts:
        tokens = torch.tensor([ids] * PICTURES)
        out = double(input_ids=tokens, pixel_values=pixels(case).double()).itm_score
        logits.append([[round(x, 6) for x in row] for row in out.tolist()])
        matches.append([round(x, 6) for x in out.softmax(-1)[:, 1].tolist()])
        cosine = double(input_ids=tokens[:1], pixel_values=pixels(case).double(), use_itm_head=False).itm_score
        cosines.append([round(x, 6) for x in cosine[:, 0].tolist()])
    print(f"{name}: matches {matches}")
    return dict(name=name, dtype=case["dtype"], config=case["config"], tensors=tensors, texts=texts,
                logits=logits, matches=matches, cosines=cosines)


def main():
    captions = [caption_golden(name, case) for name, case in caption_cases()]
    matches = [match_golden(name, case) for name, case in match_cases()]
    lines = lambda cases: ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    text = '{"transformers":"%s","torch":"%s","captions":[\n%s\n],"matches":[\n%s\n]}\n' % (
        transformers.__version__, torch.__version__, lines(captions), lines(matches))
    (HERE / "goldens.json").write_text(text)
    print(f"goldens.json: {len(text)} bytes")


if __name__ == "__main__":
    main()
