#!/usr/bin/env python3
"""Writes goldens.json: small CLIP and SigLIP models with weights by formula, and the embeddings that transformers
and open_clip give.

Needs torch, transformers, open_clip_torch, timm, safetensors and numpy. Run it when a case is added, and commit what it writes:
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
import open_clip
from timm.models.vision_transformer import VisionTransformer

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


def openclip(image, text, embed_dim, dtype="F32", prefix="", **extra):
    """A model of open_clip's own towers; prefix: what every tensor's name begins with."""
    return dict(family="openclip", dtype=dtype, pad=0, prefix=prefix,
                config=dict(model_cfg=dict(embed_dim=embed_dim, vision_cfg=image, text_cfg=text, **extra),
                            preprocess_cfg=dict(mean=[0.5] * 3, std=[0.5] * 3)))


def openclip_siglip(timm, text, dtype="F32"):
    """A timm tower too small to have a name: `timm` says its sizes, the configuration a name that timm has."""
    text = dict(text, hf_tokenizer_name="some/tokenizer", no_causal_mask=True, proj_bias=True, pool_type="last",
                tokenizer_kwargs=dict(clean="canonicalize"), norm_kwargs=dict(eps=1e-6))
    vision = dict(timm_model_name="vit_base_patch16_siglip_224", image_size=224, timm_pool="map", timm_proj="none")
    case = openclip(vision, text, 768, dtype, custom_text=True, init_logit_bias=-10)
    return dict(case, timm=timm, pad=1)


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
    own = lambda width, heads, layers, **more: dict(width=width, heads=heads, layers=layers, **more)
    yield "openclip_quickgelu", openclip(
        dict(width=128, layers=2, image_size=32, patch_size=8),
        own(64, 2, 2, vocab_size=80, context_length=12), 48, quick_gelu=True)
    yield "openclip_gelu_head80", openclip(
        dict(width=160, layers=3, head_width=80, image_size=42, patch_size=14),
        own(128, 2, 2, vocab_size=80, context_length=77), 96)
    yield "openclip_tanh_ratio_module", openclip(
        dict(width=144, layers=2, head_width=72, mlp_ratio=3.7362, image_size=[32, 32], patch_size=[8, 8],
             act_kwargs=dict(approximate="tanh"), norm_kwargs=dict(eps=1e-6)),
        own(64, 1, 1, mlp_ratio=2.5, vocab_size=60, context_length=9), 40, prefix="module.")
    yield "openclip_custom_text_f16", openclip(
        dict(width=64, layers=1, image_size=24, patch_size=12), own(96, 3, 2, vocab_size=90, context_length=16), 32,
        dtype="F16", custom_text=True, init_logit_bias=-10)
    yield "openclip_siglip_gelu", openclip_siglip(
        dict(embed_dim=128, num_heads=2, depth=2, img_size=32, patch_size=8, act="gelu"),
        own(128, 2, 2, vocab_size=80, context_length=16))
    yield "openclip_siglip_tanh_head72_bf16", openclip_siglip(
        dict(embed_dim=144, num_heads=2, depth=2, mlp_ratio=3.7362, img_size=44, patch_size=14, act="gelu_tanh"),
        own(144, 2, 1, mlp_ratio=3.7362, vocab_size=80, context_length=10, act_kwargs=dict(approximate="tanh")), dtype="BF16")


def texts(config, rng):
    """Token ids with one end-of-text each, of every kind of length, as a tokenizer would give them."""
    if "model_cfg" in config:
        t = config["model_cfg"]["text_cfg"]
        context, vocabulary = t["context_length"], t["vocab_size"]
        eos = vocabulary - 1
    else:
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


class OpenClipSiglip(torch.nn.Module):
    """open_clip's CustomTextCLIP around a timm tower of any size."""

    def __init__(self, timm, text):
        super().__init__()
        act = {"gelu": torch.nn.GELU, "gelu_tanh": lambda: torch.nn.GELU(approximate="tanh")}[timm["act"]]
        sizes = {k: v for k, v in timm.items() if k != "act"}
        self.visual = torch.nn.Module()
        self.visual.trunk = VisionTransformer(class_token=False, global_pool="map", num_classes=0, act_layer=act, **sizes)
        self.text = open_clip.model._build_text_tower(timm["embed_dim"], text_cfg(text))
        self.logit_scale, self.logit_bias = (torch.nn.Parameter(torch.zeros(())) for _ in range(2))

    def encode_image(self, pixels):
        return self.visual.trunk(pixels)

    def encode_text(self, ids):
        return self.text(ids)


def text_cfg(text):
    return {k: v for k, v in text.items() if k not in ("hf_tokenizer_name", "tokenizer_kwargs")}


def openclip_model(case):
    m = dict(case["config"]["model_cfg"])
    if "timm" in case:
        return OpenClipSiglip(case["timm"], m["text_cfg"])
    kind = open_clip.CustomTextCLIP if m.pop("custom_text", False) else open_clip.CLIP
    return kind(**dict(m, text_cfg=text_cfg(m["text_cfg"])))


def openclip_golden(name, case):
    model = openclip_model(case).eval()
    state = model.state_dict()
    shapes = {case["prefix"] + key: list(value.shape) for key, value in state.items()}
    tensors = {key: formula.values(key, shape, *formula.spread(key.removeprefix(case["prefix"]), shape))
               for key, shape in shapes.items()}
    model.load_state_dict({key.removeprefix(case["prefix"]): torch.as_tensor(rounded(value, case["dtype"])).float()
                           for key, value in tensors.items()}, strict=True)
    m = case["config"]["model_cfg"]
    size = case["timm"]["img_size"] if "timm" in case else m["vision_cfg"]["image_size"]
    size = size[0] if isinstance(size, list) else size
    images = model.encode_image(torch.from_numpy(formula.values("pixels", (2, 3, size, size), 2.0)))
    ids = list(texts(case["config"], random.Random(name)))
    words = model.encode_text(torch.tensor([i + [case["pad"]] * (m["text_cfg"]["context_length"] - len(i)) for i in ids]))
    short = lambda matrix: [[float(f"{x:.8g}") for x in row] for row in matrix.tolist()]
    return dict(name=name, family=case["family"], config=case["config"], dtype=case["dtype"], pad=case["pad"],
                **{k: case[k] for k in ("timm",) if k in case},
                tensors=[[key, list(shape), *formula.spread(key.removeprefix(case["prefix"]), shape)]
                         for key, shape in sorted(shapes.items())],
                images=short(images), texts=ids, text_embeddings=short(words))


def golden(name, case):
    if case["family"] == "openclip":
        return openclip_golden(name, case)
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
    text = '{"transformers":"%s","torch":"%s","open_clip":"%s","cases":[\n%s\n]}\n' % (
        transformers.__version__, torch.__version__, open_clip.__version__, lines)
    (HERE / "goldens.json").write_text(text)
    print(f"goldens.json: {len(made)} cases, {len(text)} bytes")


if __name__ == "__main__":
    main()
