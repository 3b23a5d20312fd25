#!/usr/bin/env python3
"""kill -9 at random moments of `espy feedback` and `espy learn`.

    kill_learn.py --espy PROGRAM --model DIRECTORY [--kills N] [--pictures N] [--seed N]

Somebody who likes half of the pictures asks and clicks until a learning would switch a policy on; from there on every
second kill falls into a feedback, the others into a learning, which begins from similarity order. After each, `espy verify`
must find the library sound, the log must hold every click that was acknowledged, and what ranks must be what ranked before
or the policy of that learning, whole: no policy ever changes. SIGKILL does not test fsync; tests/storage loses
unsynced bytes.
"""

import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from library import Failed, Library, drill_arguments, run_all

QUESTIONS = ["a", "red", "round", "noise"]


class Clicked:
    """A library, the clicks that it acknowledged as (query, item), and the policies that were seen there."""

    def __init__(self, library, folder, draw):
        self._library, self._folder, self._draw = library, folder, draw
        self.acknowledged, self._policies = set(), {}

    def run(self, *arguments):
        done = subprocess.run([self._library.espy, *arguments], env=self._library.env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=False)
        if done.returncode > 1:
            raise Failed(f"espy {' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout.decode()

    def page(self, *flags):
        lines = self.run("search", self._draw.choice(QUESTIONS), "--json", "-k", "10", *flags).splitlines()
        return [json.loads(line) for line in lines]

    def feedback(self):
        """A command about a new page, and the clicks that it acknowledges when it returns."""
        page = self.page()
        liked = [hit for hit in page if int(hit["id"], 16) % 2 == 0 and self._draw.random() < 0.7]
        clicks = liked or [self._draw.choice(page)]
        given = {(hit["query_id"], hit["id"]) for hit in clicks}
        return ["feedback", page[0]["query_id"], *(hit["id"] for hit in clicks), "--dwell", "15"], given

    def click(self):
        command, given = self.feedback()
        self.run(*command)
        self.acknowledged |= given

    def ranking(self):
        """The version that ranks, and all that there are."""
        policies = [json.loads(line) for line in self.run("policy", "list", "--json").splitlines()]
        in_use = [policy["version"] for policy in policies if policy["in_use"]]
        if len(in_use) != 1:
            raise Failed(f"{in_use} rank")
        return in_use[0], [policy["version"] for policy in policies if policy["version"] != 0]

    def check(self):
        self._library.sound_items()
        log = self._folder / "clicks.jsonl"
        self.run("feedback", "--export", str(log), "--overwrite", "-q")
        there = set()
        for line in log.read_text().splitlines():
            page = json.loads(line)
            there |= {(page["query_id"], deed["item"]) for deed in page["feedback"] if deed["clicked"]}
        if not self.acknowledged <= there:
            raise Failed(f"acknowledged clicks are gone: {sorted(self.acknowledged - there)}")
        for version in self.ranking()[1]:
            copy = self._folder / "policy"
            self.run("policy", "export", str(version), str(copy), "-q")
            if self._policies.setdefault(version, copy.read_bytes()) != copy.read_bytes():
                raise Failed(f"policy {version} is another than it was")
            copy.unlink()
        self.page("--no-log")  # and it ranks


def prepare(clicked):
    """Clicks until a learning would switch a policy on."""
    for pages in range(180, 1000, 60):
        while len({query for query, _ in clicked.acknowledged}) < pages:
            clicked.click()
        if json.loads(clicked.run("learn", "--dry-run", "--json"))["switched"]:
            return
    raise Failed("nobody's taste could be learned: kills would find no policy on its way")


def main():
    parser = drill_arguments("kill -9 during feedback and learning")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--pictures", type=int, default=60)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    draw, began = random.Random(options.seed), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="espy-learn-"))
    try:
        subprocess.run([options.paint, "--many", str(options.pictures), str(folder / "pictures"), "16"], check=True)
        library = Library(options.espy, options.model, folder)
        run_all(library.start())
        clicked = Clicked(library, folder, draw)
        prepare(clicked)
        whole, during, switched = {}, 0, 0
        for turn in range(options.kills + 2):
            learns = turn % 2 == 1
            command, given = (["learn", "-q"], set()) if learns else clicked.feedback()
            if learns:
                clicked.click()  # what a learning judges by must not become thin
                clicked.run("policy", "reset", "-q")
            before, policies = clicked.ranking()
            started = time.monotonic()
            process = subprocess.Popen([options.espy, *command], env=library.env, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            if turn < 2:  # what it takes undisturbed
                process.wait()
                whole[learns] = time.monotonic() - started
            else:
                # Opening has a drill of its own; a library that was killed takes longer, so the span follows.
                time.sleep(draw.uniform(0.5 if learns else 0, 1.1) * whole[learns])
                whole[learns] *= 1.1 if process.poll() is None else 0.9
                during += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if process.returncode == 0:
                clicked.acknowledged |= given
            clicked.check()
            now, there = clicked.ranking()
            new = sorted(set(there) - set(policies))
            if not set(policies) <= set(there) or len(new) > learns or now != (new[0] if new else before):
                raise Failed(f"{before} ranked of {policies}; after `{command[0]}`, whose exit code is "
                             f"{process.returncode}, {now} ranks of {there}")
            if learns and process.returncode == 0 and not new:
                raise Failed("a learning was acknowledged, and its policy is not there")
            switched += len(new)
        print(f"{options.kills} kills, {during} of them while it ran; {len(clicked.acknowledged)} clicks acknowledged, "
              f"all there; {switched} policies, all whole; {time.monotonic() - began:.0f} s")
        if during < options.kills // 4:
            raise Failed("too few kills fell into a running command to mean anything")
    except Failed as failure:
        print(f"FAILED (seed {options.seed}): {failure}\nthe library is kept: {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
