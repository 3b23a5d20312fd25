"""Write a run's mean weights as a model directory that transformers and espy open, and read one back.

    python export.py --run DIR/run --out ../espy-mini
    python export.py --run DIR/run --mean-with ../espy-mini --share 0.85

The second form is for a run that went on from published weights: the mean of both, weight by weight, keeps what either
does well ("Robust fine-tuning of zero-shot models", arXiv 2109.01903). The share is chosen on the validation side.

The directory: config.json, model.safetensors (float16), preprocessor_config.json and the tokenizer's files.
"""

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path

import torch

from model import Clip, Shape, resampled

PUBLISHED = 96  # px: less than the last stage of training sees; see README.md
POSITIONS = "vision_model.embeddings.position_embedding.weight"
TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json")


def config_of(s):
    """config.json of a CLIPModel. Every size is written out, for an absent key would mean the large model's."""
    shared = {"hidden_act": "gelu", "layer_norm_eps": 1e-5, "attention_dropout": 0.0, "initializer_factor": 1.0,
              "initializer_range": 0.02, "projection_dim": s.joint}
    return {
        "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": s.joint,
        "logit_scale_init_value": 2.6592, "initializer_factor": 1.0, "torch_dtype": "float16", "dtype": "float16",
        "text_config": shared | {
            "model_type": "clip_text_model", "vocab_size": s.vocabulary, "hidden_size": s.text_width,
            "intermediate_size": s.text_width * s.mlp_ratio, "num_hidden_layers": s.text_layers,
            "num_attention_heads": s.text_heads, "max_position_embeddings": s.context,
            "bos_token_id": s.eos - 1, "eos_token_id": s.eos, "pad_token_id": s.eos},
        "vision_config": shared | {
            "model_type": "clip_vision_model", "hidden_size": s.vision_width,
            "intermediate_size": s.vision_width * s.mlp_ratio, "num_hidden_layers": s.vision_layers,
            "num_attention_heads": s.vision_heads, "num_channels": 3, "image_size": s.image, "patch_size": s.patch}}


def preprocessor_of(s):
    """preprocessor_config.json: squash to the square, bicubic with antialiasing, [-1, 1]. Cut-outs and drawings come
    in any aspect and their ends matter, so nothing is cropped away."""
    square = {"height": s.image, "width": s.image}
    return {"image_processor_type": "CLIPImageProcessor", "processor_class": "CLIPProcessor", "do_convert_rgb": True,
            "do_resize": True, "size": square, "resample": 3, "do_center_crop": False, "crop_size": square,
            "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
            "image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def write(weights, run, out, shape=Shape()):
    """weights {name: tensor} of any shape's positions -> a model directory."""
    from safetensors.torch import save_file
    table = weights[POSITIONS]
    weights = weights | {POSITIONS: torch.cat([table[:1], resampled(table[1:], shape.image // shape.patch)])}
    out.mkdir(parents=True, exist_ok=True)
    tensors = {n: t.detach().cpu().to(torch.float16).contiguous() for n, t in weights.items()}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)
    (out / "config.json").write_text(json.dumps(config_of(shape), indent=2) + "\n")
    (out / "preprocessor_config.json").write_text(json.dumps(preprocessor_of(shape), indent=2) + "\n")
    for name in TOKENIZER_FILES:
        shutil.copyfile(run / name, out / name)


def load(folder, image=None):
    """The published float16 weights in our own model, as float32, so that what is measured is what is published.
    `image`: the side in px of the pictures that it shall see instead of its own; its positions are resampled."""
    from safetensors.torch import load_file
    weights = {n: t.float() for n, t in load_file(Path(folder) / "model.safetensors").items()}
    own = json.loads((Path(folder) / "config.json").read_text())["vision_config"]["image_size"]
    shape = replace(Shape(), image=image or own)
    table = weights[POSITIONS]
    weights[POSITIONS] = torch.cat([table[:1], resampled(table[1:], shape.image // shape.patch)])
    model = Clip(shape)
    model.load_state_dict(weights)
    return model.eval()


def mean(one, two, share):
    """{name: tensor}, `share` of it from `two`."""
    return {name: torch.lerp(one[name].float(), tensor.float(), share) for name, tensor in two.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "espy-mini")
    parser.add_argument("--mean-with", type=Path, help="the published directory that the run went on from")
    parser.add_argument("--image", type=int, default=PUBLISHED, help="side in px of the pictures that the published model sees")
    parser.add_argument("--share", type=float, default=0.85, help="of the run's weights in that mean")
    options = parser.parse_args()
    saved = torch.load(options.run / "checkpoint.pt", map_location="cpu", weights_only=True)
    weights = saved["mean"]
    if options.mean_with:
        weights = mean(load(options.mean_with, Shape().image).state_dict(), weights, options.share)
    write(dict(weights), options.run, options.out, replace(Shape(), image=options.image))
    size = sum(f.stat().st_size for f in options.out.iterdir())
    print(f"{options.out}: step {saved['step']}, {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
