#!/usr/bin/env python3
"""Attention on the GPU: ours checked against PyTorch in FP32 and timed beside its SDPA back-ends.

    cuda_attention_peers.py LIBRARY [--out FILE] [--device cuda|cpu] [--check-only] [--budget SECONDS]

LIBRARY is what tools/gpu_check builds of cuda_attention.cc. The shapes are those of CLIP and SigLIP towers. Each time is
the median of runs over buffers that together are larger than the second-level cache, by CUDA events. Writes one JSON, anew after
each figure; ends soon after the budget.
With --device cpu LIBRARY is the emulated build, and only the check is done.
"""

import ctypes
import sys

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention as sdpa

from cuda_peers import Run, event_us

KERNELS = {"reference": 1, "plain": 2, "fused": 3, "hopper": 4}
PEERS = {"cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION,
         "efficient": SDPBackend.EFFICIENT_ATTENTION}
#         name              batch tokens heads dim causal
SHAPES = [("clip-b32",      256,    50,  12,  64, False),
          ("clip-text",     256,    77,   8,  64, True),
          ("siglip-b16",     64,   196,  12,  64, False),
          ("clip-b16",       64,   197,  12,  64, False),
          ("siglip-b16-256", 64,   256,  12,  64, False),
          ("clip-l14",       64,   257,  16,  64, False),
          ("clip-h14",       64,   257,  16,  80, False),
          ("siglip-b16-384", 32,   576,  12,  64, False),
          ("clip-l14-336",   32,   577,  16,  64, False),
          ("so400m-384",     32,   729,  16,  72, False),
          ("siglip-b16-512", 16,  1024,  12,  64, False)]
CPU_SHAPES = [(name, 1, min(tokens, 90), 1, dim, causal) for name, _, tokens, _, dim, causal in SHAPES]
# Outputs are averages of values within 5; weights and outputs are each rounded by half of a unit in the last place.
TOLERANCE = {torch.float16: 2 * 5 * 2.0**-11, torch.bfloat16: 2 * 5 * 2.0**-8}


def ours(library, kernel, qkv, out, offsets, causal, stream):
    batch, tokens, _, heads, dim = qkv.shape
    code = library.espy_cuda_attention(
        int(qkv.dtype == torch.bfloat16), KERNELS[kernel], batch, heads, dim, ctypes.c_float(dim**-0.5), int(causal),
        ctypes.c_void_p(offsets.data_ptr()), tokens, ctypes.c_void_p(qkv.data_ptr()), ctypes.c_void_p(out.data_ptr()),
        ctypes.c_void_p(stream))
    if code:
        sys.exit(f"espy_cuda_attention: kernel {kernel} failed")


def peer(qkv, causal):
    q, k, v = (qkv[:, :, i].transpose(1, 2) for i in range(3))
    return sdpa(q, k, v, is_causal=causal)


def kernels(device):
    """Those that the device takes; hopper is for sm_90 alone."""
    hopper = device == "cpu" or torch.cuda.get_device_capability() == (9, 0)
    return [kernel for kernel in KERNELS if hopper or kernel != "hopper"]


def inputs(shape, dtype, device):
    _, batch, tokens, heads, dim, _ = shape
    qkv = torch.randn(batch, tokens, 3, heads, dim, device=device).to(dtype)
    out = torch.full((batch, tokens, heads, dim), float("nan"), dtype=dtype, device=device)
    offsets = torch.arange(batch + 1, dtype=torch.int32, device=device) * tokens
    return qkv, out, offsets


def check(library, shape, dtype, device):
    qkv, out, offsets = inputs(shape, dtype, device)
    expected = peer(qkv.float(), shape[5]).transpose(1, 2)
    worst = {}
    for kernel in kernels(device):
        out.fill_(float("nan"))
        ours(library, kernel, qkv, out, offsets, shape[5], 0)
        if device == "cuda":
            torch.cuda.synchronize()
        worst[kernel] = float((out.float() - expected).abs().max())
        if not worst[kernel] <= TOLERANCE[dtype]:
            sys.exit(f"{shape[0]} {dtype} {kernel}: off by {worst[kernel]}, allowed {TOLERANCE[dtype]}")
    return worst


def median_us(run, buffers):
    def all_of_them():
        for buffer in buffers:
            run(buffer)

    return event_us(all_of_them, 7, len(buffers))


def measure(library, shape, dtype):
    name, batch, tokens, heads, dim, causal = shape
    size = batch * tokens * 4 * heads * dim * 2
    buffers = [inputs(shape, dtype, "cuda") for _ in range(max(4, int(256e6 / size)))]
    stream = torch.cuda.current_stream().cuda_stream
    row = {"shape": name, "batch": batch, "tokens": tokens, "heads": heads, "head_dim": dim, "causal": causal,
           "type": str(dtype).removeprefix("torch."), "bytes": size, "us": {}}
    for kernel in kernels("cuda")[1:]:
        row["us"][kernel] = median_us(lambda b: ours(library, kernel, *b, causal, stream), buffers)
    for peer_name, backend in PEERS.items():
        try:
            with sdpa_kernel(backend):
                row["us"][peer_name] = median_us(lambda b: peer(b[0], causal), buffers)
        except RuntimeError as error:
            row.setdefault("refused", {})[peer_name] = str(error).splitlines()[0]
    peers = [us for key, us in row["us"].items() if key in PEERS]
    row["best"] = min((kernel for kernel in row["us"] if kernel in KERNELS), key=row["us"].get)
    best = row["us"][row["best"]]
    row["times_best_peer"] = min(peers) / best if peers else None
    row["tflops"] = 4 * batch * heads * tokens * tokens * dim / best / 1e6 / (2 if causal else 1)
    row["gigabytes_per_second"] = size / best / 1e3
    return row


def main():
    run = Run(__doc__, "library", checks=[], attention=[])
    library = ctypes.CDLL(run.subject)
    types = (torch.float16, torch.bfloat16)
    for shape in CPU_SHAPES if run.emulated else SHAPES:
        for dtype in types:
            worst = check(library, shape, dtype, run.device)
            run.add("checks", {"shape": shape[0], "type": str(dtype), "largest_difference": worst})
    print(f"{len(run.report['checks'])} shapes agree with PyTorch in FP32")
    for shape in SHAPES if run.timed else []:
        for dtype in types:
            if run.over():
                run.leave_out([shape[0], str(dtype)])
                continue
            row = measure(library, shape, dtype)
            run.add("attention", row)
            times = "  ".join(f"{key} {us:.0f}" for key, us in row["us"].items())
            beside = f"{row['times_best_peer']:.2f}" if row["times_best_peer"] else "none"
            print(f"{row['shape']:15} {row['type']:9} us: {times}  best peer / {row['best']} {beside}", flush=True)
    run.save()


if __name__ == "__main__":
    main()
