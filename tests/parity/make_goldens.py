#!/usr/bin/env python3
"""Writes goldens.json: small CLIP and SigLIP models with weights by formula, and the embeddings that transformers gives.

Needs torch, transformers, safetensors and numpy. Run it when a case is added, and commit what it writes:
    python tests/parity/make_goldens.py
"""

import json
import os
import pathlib
import random
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, Siglip2Config, Siglip2Model, SiglipConfig, SiglipModel

import formula

HERE = pathlib.Path(__file__).parent
torch.set_grad_enabled(False)


def tower(width, heads, layers, inter, act, **more):
    return dict(hidden_size=width, num_attention_heads=heads, num_hidden_layers=layers, intermediate_size=inter,
                hidden_act=act, **more)


def clip(image, text, projection, dtype="F32", pad=1, **extra):
    return dict(family="clip", dtype=dtype, pad=pad,
                config=dict(model_type="clip", projection_dim=projection, vision_config=image, text_config=text, **extra))


def siglip(image, text, dtype="F32", pad=1, pads_left=False, **extra):
    return dict(family="siglip", dtype=dtype, pad=pad, pads_left=pads_left,
                config=dict(model_type="siglip", vision_config=image, text_config=text, **extra))


def naflex(grids, image, text, dtype="F32", pad=0, pads_left=False):
    """grids: [rows, columns] of patches of each picture."""
    return dict(family="siglip2", dtype=dtype, pad=pad, pads_left=pads_left, grids=grids,
                config=dict(model_type="siglip2", vision_config=image, text_config=text))


def cases():
    yield "clip_quick_gelu_head64", clip(
        tower(128, 2, 3, 512, "quick_gelu", image_size=32, patch_size=8),
        tower(64, 1, 2, 256, "quick_gelu", vocab_size=120, max_position_embeddings=16, eos_token_id=119), 48)
    yield "clip_gelu_head72_legacy_eos", clip(
        tower(144, 2, 2, 300, "gelu", image_size=30, patch_size=7),
        tower(72, 1, 3, 200, "gelu", vocab_size=90, max_position_embeddings=12, eos_token_id=2), 40, pad=0)
    yield "clip_gelu_tanh_head80", clip(
        tower(160, 2, 2, 640, "gelu_pytorch_tanh", image_size=48, patch_size=16),
        tower(80, 1, 2, 320, "gelu_pytorch_tanh", vocab_size=64, max_position_embeddings=20, eos_token_id=7), 33, pad=7)
    yield "clip_one_token_picture_f16", clip(
        tower(64, 4, 1, 100, "quick_gelu", image_size=32, patch_size=32),
        tower(48, 3, 1, 96, "quick_gelu", vocab_size=50, max_position_embeddings=5, eos_token_id=49), 16, dtype="F16")
    yield "clip_odd_widths_bf16", clip(
        tower(90, 3, 2, 77, "gelu", image_size=20, patch_size=5, layer_norm_eps=1e-6),
        tower(66, 6, 2, 131, "gelu", vocab_size=70, max_position_embeddings=9, eos_token_id=60, layer_norm_eps=1e-4), 21,
        dtype="BF16")
    yield "clip_50_tokens", clip(
        tower(128, 2, 2, 256, "quick_gelu", image_size=56, patch_size=8),
        tower(128, 2, 2, 256, "quick_gelu", vocab_size=200, max_position_embeddings=77, eos_token_id=199), 32)
    yield "clip_257_tokens", clip(
        tower(64, 1, 2, 128, "gelu", image_size=64, patch_size=4),
        tower(64, 2, 2, 128, "gelu", vocab_size=300, max_position_embeddings=77, eos_token_id=2), 24, pad=0)
    yield "clip_577_tokens", clip(
        tower(64, 1, 2, 64, "quick_gelu", image_size=72, patch_size=3),
        tower(32, 4, 1, 64, "quick_gelu", vocab_size=40, max_position_embeddings=8, eos_token_id=39), 24)
    # Files of 2021 carry *_config_dict objects whose values win over text_config and vision_config.
    old_text = tower(64, 2, 2, 128, "quick_gelu", vocab_size=80, max_position_embeddings=11, eos_token_id=2)
    old_image = tower(96, 3, 2, 192, "quick_gelu", image_size=24, patch_size=6)
    yield "clip_old_config_dicts", clip(
        dict(old_image, hidden_size=48, num_hidden_layers=1), dict(old_text, intermediate_size=64), 20, pad=0,
        text_config_dict=old_text, vision_config_dict=old_image)
    yield "clip_deep", clip(
        tower(64, 1, 12, 256, "quick_gelu", image_size=28, patch_size=14),
        tower(64, 1, 12, 256, "quick_gelu", vocab_size=99, max_position_embeddings=14, eos_token_id=98), 32)
    yield "siglip_head64", siglip(
        tower(128, 2, 2, 512, "gelu_pytorch_tanh", image_size=32, patch_size=8),
        tower(128, 2, 2, 512, "gelu_pytorch_tanh", vocab_size=110, max_position_embeddings=16, projection_size=128))
    yield "siglip_head72", siglip(
        tower(144, 2, 3, 538, "gelu_pytorch_tanh", image_size=42, patch_size=14),
        tower(144, 2, 2, 538, "gelu_pytorch_tanh", vocab_size=110, max_position_embeddings=64, projection_size=144))
    yield "siglip_head80_f16", siglip(
        tower(80, 1, 2, 200, "gelu_pytorch_tanh", image_size=33, patch_size=8),
        tower(160, 2, 2, 200, "gelu_pytorch_tanh", vocab_size=70, max_position_embeddings=10, projection_size=80),
        dtype="F16", pad=3)
    yield "siglip_gelu_bf16", siglip(
        tower(96, 6, 2, 150, "gelu", image_size=16, patch_size=8, layer_norm_eps=1e-5),
        tower(96, 6, 2, 150, "quick_gelu", vocab_size=70, max_position_embeddings=7, projection_size=96), dtype="BF16",
        pad=0)
    yield "siglip2_pads_left", siglip(
        tower(64, 1, 1, 128, "gelu_pytorch_tanh", image_size=16, patch_size=4),
        tower(64, 2, 2, 128, "gelu_pytorch_tanh", vocab_size=60, max_position_embeddings=12, projection_size=64), pad=0,
        pads_left=True)
    yield "siglip_196_tokens", siglip(
        tower(64, 1, 2, 128, "gelu_pytorch_tanh", image_size=56, patch_size=4),
        tower(64, 2, 2, 128, "gelu_pytorch_tanh", vocab_size=60, max_position_embeddings=64, projection_size=64))
    yield "siglip_729_tokens", siglip(
        tower(72, 1, 2, 100, "gelu_pytorch_tanh", image_size=81, patch_size=3),
        tower(72, 1, 1, 100, "gelu_pytorch_tanh", vocab_size=60, max_position_embeddings=6, projection_size=72))
    yield "siglip_odd_widths", siglip(
        tower(60, 4, 2, 111, "gelu_pytorch_tanh", image_size=25, patch_size=6),
        tower(84, 6, 3, 95, "gelu_pytorch_tanh", vocab_size=77, max_position_embeddings=13, projection_size=60))
    # Heads of the large published towers: 64 wide in L/14-336 (577 tokens are above), 80 in H/14.
    yield "clip_h14_heads", clip(
        tower(320, 4, 2, 640, "gelu", image_size=42, patch_size=14),
        tower(128, 2, 2, 512, "gelu", vocab_size=80, max_position_embeddings=77, eos_token_id=2), 64, pad=0)
    sharded = siglip(
        tower(64, 1, 2, 96, "gelu_pytorch_tanh", image_size=24, patch_size=6),
        tower(64, 1, 2, 96, "gelu_pytorch_tanh", vocab_size=70, max_position_embeddings=9, projection_size=64))
    yield "siglip_three_shards", dict(sharded, shards=3)
    yield "siglip_1024_tokens", siglip(
        tower(64, 1, 1, 64, "gelu_pytorch_tanh", image_size=64, patch_size=2),
        tower(64, 1, 1, 64, "gelu_pytorch_tanh", vocab_size=40, max_position_embeddings=6, projection_size=64))
    # Grids as long as the learned one, longer, shorter, of one row, of one patch.
    yield "naflex_head64", naflex(
        [[4, 4], [2, 8], [8, 2], [1, 16], [3, 5], [1, 1], [5, 3]],
        tower(128, 2, 2, 256, "gelu_pytorch_tanh", num_patches=16, patch_size=4),
        tower(128, 2, 2, 256, "gelu_pytorch_tanh", vocab_size=90, max_position_embeddings=12, projection_size=128),
        pads_left=True)
    yield "naflex_head72_bf16", naflex(
        [[7, 9], [8, 8], [2, 31], [12, 5]],
        tower(144, 2, 2, 200, "gelu_pytorch_tanh", num_patches=64, patch_size=3),
        tower(144, 2, 2, 200, "gelu_pytorch_tanh", vocab_size=90, max_position_embeddings=12, projection_size=144),
        dtype="BF16")
    yield "naflex_256_patches", naflex(
        [[16, 16], [13, 19], [19, 13], [9, 28], [28, 9], [3, 85]],
        tower(64, 1, 2, 64, "gelu_pytorch_tanh", num_patches=256, patch_size=2),
        tower(64, 1, 1, 64, "gelu_pytorch_tanh", vocab_size=50, max_position_embeddings=6, projection_size=64), pad=1)


def texts(config, rng):
    """Token ids with one end-of-text each, of every kind of length, as a tokenizer would give them."""
    t = config.get("text_config_dict") or config["text_config"]
    context, vocabulary = t["max_position_embeddings"], t["vocab_size"]
    eos = t.get("eos_token_id", 1)
    if config["model_type"] == "clip" and eos == 2:
        eos = vocabulary - 1
    ordinary = [i for i in range(3, vocabulary - 1) if i != eos]
    for length in sorted({2, 3, context // 2 + 1, context - 1, context}):
        yield [rng.choice(ordinary) for _ in range(length - 1)] + [eos]


def rounded(array, dtype):
    if dtype == "F16":
        return array.astype(np.float16)
    if dtype == "BF16":
        return torch.from_numpy(array).to(torch.bfloat16)
    return array


KINDS = {"clip": (CLIPConfig, CLIPModel), "siglip": (SiglipConfig, SiglipModel), "siglip2": (Siglip2Config, Siglip2Model)}


def square_features(model, vision):
    size = vision["image_size"]
    return model.get_image_features(pixel_values=torch.from_numpy(formula.values("pixels", (2, 3, size, size), 2.0)))


def naflex_features(model, vision, grids):
    """Pictures of different grids in one padded and masked batch, as Siglip2ImageProcessor makes it."""
    p, most = vision["patch_size"], max(rows * columns for rows, columns in grids)
    patches, mask = torch.zeros(len(grids), most, 3 * p * p), torch.zeros(len(grids), most, dtype=torch.int32)
    for i, (rows, columns) in enumerate(grids):
        pixels = formula.values(f"pixels {i}", (3, rows * p, columns * p), 2.0)
        flat = pixels.reshape(3, rows, p, columns, p).transpose(1, 3, 2, 4, 0).reshape(rows * columns, -1)
        patches[i, :rows * columns], mask[i, :rows * columns] = torch.from_numpy(flat.copy()), 1
    return model.get_image_features(pixel_values=patches, pixel_attention_mask=mask, spatial_shapes=torch.tensor(grids))


def golden(name, case):
    kind = KINDS[case["family"]]
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory)
        (path / "config.json").write_text(json.dumps(case["config"]))
        config = kind[0].from_pretrained(directory)
        kind[1](config).save_pretrained(directory)
        with safe_open(path / "model.safetensors", "np") as file:
            shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}
        tensors = {key: formula.values(key, shape, *formula.spread(key, shape)) for key, shape in shapes.items()}
        tensors = {key: torch.as_tensor(rounded(value, case["dtype"])) for key, value in tensors.items()}

        save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
        (path / "config.json").write_text(json.dumps(case["config"]))
        model = kind[1].from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()

    v = case["config"].get("vision_config_dict") or case["config"]["vision_config"]
    features = naflex_features(model, v, case["grids"]) if "grids" in case else square_features(model, v)
    images = features.pooler_output
    t = case["config"].get("text_config_dict") or case["config"]["text_config"]
    ids = list(texts(case["config"], random.Random(name)))
    pads = [[case["pad"]] * (t["max_position_embeddings"] - len(i)) for i in ids]
    padded = torch.tensor([p + i if case.get("pads_left") else i + p for i, p in zip(ids, pads)])
    words = model.get_text_features(input_ids=padded).pooler_output
    short = lambda matrix: [[float(f"{x:.8g}") for x in row] for row in matrix.tolist()]
    return dict(name=name, family=case["family"], config=case["config"], dtype=case["dtype"], pad=case["pad"],
                pads_left=case.get("pads_left", False), **{k: case[k] for k in ("grids", "shards") if k in case},
                tensors=[[key, list(shape), *formula.spread(key, shape)] for key, shape in sorted(shapes.items())],
                images=short(images), texts=ids, text_embeddings=short(words))


def main():
    made = [golden(name, case) for name, case in cases()]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in made)
    text = '{"transformers":"%s","torch":"%s","cases":[\n%s\n]}\n' % (transformers.__version__, torch.__version__, lines)
    (HERE / "goldens.json").write_text(text)
    print(f"goldens.json: {len(made)} cases, {len(text)} bytes")


if __name__ == "__main__":
    main()
