#!/usr/bin/env python3
"""Whole towers on the GPU: ours checked against transformers in FP32 and timed beside its towers, eager and compiled.

    cuda_towers_peers.py BUILD [--out FILE] [--device cuda|cpu] [--check-only] [--budget SECONDS]

BUILD is a build folder with the target cuda_encode (with --device cpu: cuda_encode_emulated). Models have the published
sizes and random weights (tools/parity_full.py). Pictures are tensors that lie on the GPU already: FP32 for us, for
transformers in the precision of its tower. A call is over when its vectors are there. Our vectors must be as near to
transformers in FP32 as its own tower is in the same precision, times two, or within a floor. Writes one JSON, anew
after each figure; begins nothing new after the budget.
With --device cpu the whole of it runs with small models under the emulation, its times of no meaning.
"""

import copy
import ctypes
import gc
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from cuda_peers import Run

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import parity_full  # noqa: E402

MODELS = ["clip-l14", "clip-b32", "siglip-b16", "siglip-so400m-384", "clip-b16"]
BATCHES = [256, 64, 8, 1]
TYPES = [torch.float16, torch.bfloat16]
# Lost of a vector's cosine, where transformers' own tower is nearer than half of that.
FLOOR = {torch.float16: 1e-4, torch.bfloat16: 1e-3}

TINY = parity_full.side(64, 128, 1, 1)
TINY_PICTURE, TINY_TEXT = dict(TINY, patch_size=8, image_size=16), dict(TINY, max_position_embeddings=16, vocab_size=49408)
parity_full.MODELS.update({"tiny-clip": ("clip", TINY_PICTURE, TINY_TEXT, 32),
                           "tiny-siglip": ("siglip", TINY_PICTURE, TINY_TEXT, 64)})


class Ours:
    def __init__(self, library, directory, dtype):
        self.library = library
        self.subject = library.espy_cuda_open(str(directory).encode(), int(dtype == torch.bfloat16))
        if not self.subject:
            raise ValueError(f"the towers did not load: {directory}")
        self.dimension = library.espy_cuda_dimension(ctypes.c_void_p(self.subject))

    def images(self, pixels):
        out = torch.empty(len(pixels), self.dimension)
        if self.library.espy_cuda_encode_images(ctypes.c_void_p(self.subject), ctypes.c_void_p(pixels.data_ptr()),
                                                ctypes.c_int64(len(pixels)), ctypes.c_void_p(out.data_ptr())):
            raise ValueError("espy_cuda_encode_images failed")
        return out

    def texts(self, ids):
        ids = ids.to("cpu", torch.int32).contiguous()
        out = torch.empty(len(ids), self.dimension)
        if self.library.espy_cuda_encode_texts(ctypes.c_void_p(self.subject), ctypes.c_void_p(ids.data_ptr()),
                                               ctypes.c_int64(len(ids)), ctypes.c_int64(ids.shape[1]),
                                               ctypes.c_void_p(out.data_ptr())):
            raise ValueError("espy_cuda_encode_texts failed")
        return out

    def close(self):
        self.library.espy_cuda_close(ctypes.c_void_p(self.subject))


def load(build, emulated):
    name = "cuda_encode_emulated" if emulated else "cuda_encode"
    library = ctypes.CDLL(str(Path(build) / "bench" / f"lib{name}.so"))
    library.espy_cuda_open.restype = ctypes.c_void_p
    library.espy_cuda_dimension.restype = ctypes.c_int64
    return library


def lost(vectors, exact):
    """Of the cosine, at worst."""
    return float((1 - torch.nn.functional.cosine_similarity(vectors.double().cpu(), exact.double().cpu())).max())


def check(ours, model, exact, pixels, ids, dtype):
    """How far ours and transformers' tower in this precision are from FP32."""
    row = {"type": str(dtype).removeprefix("torch.")}
    theirs = {"images": model.get_image_features(pixel_values=pixels.to(dtype)).pooler_output,
              "texts": model.get_text_features(input_ids=ids).pooler_output}
    for side, vectors in (("images", ours.images(pixels)), ("texts", ours.texts(ids))):
        mine, its = lost(vectors, exact[side]), lost(theirs[side], exact[side])
        row[side] = {"ours_lost": mine, "transformers_lost": its}
        if not mine <= max(FLOOR[dtype], 2 * its):
            raise ValueError(f"{side} {dtype}: lost {mine} of the cosine, transformers' own tower {its}")
    return row


def rate(call, items, seconds, device):
    """Items a second of calls that each end with their result: the median of the calls."""
    def timed():
        start = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    timed()
    timed()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        times.append(timed())
    return items / statistics.median(times)


def compiled(model, emulated):
    """torch.compile's tower; without a GPU only what it traces, since no time counts there."""
    mode = {"backend": "eager"} if emulated else {"mode": "max-autotune-no-cudagraphs"}
    return torch.compile(lambda pixels: model.get_image_features(pixel_values=pixels).pooler_output, dynamic=False, **mode)


def measure(run, name, ours, model, dtype, batches, seconds):
    size = model.config.vision_config.image_size
    faster = compiled(model, run.emulated)
    for batch in batches:
        what = [name, str(dtype).removeprefix("torch."), batch]
        if run.over():
            run.leave_out(what)
            continue
        pixels = torch.randn(batch, 3, size, size, device=run.device)
        theirs = pixels.to(dtype)
        row = {"model": name, "type": what[1], "batch": batch, "images_per_second": {}}
        rates = row["images_per_second"]
        rates["ours"] = rate(lambda: ours.images(pixels), batch, seconds, run.device)
        rates["eager"] = rate(lambda: model.get_image_features(pixel_values=theirs), batch, seconds, run.device)
        if run.over():
            row["compiled"] = "no time left"
        else:
            try:
                rates["compiled"] = rate(lambda: faster(theirs), batch, seconds, run.device)
            except Exception as error:  # of any of the compiler's layers: what it refuses is its affair
                row["compiled"] = f"{type(error).__name__}: {error}".splitlines()[0]
        row["times_best_peer"] = rates["ours"] / max(rate for peer, rate in rates.items() if peer != "ours")
        run.add("towers", row)
        print("  ".join([f"{name:18} {what[1]:9} batch {batch:3}"] + [f"{peer} {value:.0f}/s" for peer, value in rates.items()] +
                        [f"ours / best peer {row['times_best_peer']:.2f}"]), flush=True)


def one_model(run, library, name, batches, seconds):
    with torch.device(run.device):
        model = parity_full.build(name)
    parity_full.livelier(model)
    config = model.config
    size, context = config.vision_config.image_size, config.text_config.max_position_embeddings
    pixels = torch.randn(4, 3, size, size, device=run.device)
    ids = torch.randint(3, config.text_config.vocab_size - 2, (4, context), device=run.device)
    ids[:, -1] = config.text_config.vocab_size - 1  # CLIP's end of text
    exact = {"images": model.get_image_features(pixel_values=pixels).pooler_output,
             "texts": model.get_text_features(input_ids=ids).pooler_output}
    with tempfile.TemporaryDirectory() as directory:
        model.save_pretrained(directory)
        for dtype in TYPES:
            if run.over():
                run.leave_out([name, str(dtype).removeprefix("torch.")])
                continue
            rounded = copy.deepcopy(model).to(dtype)
            ours = Ours(library, directory, dtype)
            try:
                run.add("checks", {"model": name, **check(ours, rounded, exact, pixels, ids, dtype)})
                if run.timed or run.emulated:
                    measure(run, name, ours, rounded, dtype, batches, seconds)
            finally:
                ours.close()
            torch._dynamo.reset()
            rounded = None
            gc.collect()


def main():
    import transformers
    transformers.logging.set_verbosity_error()
    run = Run(__doc__, "build", transformers=transformers.__version__, checks=[], towers=[])
    # Our towers' sums are FP32; so are those of what they are held against.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    library = load(run.subject, run.emulated)
    models, batches, seconds = (["tiny-clip", "tiny-siglip"], [2, 1], 0) if run.emulated else (MODELS, BATCHES, 1)
    with torch.no_grad():
        for name in models:
            if run.over():
                run.leave_out([name])
                continue
            try:
                one_model(run, library, name, batches, seconds)
            except torch.cuda.OutOfMemoryError as error:
                run.leave_out([name, str(error).splitlines()[0]])
            except ValueError as error:
                sys.exit(f"cuda_towers_peers: {name}: {error}")
    print(f"towers: {len(run.report['checks'])} agree with transformers in FP32")
    run.save()


if __name__ == "__main__":
    main()
