"""A library that is put through faults from outside: the program is started on it, and asked how it stands."""

import argparse
import json
import os
import random
import subprocess
from pathlib import Path


class Failed(Exception):
    pass


def drill_arguments(description):
    """What every drill of the program is told; it prints the seed that it draws from."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--espy", required=True)
    parser.add_argument("--model", required=True, help="directory of a small model")
    parser.add_argument("--paint", default=str(Path(__file__).resolve().parents[1] / "journeys/bin/paint"))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    return parser


class Library:
    """The library at `path`, and the program that takes the pictures of `folder` into it."""

    def __init__(self, espy, model, folder, path=None):
        self.espy, self.model, self.pictures = espy, model, folder / "pictures"
        self.path = path or folder / "pictures.espy"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("ESPY_")}
        self.env["ESPY_LIBRARY"] = str(self.path)

    def start(self):
        return subprocess.Popen([self.espy, "ingest", str(self.pictures), "--model", self.model, "-q", "--json"],
                                env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def answer(self, *arguments):
        done = subprocess.run([self.espy, *arguments, "--json", "-q"], env=self.env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=False)
        if done.returncode != 0:
            raise Failed(f"espy {' '.join(arguments)}: exit code {done.returncode}\n"
                         f"{done.stdout.decode()}{done.stderr.decode()}")
        return json.loads(done.stdout)

    def sound_items(self):
        """How many items a verify finds, or none when there is no library yet."""
        if not (self.path / "db" / "CURRENT").exists():
            return 0
        report = self.answer("verify")
        if not report["ok"] or report["problems"]:
            raise Failed(f"verify: {report['problems']}")
        if report["items"] != report["vectors"]:
            raise Failed(f"{report['items']} items and {report['vectors']} vectors")
        return report["items"]


def run_all(process):
    out, err = process.communicate(timeout=300)
    if process.returncode != 0:
        raise Failed(f"ingest: exit code {process.returncode}\n{out.decode()}{err.decode()}")
    return json.loads(out)
