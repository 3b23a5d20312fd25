#!/usr/bin/env python3
"""Full-size towers with random weights through transformers and through Espy: least cosine and largest difference.

    python tools/parity_full.py --cli BUILD/tests/parity/encode_cli [--models clip-b32,clip-b16,...] [--items 4]

Needs torch, transformers and safetensors, and as much memory as the model twice. Each model is written to a temporary
directory, run, and removed. One JSON line a tower; differences are of the raw embeddings, as a part of the row's norm.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

torch.set_grad_enabled(False)


def side(width, inter, layers, heads, **more):
    return dict(hidden_size=width, intermediate_size=inter, num_hidden_layers=layers, num_attention_heads=heads, **more)


B = lambda patch, size=224, **more: side(768, 3072, 12, 12, patch_size=patch, image_size=size, **more)
MODELS = {
    "clip-b32": ("clip", B(32), side(512, 2048, 12, 8), 512),
    "clip-b16": ("clip", B(16), side(512, 2048, 12, 8), 512),
    "clip-l14": ("clip", side(1024, 4096, 24, 16, patch_size=14, image_size=224), side(768, 3072, 12, 12), 768),
    "siglip-b16": ("siglip", B(16), side(768, 3072, 12, 12), 768),
    "siglip-so400m-384": ("siglip", side(1152, 4304, 27, 16, patch_size=14, image_size=384), side(1152, 4304, 27, 16), 1152),
}


def build(name):
    family, vision, text, projection = MODELS[name]
    if family == "clip":
        text.update(eos_token_id=49407, bos_token_id=49406, pad_token_id=1)
        config = CLIPConfig(vision_config=dict(vision, projection_dim=projection),
                            text_config=dict(text, projection_dim=projection), projection_dim=projection)
        return CLIPModel(config).eval()
    return SiglipModel(SiglipConfig(vision_config=vision, text_config=text)).eval()


def livelier(model):
    """Random initialisation leaves attention uniform and towers almost linear; wider weights test more."""
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "norm" in name or "layrnorm" in name:
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
        elif name.endswith("bias"):
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
        elif parameter.dim() == 2 and ("q_proj" in name or "k_proj" in name):
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 1.5 * parameter.shape[1] ** -0.5)


def agreement(ours, theirs):
    norms = np.linalg.norm(theirs, axis=1)
    cosine = (ours * theirs).sum(1) / (np.linalg.norm(ours, axis=1) * norms)
    return dict(cosine=float(cosine.min()), difference=float((np.abs(ours - theirs).max(1) / norms).max()))


def run(name, cli, items, threads):
    torch.manual_seed(0)
    model = build(name)
    livelier(model)
    c = model.config
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory)
        model.save_pretrained(directory)
        size = c.vision_config.image_size
        pixels = torch.randn(items, 3, size, size)
        context, clip = c.text_config.max_position_embeddings, name.startswith("clip")
        texts = [torch.randint(3, 30000, (3 + i * (context - 3) // items,)).tolist() for i in range(items)]
        if clip:
            texts = [[49406] + ids[:context - 2] + [49407] for ids in texts]
        pad = 49407 if clip else 1
        padded = torch.tensor([ids + [pad] * (context - len(ids)) for ids in texts])
        want = dict(image=model.get_image_features(pixel_values=pixels).pooler_output.numpy(),
                    text=model.get_text_features(input_ids=padded).pooler_output.numpy())
        del model
        (path / "image.in").write_bytes(pixels.numpy().astype("<f4").tobytes())
        (path / "text.in").write_bytes(np.concatenate([[len(i), *i] for i in texts]).astype("<i4").tobytes())
        for tower in ("image", "text"):
            subprocess.run([cli, directory, tower, path / f"{tower}.in", path / "out", str(threads), str(pad)], check=True)
            got = np.fromfile(path / "out", "<f4").reshape(want[tower].shape)
            print(json.dumps(dict(model=name, tower=tower, items=items, **agreement(got, want[tower]))), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cli", required=True)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--items", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    for name in a.models.split(","):
        run(name, a.cli, a.items, a.threads)


if __name__ == "__main__":
    main()
