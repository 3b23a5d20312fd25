"""Writes the seeds of the fuzz targets for model files: small, whole examples of each format.

    python make_seeds.py       # needs sentencepiece

They begin where a mutation has a chance to get past the outermost checks.
"""

import io
import json
import struct
import tempfile
from pathlib import Path

import sentencepiece

SEEDS = Path(__file__).resolve().parent / "seeds"


def write(target, name, data):
    (SEEDS / target).mkdir(parents=True, exist_ok=True)
    (SEEDS / target / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def safetensors():
    def file(header, buffer):
        text = json.dumps(header, separators=(",", ":")).encode()
        return struct.pack("<Q", len(text)) + text + buffer
    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    write("safetensors", "one", file({"a": one}, bytes(8)))
    write("safetensors", "metadata", file({"__metadata__": {"format": "pt"}, "a": one}, bytes(8)))
    write("safetensors", "empty", file({}, b""))
    write("safetensors", "several", file({
        "a": one, "b": {"dtype": "BF16", "shape": [1, 3], "data_offsets": [8, 14]},
        "none": {"dtype": "I64", "shape": [0, 5], "data_offsets": [14, 14]},
        "flag": {"dtype": "BOOL", "shape": [], "data_offsets": [14, 15]}}, bytes(15)))


    names = {"visual.proj": [2, 3], "text.text_projection": [3, 1], "transformer.resblocks.0.attn.in_proj_weight": [6, 1],
             "module.visual.transformer.resblocks.0.attn.in_proj_bias": [3], "visual.trunk.attn_pool.q.weight": [1, 1],
             "visual.trunk.attn_pool.kv.weight": [2, 1], "visual.trunk.blocks.0.attn.qkv.weight": [3, 2]}
    header, at = {}, 0
    for name, shape in names.items():
        end = at + 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name], at = {"dtype": "F32", "shape": shape, "data_offsets": [at, end]}, end
    write("safetensors", "openclip", file(header, bytes(at)))


def draft_heads():
    """Heads and a module of width 4, as draft_heads_fuzz.cc reads them; the module's numbers in BF16, to be short."""
    def file(shapes, dtype):
        header, at = {}, 0
        for name, shape in shapes.items():
            end = at + {"F32": 4, "BF16": 2}[dtype] * shape[0] * (shape[1] if len(shape) > 1 else 1)
            header[name], at = {"dtype": dtype, "shape": shape, "data_offsets": [at, end]}, end
        text = json.dumps(header, separators=(",", ":")).encode()
        return struct.pack("<Q", len(text)) + text + bytes(at)
    write("draft_heads", "medusa", file({"0.0.linear.weight": [4, 4], "0.0.linear.bias": [4], "acceptance": [1, 2]}, "F32"))
    layer = {}
    for part in ("attention", "crossattention"):
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            layer[f"{part}.{name}.weight"], layer[f"{part}.{name}.bias"] = [4, 4], [4]
        layer[f"{part}.output.LayerNorm.weight"], layer[f"{part}.output.LayerNorm.bias"] = [4], [4]
    for name in ("intermediate.dense", "output.dense"):
        layer[f"{name}.weight"], layer[f"{name}.bias"] = [4, 4], [4]
    layer["output.LayerNorm.weight"], layer["output.LayerNorm.bias"] = [4], [4]
    write("draft_heads", "mtp", file({"hnorm.weight": [4], "enorm.weight": [4], "eh_proj.weight": [4, 8],
                                      "acceptance": [2, 3], **{"layer.0." + n: s for n, s in layer.items()}}, "BF16"))


def weight_index():
    def shard(*names):
        header = {n: {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]} for i, n in enumerate(names)}
        text = json.dumps(header, separators=(",", ":")).encode()
        return struct.pack("<Q", len(text)) + text + bytes(4 * len(names))
    index = {"metadata": {"total_size": 8}, "weight_map": {"a": "m-1.safetensors", "b": "m-1.safetensors"}}
    write("weight_index", "one_shard", json.dumps(index).encode() + b"\0" + shard("a", "b"))
    index["weight_map"]["b"] = "m-2.safetensors"
    write("weight_index", "twice", json.dumps(index).encode() + b"\0" + shard("a", "b"))
    write("weight_index", "lacking", json.dumps(index).encode() + b"\0" + shard("c"))


def panel_file():
    def text(s):
        return bytes([len(s)]) + s.encode()
    def matrix(name, outputs, inputs, precision, size):
        length = bytes([size & 0x7f | 0x80, size >> 7]) if size > 127 else bytes([size])
        return text(name) + bytes([outputs, inputs, precision]) + length + bytes(8)
    start = text("/models/a") + text("image") + text("avx2-00112233")
    # Two bytes of how many lines of 64 bytes follow, then what follows the header's key.
    write("panel_file", "none", bytes(2) + start + b"\0")
    write("panel_file", "one", b"\4\0" + start + b"\1" + matrix("a.weight", 16, 4, 0, 256))
    write("panel_file", "three", b"\7\0" + start + b"\3" + matrix("q+k+v", 24, 4, 1, 192) + matrix("b", 1, 1, 2, 0)
          + matrix("c", 40, 6, 2, 240))


def inverted_file():
    # Over the target's 40 rows of 32 dimensions: two lists, of 33 and of 7 rows.
    p, rows = 32, 40
    for kind, name, parts in ((0, "flat", 0), (1, "pq", 8), (2, "rabitq", 8)):
        eye = b"".join(struct.pack("<e", float(i == j)) for i in range(p) for j in range(p))
        data = struct.pack("<IIIf", p, 2, parts, 0.25) + bytes(2 * p) + eye
        data += b"".join(struct.pack("<e", c) for c in [0.5] * p + [-0.5] * p)
        if kind == 1:
            data += b"".join(struct.pack("<f", i / 64) for i in range(p * 16))
        data += struct.pack("<II", 33, 7) + struct.pack(f"<{rows}i", *range(rows))
        for size in (33, 7):
            data += bytes(i % 256 for i in range((size + 31) // 32 * parts * 16))
            if kind == 2:
                data += (struct.pack("<ff", 0.5, 0.125) * size).ljust((size * 8 + 63) // 64 * 64, b"\0")
        write("inverted_file", name, bytes([kind]) + data)


def hub():
    commit, git, sha256 = "0123456789abcdef" * 2 + "01234567", "b" * 40, "a" * 64
    siblings = [{"rfilename": "config.json", "size": 480, "blobId": git},
                {"rfilename": "model.safetensors", "size": 1000, "blobId": git,
                 "lfs": {"sha256": sha256, "size": 1000, "pointerSize": 134}},
                {"rfilename": "onnx/model.onnx"}, {"rfilename": "tokenizer.json"}]
    listing = {"sha": commit, "model_type": "clip", "cardData": {"license": "mit"}, "siblings": siblings}
    headers = (f'HTTP/1.1 302 Found\r\nX-Repo-Commit: {commit}\r\nX-Linked-Etag: "{sha256}"\r\nX-Linked-Size: 1000\r\n'
               'Location: https://cdn.example/x?y=1\r\nRetry-After: 3\r\nRateLimit: "api";r=0;t=55\r\n\r\n')
    names = "clip-b32\norg/name@refs/pr/3\nhttps://huggingface.co/org/name/tree/main\nbytes 100-199/1000\n/cache/a.json\n"
    write("hub", "whole", json.dumps(listing).encode() + b"\0" + headers.encode())
    listing["weight_map"] = {"a": "m-1.safetensors"}
    listing["siblings"] = siblings[:1] + [{"rfilename": "model.safetensors.index.json"}, {"rfilename": "m-1.safetensors"}]
    write("hub", "shards", json.dumps(listing).encode() + b"\0" + names.encode())
    listing["siblings"] = [{"rfilename": "open_clip_config.json"}, {"rfilename": "open_clip_model.safetensors"}]
    write("hub", "openclip", json.dumps(listing).encode() + b"\0W/\"etag\"\n")


def config():
    clip = {"model_type": "clip", "projection_dim": 512, "logit_scale_init_value": 2.6592,
            "text_config": {"hidden_size": 512, "num_attention_heads": 8, "eos_token_id": 2, "hidden_act": "quick_gelu"},
            "vision_config": {"image_size": 224, "patch_size": 32, "num_hidden_layers": 12}}
    old = {"model_type": "clip", "text_config": {}, "text_config_dict": {"hidden_size": 640, "num_attention_heads": 10},
           "vision_config_dict": {"patch_size": 14}}
    siglip = {"model_type": "siglip", "text_config": {"hidden_size": 1152, "num_attention_heads": 16, "vocab_size": 32000},
              "vision_config": {"hidden_size": 1152, "num_attention_heads": 16, "image_size": [224, 224], "patch_size": 14}}
    crop = {"size": {"shortest_edge": 224}, "crop_size": 224, "do_center_crop": True, "resample": 3, "do_normalize": True,
            "image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28], "rescale_factor": 0.00392156862745098}
    squash = {"image_processor": {"image_processor_type": "SiglipImageProcessor", "size": {"height": 224, "width": 224},
                                  "resample": 2, "do_rescale": False}}
    espy = {"loss": "sigmoid", "logit_bias": -10.0}
    openclip = {"model_cfg": {"embed_dim": 512, "quick_gelu": True, "vision_cfg": {"layers": 12, "width": 768, "patch_size": 32,
                              "head_width": 64}, "text_cfg": {"width": 512, "heads": 8, "mlp_ratio": 4.0}},
                "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "resize_mode": "shortest", "interpolation": "bilinear"}}
    timm = {"model_cfg": {"embed_dim": 768, "init_logit_bias": -10, "custom_text": True, "vision_cfg": {
                "timm_model_name": "vit_base_patch16_siglip_224", "timm_pool": "map", "timm_proj": "none"},
            "text_cfg": {"width": 768, "heads": 12, "hf_tokenizer_name": "x", "no_causal_mask": True, "proj_bias": True,
                         "pool_type": "last", "tokenizer_kwargs": {"clean": "canonicalize"}, "norm_kwargs": {"eps": 1e-6}}}}
    naflex = {"model_type": "siglip2", "vision_config": {"num_patches": 256, "patch_size": 16}}
    patches = {"image_processor_type": "Siglip2ImageProcessor", "patch_size": 16, "max_num_patches": 256}
    more = {"openclip": (openclip,), "timm": (timm,), "naflex": (naflex, patches)}
    for name, parts in {**more, "clip": (clip, crop), "old": (old, {}), "siglip": (siglip, squash), "espy": (clip, crop, espy)}.items():
        write("config", name, b"\0".join(json.dumps(part).encode() for part in parts))


def byte_letters():
    plain = list(range(ord("!"), ord("~") + 1)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    hidden = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + n) for n in range(len(hidden))]


def blip():
    config = {"model_type": "blip", "image_text_hidden_size": 32, "text_config": {
        "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 96, "vocab_size": 99,
        "max_position_embeddings": 32, "bos_token_id": 97, "sep_token_id": 3, "pad_token_id": 0, "hidden_act": "gelu"},
        "vision_config": {"hidden_size": 48, "num_attention_heads": 3, "image_size": 32, "patch_size": 8}}
    preprocessor = {"image_processor_type": "BlipImageProcessor", "size": {"height": 32, "width": 32}, "resample": 3,
                    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.3, 0.3, 0.3]}
    write("blip", "config", b"\0" + json.dumps(config).encode() + b"\0" + json.dumps(preprocessor).encode())
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "##s", "'", "s", "."]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    file = {"added_tokens": [{"id": 11, "content": "[DEC]", **flags}],
            "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                           "strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": {name: n for n, name in enumerate(names)}}}
    write("blip", "confidence", b'\3{"matching": 0.2, "cosine": 6.3, "bias": -6, "threshold": 0.1}')
    write("blip", "json", b"\1" + json.dumps(file).encode() + b'\0{"bos_token":"[DEC]"}\0A dogs [DEC]')
    settings = b'{"do_lower_case":false,"clean_up_tokenization_spaces":true}'
    write("blip", "lines", b"\2" + "\n".join(names).encode() + b"\0" + settings + b"\0A dog's .")


def tokenizer():
    def join(kind, *parts):
        return bytes([kind]) + b"\0".join(part.encode() for part in parts)
    names = list("aodgt'") + [c + "</w>" for c in "aodgt'"] + ["do", "dog</w>", "<|startoftext|>", "<|endoftext|>"]
    clip_vocabulary = {name: n for n, name in enumerate(names)}
    merges = [["d", "o"], ["do", "g</w>"]]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": True}
    clip_json = {"added_tokens": [{"id": len(names) - 2, "content": "<|startoftext|>", **flags}],
                 "post_processor": {"type": "RobertaProcessing", "sep": ["<|endoftext|>", 15], "cls": ["<|startoftext|>", 14]},
                 "model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": clip_vocabulary, "merges": merges}}
    write("tokenizer", "clip_json", join(0, json.dumps(clip_json), '{"pad_token":"<|endoftext|>","padding_side":"right"}', "a dog's"))
    write("tokenizer", "clip_files", join(2, json.dumps(clip_vocabulary), "#version: 0.2\nd o\ndo g</w>\n",
                                          json.dumps({"bos_token": {"content": "<|startoftext|>", **flags}}), "a dog"))
    gemma = {t: n for n, t in enumerate(["<pad>", "<eos>", "<unk>"] + [f"<0x{b:02X}>" for b in range(256)] + ["▁", "a", "d", "o", "g", "do", "dog", "▁dog"])}
    gemma_json = {"added_tokens": [{"id": 1, "content": "<eos>", "lstrip": True, "rstrip": True, "single_word": False}],
                  "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
                  "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
                  "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "<eos>"}}],
                                     "special_tokens": {"<eos>": {"id": "<eos>", "ids": [1], "tokens": ["<eos>"]}}},
                  "model": {"type": "BPE", "byte_fallback": True, "fuse_unk": True, "vocab": gemma,
                            "merges": ["d o", ["do", "g"], ["▁", "dog"]]}}
    write("tokenizer", "gemma_json", join(1, json.dumps(gemma_json), '{"add_eos_token":true,"pad_token":"<pad>"}', "A dog <eos>"))
    unigram_json = {"added_tokens": [{"id": 1, "content": "</s>", "normalized": False}, {"id": 5, "content": "Two", "normalized": True}],
                    "normalizer": {"type": "Sequence", "normalizers": [
                        {"type": "Lowercase"}, {"type": "NFKC"}, {"type": "Strip", "strip_left": False, "strip_right": True},
                        {"type": "Precompiled", "precompiled_charsmap": "CAAAAAAEAABhAWEAYgA="},
                        {"type": "Replace", "pattern": {"Regex": "\\A +| {2,}|[!-/\\s]+\\z"}, "content": "_"}]},
                    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                        {"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}]},
                    "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "</s>"}}],
                                       "special_tokens": {"</s>": {"ids": [1]}}},
                    "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": True,
                              "vocab": [["<unk>", 0], ["</s>", 0], ["\u2581", -2], ["\u2581a", -1.5], ["o", -3], ["two", -4], ["<0x64>", 0]]}}
    write("tokenizer", "unigram_json", join(1, json.dumps(unigram_json), '{"pad_token":"</s>"}', "A dog, two </s> Two"))
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.tsv"  # a character map of a few hundred bytes instead of 240 KB
        rules.write_text("41\t61\n42\t62\nFF21\t61\nFF21 FF22\t61 62\n3000\t20\n")
        for kind, name, options in ((3, "spiece", dict(model_type="unigram", pad_id=-1, eos_id=1, unk_id=2, bos_id=-1, control_symbols=["<x>"])),
                                    (4, "bpe", dict(model_type="bpe", pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>"))):
            model = io.BytesIO()
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(["a dog and a cat", "a cat on a dog", "two dogs and two cats"] * 20), model_writer=model, vocab_size=30,
                hard_vocab_limit=False, normalization_rule_tsv=str(rules), minloglevel=2, num_threads=1, **options)
            write("tokenizer", name, bytes([kind]) + model.getvalue())


def transfer():
    # The first byte chooses: even .npy, odd a line of JSON.
    def npy(dictionary, values, version=1):
        length = struct.pack("<H" if version == 1 else "<I", len(dictionary))
        return b"\0" + b"\x93NUMPY" + bytes([version, 0]) + length + dictionary.encode() + values
    write("transfer", "f4", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", bytes(24)))
    write("transfer", "f2", npy("{'descr': '<f2', 'fortran_order': False, 'shape': (1, 3), }\n", bytes(6), 2))
    write("transfer", "line", b"\1" + json.dumps({
        "vector": [1, 0.5], "paths": ["/a"], "paths_bytes": ["/w=="], "tags": ["b", "a"], "caption": "c", "taken": 7,
        "latitude": 1.5, "longitude": -2, "perceptual_hash": "0123456789abcdef", "width": 3, "height": 4,
        "pixels_from": "preview", "content_hash": "ab" * 32, "other": None, "more": 1}).encode())
    write("transfer", "half", b"\1" + b'{"vector_f16":"ADwAAA==","path":"/x","camera_bytes":"/w=="}')


def columns():
    # docs/FORMATS.md, "The columns of filters". First the parser (0 manifest, 1 block, 2 block and head), then the chunks' length.
    def packed(values, width):
        least = min(values, default=0)
        return bytes([width]) + struct.pack("<Q", least) + b"".join((v - least).to_bytes(width, "little") for v in values)

    def texts(values):
        return packed([len(v) for v in values], 1) + b"".join(values)

    def words(counts, codes, all_words):
        return struct.pack("<II", len(codes), len(all_words)) + packed(counts, 1) + packed(codes, 1) + texts(all_words)

    def section(data):
        return struct.pack("<Q", len(data)) + data

    def number(values):
        return b"\1" + struct.pack("<q", 5) + packed(values, 2)

    rows = struct.pack("<I", 2)
    block = section(rows + packed([7, 9], 8) + packed([1, 2], 1))
    for i in range(13):
        block += section(b"\2" + struct.pack("<2d", 1.5, float("nan")) if i in (6, 7) else number([0, 300]))
    for _ in range(4):
        block += section(words([1, 0], [0], [b"jpeg"]))
    block += section(words([1, 2], [0, 1, 0], [b"/a/", b"/b/"]))
    block += section(texts([b"x.jpg", b"y", b"7.png"])) + section(texts([b"", b"a dog"])) + section(struct.pack("<I", 2))
    block += section(b"\1a" + struct.pack("<II", 1, 1) + packed([1], 1) + packed([4], 1) + packed([0], 1) + texts([b"x"]))
    block += section(b"\1b" + struct.pack("<II", 2, 0) + packed([0, 1], 1) + packed([1, 1], 1) + packed([3, 4], 1) + texts([]))
    write("columns", "manifest", b"\0\0" + bytes([1, 9, 2, 4, 1, 2, 1, 1, 2, 3]))
    write("columns", "block", b"\1\4" + block)
    write("columns", "head", b"\2\xff" + block + block + section(struct.pack("<I", 1) + packed([1], 1)))


if __name__ == "__main__":
    columns()
    transfer()
    safetensors()
    draft_heads()
    weight_index()
    panel_file()
    inverted_file()
    hub()
    config()
    tokenizer()
    blip()
    for path in sorted(SEEDS.glob("*/*")):
        print(path.relative_to(SEEDS), path.stat().st_size)
