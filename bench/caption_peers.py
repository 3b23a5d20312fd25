#!/usr/bin/env python3
"""Espy's captions beside transformers' (greedy, with cache): the same random weights of BLIP-base's shapes, in the same run.

    python bench/caption_peers.py --espy BUILD/bench/bench_caption [--model DIR] [--batch 1,8] [--threads 1,2]
                                  [--precision fp32,bf16] [--what caption,vision] [--new 20] [--check] [--rounds 5] [--seconds 3]
                                  [--device cpu|cuda] [--out FILE]

Engines take turns (turns.py), in the same precision and with the same number of threads. caption is a whole caption of
--new tokens from a picture's tensor; vision the vision tower alone. What is left of the first without the second is
decoding, with the cross-attention's keys of a picture: step_ms, of one token of the whole batch. memory_ms is the
time in which this machine reads the decoder's weights once, measured beside.
On a GPU (fp16, bf16) both engines are there, Espy's tensors coming from the host, and the memory is not measured.
Needs torch and transformers. --out: a JSON of all lines. --model: a directory to use, or to write the model to.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import turns

PICTURES = 8

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def write_model(directory):
    import torch
    from transformers import BlipConfig, BlipForConditionalGeneration
    torch.manual_seed(0)
    model = BlipForConditionalGeneration(BlipConfig(text_config=dict(num_attention_heads=12)))
    for name, values in model.named_parameters():
        if "vision" in name and values.dim() > 1:
            torch.nn.init.normal_(values, std=0.02)
    model.save_pretrained(directory)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"word{i}" for i in range(1000)]
    (pathlib.Path(directory) / "vocab.txt").write_text("\n".join(words) + "\n")


def peer(args):
    """transformers as a peer of turns.py."""
    import torch
    import transformers
    transformers.logging.set_verbosity_error()
    torch.set_grad_enabled(False)
    torch.set_num_threads(args.threads)
    dtype = dict(fp32=torch.float32, fp16=torch.float16, bf16=torch.bfloat16)[args.precision]
    model = transformers.BlipForConditionalGeneration.from_pretrained(args.model, dtype=dtype).eval().to(args.device)
    size = model.config.vision_config.image_size
    pixels = torch.from_numpy(np.fromfile(args.pixels, np.float32)).reshape(-1, 3, size, size)[:args.batch].to(args.device, dtype)
    done = torch.cuda.synchronize if args.device == "cuda" else lambda: None
    if args.what == "tokens":
        rows = model.generate(pixel_values=pixels, do_sample=False, num_beams=args.beams, min_new_tokens=args.new,
                              max_new_tokens=args.new)
        return print(json.dumps(dict(tokens=rows.tolist())))
    if args.what == "vision":
        run = lambda: model.vision_model(pixels)
    else:
        run = lambda: model.generate(pixel_values=pixels, do_sample=False, num_beams=1, use_cache=True,
                                     min_new_tokens=args.new, max_new_tokens=args.new)
    turns.serve(lambda: (run(), done()), args.batch, args.seconds, least=1)


def agreement(args, beams):
    """How many captions of the pictures are the same, token for token, in FP32."""
    common = ["--what", "tokens", "--batch", PICTURES, "--threads", 2, "--precision", "fp32", "--new", args.new,
              "--beams", beams, "--pixels", args.pixels]
    commands = [[args.espy, args.model, *common], [sys.executable, __file__, "--peer", "--model", args.model, *common]]
    ours, theirs = (json.loads(subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, check=True,
                                              text=True).stdout)["tokens"] for command in commands)
    return dict(beams=beams, captions=len(theirs), same=sum(a == b for a, b in zip(ours, theirs)),
                different_tokens=len({token for row in theirs for token in row}))


def step_ms(line, engine, batch, new):
    """What a token of the whole batch takes when the vision tower's time is off."""
    return round(1e3 * (batch / line["caption"][engine]["per_s"] - batch / line["vision"][engine]["per_s"]) / new, 2)


def decoder_bytes(model, precision):
    header = (pathlib.Path(model) / "model.safetensors").open("rb")
    size = int.from_bytes(header.read(8), "little")
    tensors = json.loads(header.read(size))
    values = sum(t["data_offsets"][1] - t["data_offsets"][0] for name, t in tensors.items()
                 if name.startswith("text_decoder") and "crossattention.self.key" not in name
                 and "crossattention.self.value" not in name and "position_embeddings" not in name) // 4
    return values * (2 if precision == "bf16" else 4)


def memory_rate(espy, threads):
    out = subprocess.run([espy, "--what", "memory", "--threads", str(threads), "--rounds", "3"],
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    return sorted(json.loads(line)["per_s"] for line in out.splitlines())[1]


def measure(args, batch, threads, precision):
    line = dict(precision=precision, batch=batch, threads=threads)
    for what in args.what.split(","):
        common = ["--what", what, "--batch", batch, "--threads", threads, "--precision", precision, "--new", args.new,
                  "--seconds", args.seconds, "--pixels", args.pixels, "--device", args.device]
        peers = {"espy": turns.Peer([args.espy, args.model, *common, "--step"], ready=True),
                 "transformers": turns.Peer([sys.executable, __file__, "--peer", "--model", args.model, *common], ready=True)}
        line[what] = turns.measure(peers, args.rounds, "transformers")
    if "caption" in line and "vision" in line:
        line["step_ms"] = {engine: step_ms(line, engine, batch, args.new) for engine in ("espy", "transformers")}
        if args.device == "cpu":
            line["memory_ms"] = round(1e3 * decoder_bytes(args.model, precision) / memory_rate(args.espy, threads), 2)
    print(json.dumps(line), flush=True)
    return line


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--espy")
    parser.add_argument("--model")
    parser.add_argument("--what", default="caption,vision")
    parser.add_argument("--batch", default="1,8")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--precision", default="fp32,bf16")
    parser.add_argument("--new", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--pixels", help=argparse.SUPPRESS)
    parser.add_argument("--beams", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="only compare the captions, greedy and of three beams")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        args.batch, args.threads = int(args.batch), int(args.threads)
        return peer(args)
    with tempfile.TemporaryDirectory() as temporary:
        args.model = args.model or temporary
        if not (pathlib.Path(args.model) / "config.json").exists():
            write_model(args.model)
        size = json.loads((pathlib.Path(args.model) / "config.json").read_text())["vision_config"]["image_size"]
        args.pixels = pathlib.Path(temporary) / "pixels"
        rng = np.random.default_rng(0)
        # Coarse noise made large: pictures that differ more than fine noise does.
        coarse = rng.standard_normal((PICTURES, 3, size // 32 + 1, size // 32 + 1), dtype=np.float32)
        np.ascontiguousarray(coarse.repeat(32, 2).repeat(32, 3)[:, :, :size, :size]).tofile(args.pixels)
        if args.check:
            for beams in (1, 3):
                print(json.dumps(agreement(args, beams)), flush=True)
            return
        lines = [measure(args, int(batch), int(threads), precision) for precision in args.precision.split(",")
                 for threads in args.threads.split(",") for batch in args.batch.split(",")]
        if args.out:
            args.out.write_text(json.dumps(lines, indent=1) + "\n")


if __name__ == "__main__":
    main()
