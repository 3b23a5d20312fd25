#!/usr/bin/env python3
"""Full-size towers with random weights through transformers or open_clip and through Espy: least cosine, largest difference.

    python tools/parity_full.py --cli BUILD/tests/parity/encode_cli [--models clip-b32,clip-b16,...] [--items 4]
        [--precision fp32,bf16,int8]

Needs torch, transformers and safetensors, for the openclip-* models open_clip_torch and timm, and as much memory as the
model twice. Each model is written to a temporary directory, run, and removed. One JSON line a tower; differences are of the
raw embeddings, as a part of the row's norm.
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
from transformers import CLIPConfig, CLIPModel, Siglip2Config, Siglip2Model, SiglipConfig, SiglipModel

torch.set_grad_enabled(False)


def side(width, inter, layers, heads, **more):
    return dict(hidden_size=width, intermediate_size=inter, num_hidden_layers=layers, num_attention_heads=heads, **more)


B = lambda patch, size=224, **more: side(768, 3072, 12, 12, patch_size=patch, image_size=size, **more)
L = lambda patch, size=224, **more: side(1024, 4096, 24, 16, patch_size=patch, image_size=size, **more)
SO400M = lambda **more: side(1152, 4304, 27, 16, **more)
SMALL, BASE = side(512, 2048, 12, 8), side(768, 3072, 12, 12)
MODELS = {
    "clip-b32": ("clip", B(32), SMALL, 512),
    "clip-b16": ("clip", B(16), SMALL, 512),
    "clip-l14": ("clip", L(14), BASE, 768),
    "clip-l14-336": ("clip", L(14, 336), BASE, 768),
    "clip-h14": ("clip", side(1280, 5120, 32, 16, patch_size=14, image_size=224, hidden_act="gelu"),
                 side(1024, 4096, 24, 16, hidden_act="gelu"), 1024),
    "siglip-b16": ("siglip", B(16), BASE, 768),
    "siglip-b16-256": ("siglip", B(16, 256), BASE, 768),
    "siglip-b16-384": ("siglip", B(16, 384), BASE, 768),
    "siglip-b16-512": ("siglip", B(16, 512), BASE, 768),
    "siglip-l16-256": ("siglip", L(16, 256), side(1024, 4096, 24, 16), 1024),
    "siglip-l16-384": ("siglip", L(16, 384), side(1024, 4096, 24, 16), 1024),
    "siglip-so400m-224": ("siglip", SO400M(patch_size=14, image_size=224), SO400M(), 1152),
    "siglip-so400m-384": ("siglip", SO400M(patch_size=14, image_size=384), SO400M(), 1152),
    "siglip2-b16-256": ("siglip", B(16, 256), dict(BASE, vocab_size=256000), 768),
    "siglip2-b16-naflex": ("siglip2", dict(BASE, patch_size=16, num_patches=256), dict(BASE, vocab_size=256000), 768),
    "siglip2-so400m-naflex": ("siglip2", SO400M(patch_size=16, num_patches=256), dict(SO400M(), vocab_size=256000), 1152),
    # The second part is open_clip's name.
    "openclip-b32": ("openclip", "ViT-B-32"),
    "openclip-b32-quickgelu": ("openclip", "ViT-B-32-quickgelu"),
    "openclip-l14": ("openclip", "ViT-L-14"),
    "openclip-h14": ("openclip", "ViT-H-14"),
    "openclip-siglip-b16": ("openclip", "ViT-B-16-SigLIP"),
    "openclip-siglip2-b16-256": ("openclip", "ViT-B-16-SigLIP2-256"),
    "openclip-siglip2-so400m-16-256": ("openclip", "ViT-SO400M-16-SigLIP2-256"),
}
# Rows and columns of patches of NaFlex pictures.
GRIDS = [[16, 16], [13, 19], [28, 9], [5, 51], [12, 12], [1, 256]]


def build(name):
    if MODELS[name][0] == "openclip":
        import open_clip
        return open_clip.create_model(MODELS[name][1]).eval()
    family, vision, text, projection = MODELS[name]
    if family == "clip":
        text = dict(text, eos_token_id=49407, bos_token_id=49406, pad_token_id=1)
        config = CLIPConfig(vision_config=dict(vision, projection_dim=projection),
                            text_config=dict(text, projection_dim=projection), projection_dim=projection)
        return CLIPModel(config).eval()
    if family == "siglip2":
        return Siglip2Model(Siglip2Config(vision_config=vision, text_config=text)).eval()
    return SiglipModel(SiglipConfig(vision_config=vision, text_config=text)).eval()


def livelier(model):
    """Random initialisation leaves attention uniform and towers almost linear; wider weights test more."""
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "norm" in name or "layrnorm" in name or "ln_" in name:
            parameter.add_((torch.randn(parameter.shape, generator=generator) * 0.2).to(parameter))
        elif name.endswith("bias"):
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
        elif parameter.dim() == 2 and any(part in name for part in ("q_proj", "k_proj", "in_proj", "qkv")):
            rows = parameter.shape[0] * 2 // 3 if parameter.shape[0] == 3 * parameter.shape[1] else parameter.shape[0]
            values = torch.randn(rows, parameter.shape[1], generator=generator) * 1.5 * parameter.shape[1] ** -0.5
            parameter[:rows].copy_(values)


class Published:
    """A model as its library computes it and publishes it: its size, its texts, its files."""

    def __init__(self, name):
        self.model, self.kind = build(name), MODELS[name][0]
        livelier(self.model)
        if self.kind == "openclip":
            import open_clip
            self.config = open_clip.get_model_config(MODELS[name][1])
            text = self.config["text_cfg"]
            self.context, self.size = text["context_length"], self.config["vision_cfg"]["image_size"]
            self.marked = not text.get("no_causal_mask", False)
            self.pad = 0
        else:
            c = self.model.config
            self.context, self.marked = c.text_config.max_position_embeddings, self.kind == "clip"
            self.size = getattr(c.vision_config, "image_size", None)
            self.pad = 49407 if self.marked else 1

    def pictures(self, items):
        if self.kind != "siglip2":
            return [torch.randn(3, self.size, self.size) for _ in range(items)]
        patch = self.model.config.vision_config.patch_size
        return [torch.randn(3, rows * patch, columns * patch) for rows, columns in GRIDS[:items]]

    def texts(self, items):
        texts = [torch.randint(3, 30000, (3 + i * (self.context - 3) // items,)).tolist() for i in range(items)]
        return [[49406] + ids[:self.context - 2] + [49407] for ids in texts] if self.marked else texts

    def encode(self, pictures, texts):
        padded = torch.tensor([ids + [self.pad] * (self.context - len(ids)) for ids in texts])
        if self.kind == "openclip":
            return self.model.encode_image(torch.stack(pictures)), self.model.encode_text(padded)
        words = self.model.get_text_features(input_ids=padded).pooler_output
        if self.kind != "siglip2":
            return self.model.get_image_features(pixel_values=torch.stack(pictures)).pooler_output, words
        patch = self.model.config.vision_config.patch_size
        flat = [p.reshape(3, p.shape[1] // patch, patch, p.shape[2] // patch, patch).permute(1, 3, 2, 4, 0)
                .reshape(-1, 3 * patch * patch) for p in pictures]
        values, mask = torch.zeros(len(flat), 256, 3 * patch * patch), torch.zeros(len(flat), 256, dtype=torch.int32)
        for i, rows in enumerate(flat):
            values[i, :len(rows)], mask[i, :len(rows)] = rows, 1
        shapes = torch.tensor([[p.shape[1] // patch, p.shape[2] // patch] for p in pictures])
        return self.model.get_image_features(pixel_values=values, pixel_attention_mask=mask,
                                             spatial_shapes=shapes).pooler_output, words

    def save(self, directory):
        if self.kind != "openclip":
            return self.model.save_pretrained(directory)
        from safetensors.torch import save_file
        config = dict(model_cfg=self.config, preprocess_cfg=dict(mean=[0.5] * 3, std=[0.5] * 3))
        (directory / "open_clip_config.json").write_text(json.dumps(config))
        save_file({k: v.contiguous() for k, v in self.model.state_dict().items()},
                  directory / "open_clip_model.safetensors")


def agreement(ours, theirs):
    norms = np.linalg.norm(theirs, axis=1)
    cosine = (ours * theirs).sum(1) / (np.linalg.norm(ours, axis=1) * norms)
    return dict(cosine=float(cosine.min()), difference=float((np.abs(ours - theirs).max(1) / norms).max()))


def run(name, cli, items, threads, precisions):
    torch.manual_seed(0)
    published = Published(name)
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory)
        published.save(path)
        pictures, texts, pad = published.pictures(items), published.texts(items), published.pad
        want = dict(zip(("image", "text"), (x.numpy() for x in published.encode(pictures, texts))))
        del published
        with open(path / "image.in", "wb") as file:
            for picture in pictures:
                file.write(np.asarray([picture.shape[2], picture.shape[1]], "<f4").tobytes())
                file.write(picture.numpy().astype("<f4").tobytes())
        (path / "text.in").write_bytes(np.concatenate([[len(i), *i] for i in texts]).astype("<i4").tobytes())
        for tower in ("image", "text"):
            for precision in precisions:
                subprocess.run([cli, directory, tower, path / f"{tower}.in", path / "out", str(threads), str(pad), precision],
                               check=True)
                got = np.fromfile(path / "out", "<f4").reshape(want[tower].shape)
                print(json.dumps(dict(model=name, tower=tower, items=items, precision=precision,
                                      **agreement(got, want[tower]))), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cli", required=True)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--items", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="fp32,bf16,int8")
    a = parser.parse_args()
    for name in a.models.split(","):
        run(name, a.cli, a.items, a.threads, a.precision.split(","))


if __name__ == "__main__":
    main()
