#!/usr/bin/env python3
"""Lives of a folder of pictures and of the library made of it, drawn from a seed, against a model in plain memory.

    ingest_lives.py --espy PROGRAM --model DIRECTORY [--lives N] [--rounds N] [--seed N]

In each round files come, are copied, moved, replaced, removed, broken or are no pictures; items are tagged, described and
forgotten; some ingests are killed with -9 on their way. After an undisturbed ingest the library must hold what the
model does: an item for each content that has a path, its paths, tags and caption, and as failures the files that are
no pictures. At the end of a life its vectors must be those of a new library made of the same folder.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from library import Failed, Library, drill_arguments, run_all

POOL = 60  # pictures that lives draw from


class Item:
    def __init__(self):
        self.paths, self.tags, self.caption = set(), set(), ""

    def told(self):
        return sorted(self.paths), sorted(self.tags), self.caption


class Life:
    """The folder on disk, the library, and what both should be."""

    def __init__(self, options, folder, pool, seed):
        self.draw = random.Random(seed)
        self.pool = pool
        self.library = Library(options.espy, options.model, folder)
        self.folder = self.library.pictures
        self.folder.mkdir(parents=True)
        self.files = {}  # path -> hash of its content; None: it is no picture
        self.items = {}  # hash -> Item
        self.names = 0
        self.changes = 0

    def new_path(self):
        self.names += 1
        folder = self.folder / self.draw.choice(["", "a", "a/b", "c"])
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.names}.png"

    def some(self, among):
        return self.draw.choice(sorted(among)) if among else None

    def write(self, path, content):
        """The modification time moves on, as it does when people write files: a second later at least."""
        path.write_bytes(content)
        os.utime(path, (self.changes + 1_600_000_000,) * 2)

    # What happens to the folder.

    def add(self):
        path, content = self.new_path(), self.draw.choice(self.pool)
        self.write(path, content)
        self.files[path] = hashlib.sha256(content).hexdigest()

    def add_many(self):
        for _ in range(self.draw.randrange(2, 9)):
            self.add()

    def copy(self):
        if source := self.some(self.files):
            path = self.new_path()
            shutil.copy2(source, path)
            self.files[path] = self.files[source]

    def move(self):
        if source := self.some(self.files):
            path = self.new_path()
            source.rename(path)
            self.files[path] = self.files.pop(source)

    def remove(self):
        if path := self.some(self.files):
            path.unlink()
            del self.files[path]

    def replace(self):
        if path := self.some(self.files):
            content = self.draw.choice(self.pool)
            self.write(path, content)
            self.files[path] = hashlib.sha256(content).hexdigest()

    def add_no_picture(self):
        path = self.new_path()
        self.write(path, b"no picture " + str(self.draw.random()).encode())
        self.files[path] = None

    def damage(self):
        """A picture that becomes none: its item stays, for its path is there, and the failure is listed."""
        if path := self.some(self.files):
            self.write(path, b"broken " + str(self.draw.random()).encode())
            self.files[path] = None

    # What is done to items: by one of their paths.

    def held(self):
        return self.some({path for item in self.items.values() for path in item.paths})

    def item_at(self, path):
        return next(item for item in self.items.values() if path in item.paths)

    def tag(self):
        if path := self.held():
            item, word = self.item_at(path), self.draw.choice(["red", "blue", "green"])
            self.library.answer("tag", str(path), ("-" if word in item.tags else "+") + word)
            item.tags ^= {word}

    def describe(self):
        if path := self.held():
            words = f"seen {self.draw.randrange(1000)} times"
            self.library.answer("caption", str(path), words)
            self.item_at(path).caption = words

    def forget(self):
        if path := self.held():
            self.library.answer("forget", str(path))
            self.items = {hash: item for hash, item in self.items.items() if path not in item.paths}

    # What an ingest makes of all that.

    def ingest(self):
        broken = {path for path, content in self.files.items() if content is None}
        known = {path for item in self.items.values() for path in item.paths}
        if known and not any(content or path in known for path, content in self.files.items()):
            return  # none of the library's pictures is there: a disk is perhaps not mounted
        for content in set(filter(None, self.files.values())):
            self.items.setdefault(content, Item())
        for content, item in self.items.items():
            item.paths = {path for path in item.paths if path in broken}
            item.paths |= {path for path, held in self.files.items() if held == content}
        self.items = {content: item for content, item in self.items.items() if item.paths}

    def run(self, rounds):
        happens = [self.add, self.add_many, self.copy, self.move, self.remove, self.replace, self.damage,
                   self.add_no_picture, self.tag, self.tag, self.describe, self.forget]
        killed = 0
        for number in range(rounds):
            log = []
            for _ in range(self.draw.randrange(1, 6)):
                one = self.add_many if not self.files else self.draw.choice(happens)
                one()
                self.changes += 1
                log.append(one.__name__)
            if self.draw.random() < 0.3:
                process = self.library.start()
                time.sleep(self.draw.random() * 0.15)
                process.send_signal(signal.SIGKILL)
                process.communicate()
                killed += 1
                log.append("killed")
            process = self.library.start()
            out, err = process.communicate(timeout=120)
            bad = {str(path) for path, content in self.files.items() if content is None}
            if process.returncode not in ((0, 1) if bad else (0,)):
                raise Failed(f"round {number} ({', '.join(log)}): ingest ended with {process.returncode}\n"
                             f"{out.decode()}{err.decode()}")
            self.ingest()
            self.compare(f"round {number} ({', '.join(log)})", bad)
        self.compare_vectors()
        return killed

    def exported(self, library, name):
        to = self.folder.parent / f"{name}.jsonl"
        if self.items:
            library.answer("export", "--to", str(to), "--overwrite")
        lines = to.read_text().splitlines() if self.items else []
        return {row["content_hash"]: row for row in map(json.loads, lines)}

    def compare(self, when, bad):
        rows = self.exported(self.library, "records")
        found = {content: (sorted(map(Path, row["paths"])), sorted(row.get("tags", [])), row.get("caption", ""))
                 for content, row in rows.items()}
        wanted = {content: item.told() for content, item in self.items.items()}
        if found != wanted:
            differ = {content for content in found.keys() | wanted.keys() if found.get(content) != wanted.get(content)}
            one = sorted(differ)[0]
            raise Failed(f"{when}: {len(differ)} items are others; one is {found.get(one)}, and should be "
                         f"{wanted.get(one)}")
        if self.library.sound_items() != len(wanted):
            raise Failed(f"{when}: verify counts other items")
        done = subprocess.run([self.library.espy, "failures", "--json", "-q"], env=self.library.env,
                              stdout=subprocess.PIPE, check=False)
        failures = {json.loads(line)["path"] for line in done.stdout.splitlines()}
        if failures != bad:
            raise Failed(f"{when}: failures are {sorted(failures)}, and should be {sorted(bad)}")

    def compare_vectors(self):
        """Of all but broken files' items, which only the old library knows, and none where nothing is a picture."""
        intact = set(filter(None, self.files.values()))
        if not intact:
            return
        fresh = Library(self.library.espy, self.library.model, self.folder.parent, self.folder.parent / "fresh.espy")
        fresh.start().communicate(timeout=120)
        old, new = self.exported(self.library, "records"), self.exported(fresh, "fresh")
        if new.keys() != intact:
            raise Failed(f"in the end: a new library holds {len(new)} items of {len(intact)}")
        for content, row in new.items():
            if old[content]["vector_f16"] != row["vector_f16"]:
                raise Failed(f"in the end: {row['paths']} has another vector than in a new library")


def main():
    parser = drill_arguments("lives of a folder and its library")
    parser.add_argument("--lives", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="espy-lives-"))
    subprocess.run([options.paint, "--many", str(POOL), str(folder / "pool"), "16"], check=True)
    pool = [path.read_bytes() for path in sorted((folder / "pool").iterdir())]
    changes = killed = 0
    for number in range(options.lives):
        life = Life(options, folder / str(number), pool, f"{options.seed} {number}")
        try:
            killed += life.run(options.rounds)
        except Failed as failure:
            print(f"FAILED (seed {options.seed}, life {number}): {failure}\nit is kept: {folder / str(number)}",
                  file=sys.stderr)
            return 1
        changes += life.changes
        shutil.rmtree(folder / str(number))
    print(f"{options.lives} lives of {options.rounds} rounds, {changes} changes, {killed} ingests killed")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
