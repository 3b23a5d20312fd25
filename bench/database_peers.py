#!/usr/bin/env python3
"""Embedded vector databases beside bench_database: the same vectors and payload, the same questions, in turns.

    database_peers.py --data DIR --bench PROGRAM [--n 100000] [--rounds 1] [--only espy,zvec,...]

DIR holds base.f32 and query.f32, rows of 512 floats. Needs numpy and, for each peer, its package: lancedb, chromadb,
duckdb with its vss extension, sqlite-vec, zvec. Prints one JSON object a line. A peer's search parameter is the first
of a rising row at which recall@10 is 0.95 or more, and the last of them if none is.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

DIMENSION, HITS, BATCH = 512, 10, 1000
TAGS, TAG = 100, 7  # one item of a hundred has the tag that is asked for
TARGET = 0.95


def payload(i):
    return (f'{{"path":"/photos/2024/{i % 977:03d}/IMG_{i:08d}.jpg","w":4000,"h":3000,'
            f'"caption":"a picture of thing number {i} on a table"}}')


class Lance:
    parameters = [(64, None), (128, 2), (256, 4), (512, 8)]

    def __init__(self, path):
        import lancedb
        import pyarrow
        self.pa, self.version = pyarrow, lancedb.__version__
        self.db = lancedb.connect(path)
        self.schema = pyarrow.schema([
            ("id", pyarrow.int64()), ("tag", pyarrow.int32()), ("meta", pyarrow.string()),
            ("vector", pyarrow.list_(pyarrow.float32(), DIMENSION))])
        names = self.db.table_names()
        self.table = self.db.open_table("t") if "t" in names else self.db.create_table("t", schema=self.schema)

    def insert(self, ids, vectors):
        pa = self.pa
        self.table.add(pa.table({
            "id": pa.array(ids), "tag": pa.array([i % TAGS for i in ids], pa.int32()), "meta": [payload(i) for i in ids],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), DIMENSION)}, schema=self.schema))

    def index(self):
        self.table.create_index(metric="dot", vector_column_name="vector", index_type="IVF_HNSW_SQ", num_partitions=1,
                                m=32, ef_construction=200)
        self.table.create_scalar_index("tag", index_type="BITMAP")
        self.table.optimize()

    def search(self, query, parameter, filtered):
        ask = self.table.search(query).distance_type("dot").limit(HITS).select(["id"]).ef(parameter[0])
        if parameter[1]:
            ask = ask.refine_factor(parameter[1])
        if filtered:
            ask = ask.where(f"tag = {TAG}", prefilter=True)
        return ask.to_arrow()["id"].to_pylist()


class Chroma:
    parameters = [40, 80, 160, 320, 640]

    def __init__(self, path):
        import chromadb
        self.version = chromadb.__version__
        self.client = chromadb.PersistentClient(path)
        self.table = self.client.get_or_create_collection("items", embedding_function=None, configuration={
            "hnsw": {"space": "ip", "max_neighbors": 32, "ef_construction": 200, "num_threads": 2, "ef_search": 40}})
        self.ef = 40

    def insert(self, ids, vectors):
        self.table.add(ids=[str(i) for i in ids], embeddings=vectors, metadatas=[{"tag": i % TAGS} for i in ids],
                       documents=[payload(i) for i in ids])

    def index(self):
        pass

    def search(self, query, parameter, filtered):
        if parameter != self.ef:
            self.table.modify(configuration={"hnsw": {"ef_search": parameter}})
            self.ef = parameter
        where = {"where": {"tag": TAG}} if filtered else {}
        return [int(i) for i in self.table.query(query_embeddings=[query], n_results=HITS, include=[], **where)["ids"][0]]


class Duck:
    parameters = [32, 64, 128, 256, 512]

    def __init__(self, path):
        import duckdb
        import duckdb_extensions
        import pyarrow
        self.pa, self.version = pyarrow, duckdb.__version__
        os.makedirs(path, exist_ok=True)
        self.db = duckdb.connect(path + "/x.duckdb", config={"threads": 2})
        duckdb_extensions.import_extension("vss", con=self.db)
        self.db.execute("load vss")
        self.db.execute("set hnsw_enable_experimental_persistence=true")
        self.db.execute(f"create table if not exists t(id bigint, tag int, meta varchar, v float[{DIMENSION}])")
        self.ef = 0

    def insert(self, ids, vectors):
        pa = self.pa
        rows = pa.table({
            "id": pa.array(ids), "tag": [i % TAGS for i in ids], "meta": [payload(i) for i in ids],
            "v": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), DIMENSION)})
        self.db.register("rows", rows)
        self.db.execute("insert into t select * from rows")
        self.db.unregister("rows")

    def index(self):
        self.db.execute("create index ix on t using hnsw(v) with (metric='ip', M=32, ef_construction=200)")
        self.db.execute("checkpoint")

    def search(self, query, parameter, filtered):
        if parameter != self.ef:
            self.db.execute(f"set hnsw_ef_search={parameter}")
            self.ef = parameter
        where = f"where tag = {TAG}" if filtered else ""
        return [row[0] for row in self.db.cursor().execute(
            f"select id from t {where} order by array_negative_inner_product(v, ?::float[{DIMENSION}]) limit {HITS}",
            [query.tolist()]).fetchall()]


class SqliteVec:
    parameters = [None]  # exact

    def __init__(self, path):
        import sqlite3
        import sqlite_vec
        self.version = sqlite_vec.__version__
        os.makedirs(path, exist_ok=True)
        self.db = sqlite3.connect(path + "/x.db", check_same_thread=False)
        self.db.enable_load_extension(True)
        sqlite_vec.load(self.db)
        self.db.execute("pragma journal_mode=wal")
        self.db.execute("create virtual table if not exists t using vec0("
                        f"id integer primary key, tag integer, v float[{DIMENSION}] distance_metric=cosine, +meta text)")

    def insert(self, ids, vectors):
        with self.db:
            self.db.executemany("insert into t(id, tag, v, meta) values (?, ?, ?, ?)",
                                ((i, i % TAGS, vectors[k].tobytes(), payload(i)) for k, i in enumerate(ids)))

    def index(self):
        pass

    def search(self, query, parameter, filtered):
        where = f" and tag = {TAG}" if filtered else ""
        return [row[0] for row in self.db.execute(f"select id from t where v match ? and k = {HITS}{where}",
                                                  (query.tobytes(),))]


class Zvec:
    parameters = [32, 64, 128, 256, 512]

    def __init__(self, path):
        import importlib.metadata
        import zvec
        self.zvec, self.version = zvec, importlib.metadata.version("zvec")
        if os.path.exists(path):
            self.table = zvec.open(path)
            return
        index = zvec.HnswIndexParam(metric_type=zvec.MetricType.IP, m=32, ef_construction=200)
        self.table = zvec.create_and_open(path=path, schema=zvec.CollectionSchema(
            name="t", fields=[zvec.FieldSchema("tag", zvec.DataType.INT32, index_param=zvec.InvertIndexParam()),
                              zvec.FieldSchema("meta", zvec.DataType.STRING)],
            vectors=zvec.VectorSchema("v", zvec.DataType.VECTOR_FP32, DIMENSION, index_param=index)))

    def insert(self, ids, vectors):
        self.table.insert([self.zvec.Doc(id=str(i), vectors={"v": vectors[k].tolist()},
                                         fields={"tag": i % TAGS, "meta": payload(i)}) for k, i in enumerate(ids)])

    def index(self):
        self.table.optimize()

    def search(self, query, parameter, filtered):
        where = {"filter": f"tag = {TAG}"} if filtered else {}
        found = self.table.query(self.zvec.VectorQuery("v", vector=query.tolist(),
                                                       param=self.zvec.HnswQueryParam(ef=parameter)),
                                 topk=HITS, output_fields=[], **where)
        return [int(hit.id) for hit in found]


PEERS = {"lancedb": Lance, "chromadb": Chroma, "duckdb_vss": Duck, "sqlite_vec": SqliteVec, "zvec": Zvec}


def measure(name, path, options):
    """One peer, in a process of its own."""
    import numpy as np
    base = np.fromfile(options.data + "/base.f32", np.float32, count=options.n * DIMENSION).reshape(-1, DIMENSION)
    queries = np.fromfile(options.data + "/query.f32", np.float32).reshape(-1, DIMENSION)[:options.queries]
    n = len(base)
    scores = queries @ base.T
    truth = np.argpartition(-scores, HITS, axis=1)[:, :HITS]
    tagged = np.arange(n) % TAGS == TAG
    scores[:, ~tagged] = -9
    truth_tagged = np.argpartition(-scores, HITS, axis=1)[:, :HITS]
    del scores

    db = PEERS[name](path)
    out = {"bench": "database", "peer": name, "version": db.version, "n": n, "batch": BATCH}
    start = time.perf_counter()
    for low in range(0, n, BATCH):
        db.insert(list(range(low, min(n, low + BATCH))), base[low:low + BATCH])
    inserted = time.perf_counter() - start
    db.index()
    indexed = time.perf_counter() - start
    out |= {"insert_s": round(inserted, 3), "insert_vps": round(n / inserted), "indexed_s": round(indexed, 2),
            "indexed_vps": round(n / indexed)}

    def ask(parameter, filtered=False, most=10 ** 6, seconds=20):
        times, found = [], 0
        for q, query in enumerate(queries[:most]):
            before = time.perf_counter()
            hits = db.search(query, parameter, filtered)
            times.append(time.perf_counter() - before)
            found += len(set(hits) & set((truth_tagged if filtered else truth)[q].tolist()))
            if sum(times) > seconds:
                break
        times.sort()
        return found / HITS / len(times), times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3

    for parameter in db.parameters:
        ask(parameter, most=50)
        recall, p50, p99 = ask(parameter)
        if recall >= TARGET:
            break
    out |= {"parameter": parameter, "recall": round(recall, 4), "p50_ms": round(p50, 3), "p99_ms": round(p99, 3)}
    recall, p50, p99 = ask(parameter, True, 100)
    out |= {"filtered_recall": round(recall, 4), "filtered_p50_ms": round(p50, 3), "filtered_p99_ms": round(p99, 3)}
    out["inserting_p50_ms"], out["inserting_p99_ms"] = beside_inserts(db, base, ask, parameter)
    size = sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())
    out["disk_bytes_a_vector"] = round(size / n)
    print(json.dumps(out), flush=True)
    os._exit(0)  # some peers do not end by themselves


def beside_inserts(db, base, ask, parameter):
    """p50 and p99 while 500 rows a second come in, ten at a time; None where the peer cannot do both."""
    stop, failed = threading.Event(), []

    def insert():
        begin, i, n = time.perf_counter(), 0, len(base)
        while not stop.is_set():
            at = i * 10 % (n - 10)
            moved = base[at:at + 10].copy()
            moved[:, i % DIMENSION] += 0.1
            try:
                db.insert(list(range(2 * n + i * 10, 2 * n + i * 10 + 10)), moved)
            except Exception as error:  # each peer has its own kinds
                failed.append(error)
                return
            i += 1
            time.sleep(max(0.0, begin + 0.02 * i - time.perf_counter()))
    thread = threading.Thread(target=insert)
    thread.start()
    try:
        _, p50, p99 = ask(parameter, seconds=5)
    except Exception as error:
        failed.append(error)
    stop.set()
    thread.join()
    return (None, None) if failed else (round(p50, 3), round(p99, 3))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--bench", help="the program bench_database")
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--folder", default=None, help="where the databases are made: on the disk to measure")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        measure(options.peer, options.path, options)
    names = [name for name in options.only.split(",") if name] or ["espy", *PEERS]
    print(json.dumps({"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(),
                      "when": time.strftime("%Y-%m-%d")}), flush=True)
    for _ in range(options.rounds):
        for name in names:
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                if name == "espy":
                    command = [options.bench, folder + "/espy", options.data, str(options.n), str(options.queries),
                               str(BATCH)]
                else:
                    command = [sys.executable, __file__, "--data", options.data, "--n", str(options.n), "--queries",
                               str(options.queries), "--peer", name, "--path", folder + "/" + name]
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
                if done.returncode:
                    print(json.dumps({"peer": name, "failed": done.stderr[-300:]}), flush=True)
                else:
                    print(done.stdout.strip(), flush=True)
                shutil.rmtree(folder, ignore_errors=True)
                os.makedirs(folder, exist_ok=True)


if __name__ == "__main__":
    main()
