#!/usr/bin/env python3
"""What starting with a model costs, Espy beside transformers: the same weights, in the same run.

    python bench/load_peers.py --espy BUILD/bench/bench_load [--models clip-b32,...] [--precision fp32,bf16,int8]
                               [--rounds 5] [--threads 2] [--cold] [--folder DIR]

Each start is a process of its own, and kinds of start take turns: `off` packs the weights in memory and keeps nothing,
`first` finds no cache and writes one, `second` maps it, `transformers` is from_pretrained in the same precision (none in
INT8). All of them load both towers and encode one picture and one text. load_ms is until the model is ready, first_ms
with the picture and the text; close_ms is what `first` waits for its cache at the end. anonymous_mb and file_mb are what
the process then holds more than before, in its own memory and in pages of mapped files; of_weights is their sum as a part
of all parameters in the precision, of_read without the token table, of which only rows are read. --cold takes the files
out of the system's cache before each start. Models have random weights and are kept in --folder when it is given.
Prints JSON lines: medians of the rounds. Needs torch, transformers and safetensors.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
BYTES = {"fp32": 4, "bf16": 2, "int8": 1}
TOKEN_TABLE = "text_model.embeddings.token_embedding.weight"


def resident():
    sizes = {}
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(("RssAnon:", "RssFile:")):
            sizes[line[:7]] = int(line.split()[1]) / 1024
    return sizes["RssAnon"], sizes["RssFile"]


def start_transformers(directory, precision, threads):
    """One start, in a process of its own: what is imported is there before the clock runs."""
    import torch
    import transformers
    transformers.logging.set_verbosity_error()
    torch.set_grad_enabled(False)
    torch.set_num_threads(threads)
    kind = json.loads((pathlib.Path(directory) / "config.json").read_text())["model_type"]
    cls = transformers.CLIPModel if kind == "clip" else transformers.SiglipModel
    before, start = resident(), time.perf_counter()
    model = cls.from_pretrained(directory, dtype=torch.bfloat16 if precision == "bf16" else torch.float32).eval()
    loaded = time.perf_counter()
    config = model.config
    size = config.vision_config.image_size
    model.get_image_features(pixel_values=torch.full((1, 3, size, size), 0.25, dtype=model.dtype))
    model.get_text_features(input_ids=torch.full((1, config.text_config.max_position_embeddings), 5))
    done, after = time.perf_counter(), resident()
    print(json.dumps(dict(load_ms=1e3 * (loaded - start), first_ms=1e3 * (done - start),
                          anonymous_mb=after[0] - before[0], file_mb=after[1] - before[1])))


def weights_mb(directory, precision):
    with open(directory / "model.safetensors", "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    sizes = {}
    for name, tensor in header.items():
        if name != "__metadata__" and not name.endswith("position_ids"):
            count = 1
            for side in tensor["shape"]:
                count *= side
            sizes[name] = count * BYTES[precision] / 2**20
    return sum(sizes.values()), sum(sizes.values()) - sizes[TOKEN_TABLE]


def evict(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def start(a, kind, directory, precision, cache):
    if kind == "first":
        shutil.rmtree(cache, ignore_errors=True)
    if a.cold:
        evict(directory)
        if cache.exists():
            evict(cache)
    environment = dict(os.environ, ESPY_CACHE_DIR=str(cache), ESPY_WEIGHT_CACHE="off" if kind == "off" else "on")
    if kind == "transformers":
        command = [sys.executable, __file__, "--start", str(directory), "--precision", precision, "--threads", str(a.threads)]
    else:
        command = [a.espy, str(directory), "--precision", precision, "--threads", str(a.threads)]
    line = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    line.setdefault("first_ms", line["load_ms"] + line.get("first_image_ms", 0) + line.get("first_text_ms", 0))
    return line


def measure(a, directory, name, precision, cache):
    kinds = ["off", "first", "second"] + ([] if precision == "int8" else ["transformers"])
    lines = {kind: [] for kind in kinds}
    for _ in range(a.rounds):
        for kind in kinds:
            lines[kind].append(start(a, kind, directory, precision, cache))
    whole, read = weights_mb(directory, precision)
    for kind, turns in lines.items():
        out = dict(bench="load", model=name, precision=precision, start=kind, cold=a.cold, threads=a.threads)
        for key in ("load_ms", "first_ms", "close_ms", "anonymous_mb", "file_mb"):
            if key in turns[0]:
                out[key] = round(statistics.median(turn[key] for turn in turns), 1)
        held = out["anonymous_mb"] + out["file_mb"]
        out.update(weights_mb=round(whole, 1), of_weights=round(held / whole, 3), of_read=round(held / read, 3))
        print(json.dumps(out), flush=True)


def make(name, directory):
    """Written under the name only when it is whole, with a tokenizer that knows some of the ids."""
    import parity_full
    beside = directory.with_name(directory.name + ".new")
    parity_full.build(name).save_pretrained(beside)
    tokenizer = ROOT / "tests/encoders/tokenizers" / ("clip" if name.startswith("clip") else "siglip")
    for path in tokenizer.iterdir():
        if path.name != "goldens.jsonl":
            shutil.copy(path, beside)
    beside.rename(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--espy")
    parser.add_argument("--models", default="clip-b32,clip-b16,clip-l14,siglip-b16")
    parser.add_argument("--precision", default="fp32,bf16,int8")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--folder")
    parser.add_argument("--start", help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.start:
        return start_transformers(a.start, a.precision, a.threads)
    with tempfile.TemporaryDirectory(dir=a.folder) as scratch:
        for name in a.models.split(","):
            directory = pathlib.Path(a.folder or scratch) / name
            if not directory.exists():
                # In a process of its own, so that its memory is given back.
                subprocess.run([sys.executable, "-c", "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import load_peers as l;"
                                "l.make(sys.argv[2], pathlib.Path(sys.argv[3]))", str(ROOT / "bench"), name, str(directory)],
                               check=True, stderr=subprocess.DEVNULL)
            for precision in a.precision.split(","):
                measure(a, directory, name, precision, pathlib.Path(scratch) / "cache")
            if not a.folder:
                shutil.rmtree(directory)


if __name__ == "__main__":
    main()
