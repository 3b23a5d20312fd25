"""Engines that take turns: each is a process of its own that waits for a line on its standard input, works for the same
seconds, and answers with one JSON line of rates. The order changes from round to round, so that a machine that drifts or
is shared drifts for all."""

import json
import statistics
import subprocess
import sys
import time


def serve(run, items, seconds, least=3):
    """The loop of a peer in Python: `run()` handles `items`; a turn is `least` of it or more."""
    run()
    if least > 1:
        run()
    print("ready", flush=True)
    for _ in sys.stdin:
        start, cpu, calls = time.perf_counter(), time.process_time(), 0
        while calls < least or time.perf_counter() - start < seconds:
            run()
            calls += 1
        done = calls * items
        print(json.dumps(dict(per_s=done / (time.perf_counter() - start),
                              per_cpu_s=done / (time.process_time() - cpu))), flush=True)


class Peer:
    def __init__(self, command, ready):
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        if ready and self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{command} did not start")

    def turn(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(peers, rounds, base):
    """{engine: {"per_s": median, "per_s_of_BASE": median of the ratios round by round, and the same of per_cpu_s}}"""
    rates = {engine: [] for engine in peers}
    order = list(peers)
    for _ in range(rounds):
        for engine in order:
            rates[engine].append(peers[engine].turn())
        order = order[1:] + order[:1]
    for peer in peers.values():
        peer.close()
    result = {}
    for engine, turns in rates.items():
        result[engine] = line = {}
        for unit in ("per_s", "per_cpu_s"):
            line[unit] = round(statistics.median(turn[unit] for turn in turns), 2)
            if base in rates:
                line[f"{unit}_of_{base}"] = round(statistics.median(
                    turn[unit] / other[unit] for turn, other in zip(turns, rates[base])), 3)
    return result
