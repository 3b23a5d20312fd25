#!/usr/bin/env python3
"""Exact search on the GPU: ours checked against PyTorch and timed beside its matmul and topk.

    cuda_search_peers.py LIBRARY [--out FILE] [--device cuda|cpu] [--check-only] [--budget SECONDS]

LIBRARY is what tools/gpu_check builds of cuda_search.cc. Collections are larger than the second-level cache. Each time is
the median of runs by CUDA events. What the card's memory and its tensor cores give is measured in the same run, by a copy
and by a product of large matrices. Writes one JSON, anew after each figure; ends soon after the budget.
With --device cpu LIBRARY is the emulated build, and only the check is done.
"""

import ctypes
import sys

import torch

from cuda_peers import Run, event_us

KERNELS = {"fastest": 0, "reference": 1, "rows": 2, "tiles": 3}
#            rows        width count k    masked
CHECKS = [(20_000,        512,  1,   10, False),
          (20_000,        512,  8,  100, True),
          (100_001,       768,  3,   10, True),
          (50_000,       1152, 40, 1024, False),
          (30_000,        512, 300,  10, True)]
CPU_CHECKS = [(300, 64, 1, 10, False), (300, 64, 9, 100, True), (200, 96, 130, 10, True)]
#          rows          width  count   k
SHAPES = [(1_000_000,     512,     1,   10),
          (10_000_000,    512,     1,   10),
          (10_000_000,    512,     8,   10),
          (10_000_000,    512,  1000,   10),
          (1_000_000,     512,  1000,   10),
          (1_000_000,     512,    32,   10),
          (1_000_000,     512,   128,   10),
          (1_000_000,     512,     1,  100),
          (1_000_000,     512,  1000,  100),
          (1_000_000,     512,     1, 1000),
          (1_000_000,    1152,     1,   10),
          (1_000_000,    1152,  1000,   10)]
PEER_SCORES = 256 << 20  # of a tile of PyTorch's scores, at most


def pointer(tensor):
    return ctypes.c_void_p(tensor.data_ptr() if tensor is not None else None)


def unit(rows, width, device):
    out = torch.empty(rows, width, dtype=torch.float16, device=device)
    for start in range(0, rows, 1 << 18):
        part = torch.randn(min(1 << 18, rows - start), width, device=device)
        out[start:start + len(part)] = torch.nn.functional.normalize(part).half()
    return out


class Ours:
    """A collection, and the queries asked of it."""

    def __init__(self, library, rows, queries, k, allowed=None):
        self.library, self.rows, self.queries, self.k, self.allowed = library, rows, queries, k, allowed
        device = rows.device
        self.stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream if device.type == "cuda" else 0)
        self.longest = torch.zeros(1, device=device)
        self.scores = torch.full((len(queries), k), float("nan"), device=device)
        self.found = torch.full((len(queries), k), -2, dtype=torch.int32, device=device)
        self.unproven = torch.zeros(1, dtype=torch.int32, device=device)
        self.workspaces = {}
        if library.espy_cuda_longest_row(pointer(rows), ctypes.c_int64(len(rows)), rows.shape[1], pointer(self.longest),
                                         self.stream):
            sys.exit("espy_cuda_longest_row failed")

    def __call__(self, kernel):
        def call(workspace, size=None):
            return self.library.espy_cuda_search(
                KERNELS[kernel], pointer(self.rows), ctypes.c_int64(len(self.rows)), self.rows.shape[1],
                pointer(self.allowed), pointer(self.longest), pointer(self.queries), len(self.queries), self.k,
                pointer(workspace), size, pointer(self.scores), pointer(self.found), pointer(self.unproven), self.stream)

        if kernel not in self.workspaces:
            size = ctypes.c_int64()
            call(None, ctypes.byref(size))
            self.workspaces[kernel] = torch.empty(size.value, dtype=torch.uint8, device=self.rows.device)
        if call(self.workspaces[kernel]):
            sys.exit(f"espy_cuda_search: kernel {kernel} failed")


def words_of(mask):
    """Bits of 32 rows in an int32, as SearchRows::allowed has them."""
    padded = torch.zeros((len(mask) + 31) // 32 * 32, dtype=torch.int64, device=mask.device)
    padded[:len(mask)] = mask
    words = (padded.view(-1, 32) << torch.arange(32, device=mask.device)).sum(1)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def check(library, shape, device):
    rows_n, width, count, k, masked = shape
    rows = unit(rows_n, width, device)
    queries = torch.nn.functional.normalize(torch.randn(count, width, device=device)).contiguous()
    mask = torch.rand(rows_n, device=device) < 0.5 if masked else None
    ours = Ours(library, rows, queries, k, words_of(mask) if masked else None)
    exact = queries.double() @ rows.double().T
    if masked:
        exact[:, ~mask] = -float("inf")
    best = exact.topk(k).values
    answers = {}
    for kernel in ("reference", "rows", "tiles"):
        if kernel == "reference" and k > 100:
            continue  # k passes over the scores
        ours(kernel)
        if device == "cuda":
            torch.cuda.synchronize()
        scores, found = ours.scores.double(), ours.found.long()
        what = f"{shape} {kernel}"
        if not (found >= 0).all() or not all(len(set(row)) == k for row in found.tolist()):
            sys.exit(f"{what}: rows missing or twice")
        if masked and not mask[found].all():
            sys.exit(f"{what}: a row that is not allowed")
        # FP32 sums of width products in 32 lanes, of numbers whose products add up to 1 at most.
        tolerance = (width / 32 + 6) * 2.0**-24
        off = max(float((scores - exact.gather(1, found)).abs().max()), float((scores - best).abs().max()))
        if not off <= tolerance:
            sys.exit(f"{what}: scores off by {off}, allowed {tolerance}")
        answers[kernel] = (ours.scores.clone(), ours.found.clone())
        if not all(torch.equal(a, b) for a, b in zip(answers[kernel], next(iter(answers.values())))):
            sys.exit(f"{what}: another answer than the first kernel's")
    return {"shape": shape, "kernels": list(answers), "unproven": int(ours.unproven)}


def median_us(run):
    return event_us(run, 5)


def roofs():
    a = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    b = torch.empty_like(a)
    copy_us = median_us(lambda: b.copy_(a))
    x = torch.randn(8192, 8192, device="cuda").half()
    product_us = median_us(lambda: x @ x)
    return {"copy_gigabytes_per_second": 2 * len(a) / copy_us / 1e3, "matmul_tflops": 2 * 8192**3 / product_us / 1e6}


def peer(rows, queries, k):
    """PyTorch: FP16 products in tiles of rows, the best of each, the best of those."""
    halves = queries.half()
    step = max(k, PEER_SCORES // 2 // len(queries))
    scores, found = [], []
    for start in range(0, len(rows), step):
        values, indices = (halves @ rows[start:start + step].T).topk(min(k, len(rows) - start))
        scores.append(values)
        found.append(indices + start)
    values, at = torch.cat(scores, 1).topk(k)
    return values, torch.cat(found, 1).gather(1, at)


def measure(library, shape, rows, roof):
    rows_n, width, count, k = shape
    queries = torch.nn.functional.normalize(torch.randn(count, width, device="cuda")).contiguous()
    ours = Ours(library, rows, queries, k)
    row = {"rows": rows_n, "width": width, "queries": count, "k": k, "us": {}}
    kernels = ["rows"] if count <= 8 else ["tiles"]
    if 8 <= count <= 32:
        kernels = ["rows", "tiles"]
    for kernel in kernels:
        row["us"][kernel] = median_us(lambda: ours(kernel))
    row["unproven"] = int(ours.unproven) if "tiles" in kernels else None
    row["us"]["torch"] = median_us(lambda: peer(rows, queries, k))
    best = min(row["us"][kernel] for kernel in kernels)
    row["times_torch"] = row["us"]["torch"] / best
    row["share_of_copy_bandwidth"] = rows_n * width * 2 / best / 1e3 / roof["copy_gigabytes_per_second"]
    row["share_of_matmul"] = 2 * rows_n * width * count / best / 1e6 / roof["matmul_tflops"]
    return row


def main():
    run = Run(__doc__, "library", checks=[], search=[])
    library = ctypes.CDLL(run.subject)
    for shape in CPU_CHECKS if run.emulated else CHECKS:
        run.add("checks", check(library, shape, run.device))
    print(f"search: {len(run.report['checks'])} collections give PyTorch's answers in FP64")
    if run.timed:
        run.report["roofs"] = roofs()
        held, rows = None, None
        free = torch.cuda.mem_get_info()[0]
        for shape in SHAPES:
            if run.over() or shape[0] * shape[1] * 2 > free * 0.6:
                run.leave_out(shape)
                continue
            if held != shape[:2]:
                rows = None  # frees the one before
                rows = unit(*shape[:2], "cuda")
                held = shape[:2]
            row = measure(library, shape, rows, run.report["roofs"])
            run.add("search", row)
            times = "  ".join(f"{key} {us:.0f}" for key, us in row["us"].items())
            print(f"{shape} us: {times}  torch / ours {row['times_torch']:.2f}, of copy's bandwidth "
                  f"{row['share_of_copy_bandwidth']:.2f}, of matmul {row['share_of_matmul']:.2f}", flush=True)
    run.save()


if __name__ == "__main__":
    main()
