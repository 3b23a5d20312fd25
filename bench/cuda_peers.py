"""What the scripts that measure the GPU's parts beside PyTorch share: their flags, their report, their clock."""

import argparse
import json
import statistics
import time

import torch


class Run:
    """A run of such a script: `subject` is what it measures; `report` is written after each figure."""

    def __init__(self, doc, subject, **report):
        parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument(subject)
        parser.add_argument("--out", help="the JSON")
        parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
        parser.add_argument("--check-only", action="store_true")
        parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which nothing more is begun")
        args = parser.parse_args()
        self.subject, self.out, self.device = getattr(args, subject), args.out, args.device
        self.end = time.monotonic() + args.budget
        self.emulated = self.device == "cpu"
        self.timed = not self.emulated and not args.check_only
        torch.manual_seed(1)
        self.report = {"torch": torch.__version__, **report, "left_out": []}
        if not self.emulated:
            properties = torch.cuda.get_device_properties(0)
            self.report["gpu"] = {"name": properties.name, "sm": properties.multi_processor_count}

    def over(self):
        return time.monotonic() > self.end

    def leave_out(self, what):
        self.report["left_out"].append(what)

    def add(self, part, row):
        self.report[part].append(row)
        self.save()

    def save(self):
        if self.out:
            with open(self.out, "w", encoding="utf-8") as file:
                json.dump(self.report, file, indent=1)


def event_us(run, rounds, calls=1):
    """Microseconds of a call by CUDA events, the median of the rounds; `run` makes `calls` of them."""
    run()
    times = []
    for _ in range(rounds):
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        stop.record()
        stop.synchronize()
        times.append(start.elapsed_time(stop) * 1000 / calls)
    return statistics.median(times)
