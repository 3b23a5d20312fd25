#!/usr/bin/env python3
"""Espy's index beside faiss-cpu, hnswlib and usearch: the same vectors, in the same run, in turns.

    python bench/index_peers.py --espy BUILD/bench/bench_index --data FOLDER [--engines espy,faiss-hnsw,...]
                                [--folder BUILT] [--rounds 3] [--seconds 0.5] [--threads 2] [--build-only]

FOLDER holds base.f32 (n x 512), query.f32 (q x 512), gt.i64 (q x 100). Each engine is a process of its own. Peers' indexes
are kept in --folder with the seconds they took, of the clock and of the CPU (saving among the latter); --build-only builds and
prints those. Then every engine takes turns at every effort: all queries in one call on 1 and on 2 threads (bN_1t, bN_2t: queries a second), and one by one on one thread
(p50, p99 in milliseconds). Prints JSON lines: medians of the rounds. Espy builds anew in each run. OPENBLAS_CORETYPE is
what the caller sets: OpenBLAS takes some new CPUs for old ones, so exact search is fair only with it.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

EFFORTS = {"espy": [10, 12, 14, 16, 20, 24, 32, 48, 64, 128], "espy-exact": [0], "faiss-exact": [0],
           "faiss-hnsw": [12, 16, 24, 32, 64], "hnswlib": [12, 16, 24, 32, 64], "usearch": [16, 32, 64],
           "faiss-ivfpq": [32, 64, 128, 256]}


class FaissPeer:
    def __init__(self, name, rows):
        import faiss
        self.faiss, self.name, self.rows = faiss, name, rows

    def build(self, base, threads, path):
        self.faiss.omp_set_num_threads(threads)
        dimension, metric = base.shape[1], self.faiss.METRIC_INNER_PRODUCT
        start = time.perf_counter()
        if self.name == "faiss-hnsw":
            index = self.faiss.IndexHNSWFlat(dimension, 32, metric)
            index.hnsw.efConstruction = 200
        elif self.name == "faiss-ivfpq":
            lists = 1024 if self.rows < 500_000 else 4096
            index = self.faiss.index_factory(dimension, f"IVF{lists},PQ64x4fs,Refine(SQ8)", metric)
            index.train(base[:: max(1, len(base) // 200_000)])
        else:
            index = self.faiss.IndexFlatIP(dimension)
        index.add(base)
        seconds = time.perf_counter() - start
        self.faiss.write_index(index, str(path))
        return seconds

    def load(self, path):
        self.index = self.faiss.read_index(str(path))

    def search(self, queries, effort, threads):
        self.faiss.omp_set_num_threads(threads)
        if self.name == "faiss-hnsw":
            self.index.hnsw.efSearch = effort
        elif self.name == "faiss-ivfpq":
            self.index.k_factor = 10
            self.faiss.downcast_index(self.index.base_index).nprobe = effort
        return self.index.search(queries, 10)[1]


class HnswlibPeer:
    def __init__(self, name, rows):
        import hnswlib
        self.rows, self.make = rows, lambda: hnswlib.Index("ip", 512)

    def build(self, base, threads, path):
        start = time.perf_counter()
        index = self.make()
        index.init_index(len(base), M=32, ef_construction=200)
        index.add_items(base, num_threads=threads)
        seconds = time.perf_counter() - start
        index.save_index(str(path))
        return seconds

    def load(self, path):
        self.index = self.make()
        self.index.load_index(str(path))

    def search(self, queries, effort, threads):
        self.index.set_ef(effort)
        return self.index.knn_query(queries, 10, num_threads=threads)[0]


class UsearchPeer:
    def __init__(self, name, rows):
        from usearch.index import Index
        self.rows, self.make = rows, lambda: Index(ndim=512, metric="ip", dtype="f32", connectivity=32, expansion_add=200)

    def build(self, base, threads, path):
        import numpy
        start = time.perf_counter()
        index = self.make()
        index.add(numpy.arange(len(base)), base, threads=threads)
        seconds = time.perf_counter() - start
        index.save(str(path))
        return seconds

    def load(self, path):
        self.index = self.make()
        self.index.load(str(path))

    def search(self, queries, effort, threads):
        self.index.expansion_search = effort
        return self.index.search(queries, 10, threads=threads).keys.reshape(len(queries), -1)


def serve(name, data, folder, threads):
    """A peer in a process of its own, by the protocol of bench/index.cc."""
    import numpy
    base = numpy.fromfile(data / "base.f32", numpy.float32).reshape(-1, 512)
    queries = numpy.fromfile(data / "query.f32", numpy.float32).reshape(-1, 512)
    truth = numpy.fromfile(data / "gt.i64", numpy.int64).reshape(-1, 100)[:, :10]
    kind = {"hnswlib": HnswlibPeer, "usearch": UsearchPeer}.get(name, FaissPeer)
    peer, path = kind(name, len(base)), folder / f"{data.name}-{name}"
    note = path.with_suffix(".json")
    if not note.exists():
        before = time.process_time()
        note.write_text(json.dumps({"build_s": round(peer.build(base, threads, path), 2),
                                    "build_cpu_s": round(time.process_time() - before, 2),
                                    "bytes_a_vector": round(path.stat().st_size / len(base), 1)}))
    del base
    peer.load(path)
    print(note.read_text(), flush=True)
    for line in sys.stdin:
        effort, used, batch, seconds = (float(x) for x in line.split())
        effort, used, batch = int(effort), int(used), int(batch)
        peer.search(queries, effort, used)
        calls, count, start = [], 0, time.perf_counter()
        while time.perf_counter() - start < seconds or not calls:
            found = []
            for at in range(0, len(queries), batch):
                began = time.perf_counter()
                found.append(peer.search(queries[at:at + batch], effort, used))
                calls.append(time.perf_counter() - began)
            count += len(queries)
        elapsed = time.perf_counter() - start
        found = numpy.concatenate(found).astype(numpy.int64)
        hits = sum(len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist()))
        calls.sort()
        print(json.dumps({"recall": hits / truth.size, "per_s": count / elapsed, "p50_us": calls[len(calls) // 2] * 1e6,
                          "p99_us": calls[len(calls) * 99 // 100] * 1e6}), flush=True)


class Engine:
    def __init__(self, name, args):
        if name.startswith("espy"):
            command = [args.espy, args.data, "auto" if name == "espy" else "flat", args.threads]
        else:
            command = [sys.executable, __file__, "--serve", name, "--data", args.data, "--folder", args.folder,
                       "--threads", args.threads]
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.built = json.loads(self.process.stdout.readline())

    def turn(self, effort, threads, batch, seconds):
        self.process.stdin.write(f"{effort} {threads} {batch} {seconds}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--espy", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--engines", default=",".join(EFFORTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--serve", choices=sorted(EFFORTS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve(args.serve, args.data, args.folder, args.threads)
    engines = {}
    for name in args.engines.split(","):
        engines[name] = Engine(name, args)
        print(json.dumps({"engine": name, **engines[name].built}), flush=True)
    points = [(name, effort) for name in engines for effort in EFFORTS[name]]
    turns = {point: [] for point in points}
    for _ in range(0 if args.build_only else args.rounds):
        for name, effort in points:
            turn = engines[name].turn
            turns[name, effort].append((turn(effort, 1, 1_000_000, args.seconds), turn(effort, 2, 1_000_000, args.seconds),
                                        turn(effort, 1, 1, args.seconds)))
        points = points[len(points) // 3:] + points[:len(points) // 3]
    for (name, effort), rounds in turns.items():
        if not rounds:
            continue
        median = lambda pick: statistics.median(pick(r) for r in rounds)
        print(json.dumps({"engine": name, "effort": effort, "recall": round(median(lambda r: r[0]["recall"]), 4),
                          "bN_1t": round(median(lambda r: r[0]["per_s"])), "bN_2t": round(median(lambda r: r[1]["per_s"])),
                          "p50_ms": round(median(lambda r: r[2]["p50_us"]) / 1e3, 4),
                          "p99_ms": round(median(lambda r: r[2]["p99_us"]) / 1e3, 4)}), flush=True)
    for engine in engines.values():
        engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
