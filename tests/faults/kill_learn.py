#!/usr/bin/env python3
"""kill -9 at random moments of `espy feedback` and `espy learn`.

    kill_learn.py --espy PROGRAM --model DIRECTORY [--kills N] [--pictures N] [--seed N]

Pictures are asked for and clicked; half of the kills fall into a feedback, half into a learning. After each, `espy verify` must find
the library sound, every click that was acknowledged must be counted, and what ranks must be similarity or a policy that is
there whole. SIGKILL does not test fsync; tests/storage loses unsynced bytes.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from library import Failed, Library, run_all


class Clicked:
    """A library, and the clicks that it acknowledged: (query, item)."""

    def __init__(self, library, draw):
        self._library, self._draw, self.acknowledged = library, draw, set()

    def run(self, *arguments):
        done = subprocess.run([self._library.espy, *arguments], env=self._library.env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=False)
        if done.returncode > 1:
            raise Failed(f"espy {' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout.decode()

    def page(self):
        lines = self.run("search", self._draw.choice(["a", "red", "round", "noise"]), "--json", "-k", "5").splitlines()
        return [json.loads(line) for line in lines]

    def feedback(self, page):
        """The command, and what it says when it returns."""
        hits = self._draw.sample(page, self._draw.randint(1, 3))
        given = {(hit["query_id"], hit["id"]) for hit in hits}
        return ["feedback", page[0]["query_id"], *(hit["id"] for hit in hits), "--dwell", "15"], given

    def check(self):
        self._library.sound_items()
        counts = self._library.answer("feedback")
        if counts["clicked"] < len(self.acknowledged):
            raise Failed(f"{len(self.acknowledged)} clicks were acknowledged, {counts['clicked']} are there")
        policies = [json.loads(line) for line in self.run("policy", "list", "--json").splitlines()]
        if sum(policy["in_use"] for policy in policies) != 1:
            raise Failed(f"what ranks is none of {[policy['version'] for policy in policies]}")
        self.page()  # and it ranks


def main():
    parser = argparse.ArgumentParser(description="kill -9 during feedback and learning")
    parser.add_argument("--espy", required=True)
    parser.add_argument("--model", required=True, help="directory of a small model")
    parser.add_argument("--paint", default=str(Path(__file__).resolve().parents[1] / "journeys/bin/paint"))
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    draw, began = random.Random(options.seed), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="espy-learn-"))
    try:
        subprocess.run([options.paint, "--many", str(options.pictures), str(folder / "pictures"), "16"], check=True)
        library = Library(options.espy, options.model, folder)
        run_all(library.start())
        clicked = Clicked(library, draw)
        whole = {}
        during = 0
        for kill in range(options.kills):
            for _ in range(4):
                command, given = clicked.feedback(clicked.page())
                clicked.run(*command)
                clicked.acknowledged |= given
            command, given = clicked.feedback(clicked.page()) if kill % 2 == 0 else (["learn", "-q"], set())
            if kill < 2:  # what it takes undisturbed
                started = time.monotonic()
                clicked.run(*command)
                clicked.acknowledged |= given
                whole[kill % 2] = time.monotonic() - started
                continue
            process = subprocess.Popen([options.espy, *command], env=library.env, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            time.sleep(draw.random() * 1.1 * whole[kill % 2])
            during += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if process.returncode == 0:
                clicked.acknowledged |= given
            clicked.check()
        print(f"{options.kills - 2} kills, {during} of them while it ran; {len(clicked.acknowledged)} clicks acknowledged, all there; "
              f"{time.monotonic() - began:.0f} s")
        if during < options.kills // 4:
            raise Failed("too few kills fell into a running command to mean anything")
    except Failed as failure:
        print(f"FAILED (seed {options.seed}): {failure}\nthe library is kept: {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
