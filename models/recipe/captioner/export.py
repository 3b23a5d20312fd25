"""Write a run's mean weights as a model directory that transformers and espy open, and read one back.

    python -m captioner.export --run DIR/caption-run --out ../espy-mini-caption

One directory for both of BLIP's tasks: model.safetensors (float16) holds the tensors of BlipForConditionalGeneration
and of BlipForImageTextRetrieval; each class takes its own and says that it leaves the others. What encoder and decoder
share in training is written twice, since the published layout knows no sharing.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch

from captioner import tokens
from captioner.model import Captioner, Shape

OUT = Path(__file__).resolve().parents[2] / "espy-mini-caption"
# Our attention's parts -> BERT's, of self-attention and of cross-attention alike.
_PARTS = {"query": "self.query", "key": "self.key", "value": "self.value", "dense": "output.dense", "norm": "output.LayerNorm"}
_LAYER = {"fc1": "intermediate.dense", "fc2": "output.dense", "norm": "output.LayerNorm"}


def config_of(s):
    """config.json of a BlipModel. Every size is written out, for an absent key would mean the large model's."""
    text = {"model_type": "blip_text_model", "vocab_size": s.vocabulary, "hidden_size": s.width,
            "encoder_hidden_size": s.vision_width, "intermediate_size": s.inner, "projection_dim": s.joint,
            "num_hidden_layers": s.layers, "num_attention_heads": s.heads, "max_position_embeddings": s.context,
            "hidden_act": "gelu", "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0, "initializer_range": 0.02, "bos_token_id": tokens.DEC,
            "eos_token_id": tokens.SEP, "pad_token_id": tokens.PAD, "sep_token_id": tokens.SEP,
            "is_decoder": True, "use_cache": True, "label_smoothing": 0.0, "tie_word_embeddings": True}
    vision = {"model_type": "blip_vision_model", "hidden_size": s.vision_width,
              "intermediate_size": s.vision_width * s.mlp_ratio, "projection_dim": s.joint,
              "num_hidden_layers": s.vision_layers, "num_attention_heads": s.vision_heads, "image_size": s.image,
              "patch_size": s.patch, "hidden_act": "gelu", "layer_norm_eps": 1e-5, "attention_dropout": 0.0,
              "initializer_range": 0.02}
    return {"architectures": ["BlipForConditionalGeneration", "BlipForImageTextRetrieval"], "model_type": "blip",
            "projection_dim": s.joint, "image_text_hidden_size": s.joint, "logit_scale_init_value": 2.6592,
            "initializer_factor": 1.0, "initializer_range": 0.02, "tie_word_embeddings": True, "dtype": "float16",
            "torch_dtype": "float16", "text_config": text, "vision_config": vision}


def preprocessor_of(s):
    """As espy-mini's: squashed to the square, bicubic, [-1, 1]."""
    return {"image_processor_type": "BlipImageProcessor", "processor_class": "BlipProcessor", "do_convert_rgb": True,
            "do_resize": True, "size": {"height": s.image, "width": s.image}, "resample": 3, "do_rescale": True,
            "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def _vision(model):
    s, tower = model.shape, model.vision
    e, name = tower.embeddings, "vision_model."
    yield name + "embeddings.class_embedding", e.class_embedding.view(1, 1, -1)
    yield name + "embeddings.position_embedding", e.position_embedding[None]
    yield name + "embeddings.patch_embedding.weight", e.patch_embedding.weight.view(-1, 3, s.patch, s.patch)
    yield name + "embeddings.patch_embedding.bias", e.patch_embedding.bias
    for n, layer in enumerate(tower.encoder.layers):
        at, a = f"{name}encoder.layers.{n}.", layer.self_attn
        for part in ("weight", "bias"):
            yield f"{at}self_attn.qkv.{part}", torch.cat([getattr(p, part) for p in (a.q_proj, a.k_proj, a.v_proj)])
            yield f"{at}self_attn.projection.{part}", getattr(a.out_proj, part)
            for own in ("layer_norm1", "layer_norm2"):
                yield f"{at}{own}.{part}", getattr(getattr(layer, own), part)
            for own in ("fc1", "fc2"):
                yield f"{at}mlp.{own}.{part}", getattr(getattr(layer.mlp, own), part)
    for part in ("weight", "bias"):
        yield f"{name}post_layernorm.{part}", getattr(tower.post_layernorm, part)


def _text(model, prefix, writing):
    t = model.text
    yield prefix + "embeddings.word_embeddings.weight", t.words.weight
    yield prefix + "embeddings.position_embeddings.weight", t.places.weight
    for part in ("weight", "bias"):
        yield f"{prefix}embeddings.LayerNorm.{part}", getattr(t.norm, part)
        for n, layer in enumerate(t.layers):
            at = f"{prefix}encoder.layer.{n}."
            for theirs, attention in (("attention", layer.writing if writing else layer.reading),
                                      ("crossattention", layer.cross)):
                for mine, path in _PARTS.items():
                    yield f"{at}{theirs}.{path}.{part}", getattr(getattr(attention, mine), part)
            for mine, path in _LAYER.items():
                yield f"{at}{path}.{part}", getattr(getattr(layer, mine), part)


def published(model):
    """{name: tensor} of the published layout; the tied vocabulary product is not stored."""
    tensors = dict(_vision(model)) | dict(_text(model, "text_decoder.bert.", True)) | dict(
        _text(model, "text_encoder.", False))
    head = "text_decoder.cls.predictions."
    for part in ("weight", "bias"):
        tensors[f"{head}transform.dense.{part}"] = getattr(model.speech.dense, part)
        tensors[f"{head}transform.LayerNorm.{part}"] = getattr(model.speech.norm, part)
        for name in ("vision_proj", "text_proj", "itm_head"):
            tensors[f"{name}.{part}"] = getattr(getattr(model, name), part)
    tensors[head + "bias"] = model.speech.bias
    return tensors


def write(model, run, out):
    from safetensors.torch import save_file
    out.mkdir(parents=True, exist_ok=True)
    tensors = {n: t.detach().to(torch.float16).clone().contiguous() for n, t in published(model).items()}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)
    (out / "config.json").write_text(json.dumps(config_of(model.shape), indent=2) + "\n")
    (out / "preprocessor_config.json").write_text(json.dumps(preprocessor_of(model.shape), indent=2) + "\n")
    for name in tokens.FILES:
        shutil.copyfile(run / name, out / name)


def load(folder):
    """The published float16 weights in our own model, as float32, so that what is measured is what is published."""
    from safetensors.torch import load_file
    held = {n: t.float() for n, t in load_file(Path(folder) / "model.safetensors").items()}
    model = Captioner(Shape())
    into = published(model)
    wrong = {n for n in into.keys() ^ held.keys()} | {n for n in into.keys() & held.keys()
                                                      if into[n].shape != held[n].shape}
    if wrong:
        raise ValueError(f"{folder}: {len(wrong)} tensors are not espy-mini-caption's, {sorted(wrong)[0]} among them")
    width = model.shape.vision_width
    with torch.no_grad():
        for n, layer in enumerate(model.vision.encoder.layers):  # the joined ones are copies: take them apart
            a, at = layer.self_attn, f"vision_model.encoder.layers.{n}.self_attn.qkv."
            for k, p in enumerate((a.q_proj, a.k_proj, a.v_proj)):
                p.weight.copy_(held[at + "weight"][k * width:(k + 1) * width])
                p.bias.copy_(held[at + "bias"][k * width:(k + 1) * width])
        for name, tensor in into.items():
            if ".qkv." not in name:
                tensor.copy_(held[name])
    return model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    saved = torch.load(options.run / "checkpoint.pt", map_location="cpu", weights_only=True)
    model = Captioner(Shape())
    model.load_state_dict(saved["mean"])
    write(model, options.run, options.out)
    size = sum(f.stat().st_size for f in options.out.iterdir())
    print(f"{options.out}: step {saved['step']}, {size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
