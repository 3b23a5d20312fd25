"""What captions do for search: held-out pictures in a library, asked for by their words in five ways.

    python -m captioner.search --cache DIR --espy PATH [--out figures.json]

Each gallery of ../evaluate.py becomes a library; espy-mini-caption captions it; every caption of the gallery that is asked for
is a question, and the pictures of that caption are right. Recall at 1 and 10, in per cent, of

    dense       the cosine alone
    captions    the words of generated captions alone (espy search --text)
    hybrid      both, by reciprocal ranks (--hybrid rrf)
    ... + ITM   the first 20 in the order of the matching head (--rerank itm)
"""

import argparse
import json
import re
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

import catalogue
import evaluate as mini
from captioner import painter

WAYS = {"dense": (), "captions": None, "hybrid": ("--hybrid", "rrf"), "dense + ITM": ("--rerank", "itm"),
        "hybrid + ITM": ("--hybrid", "rrf", "--rerank", "itm")}


class Library:
    def __init__(self, espy, folder):
        self._espy, self._folder = str(espy), folder

    def run(self, verb, *arguments):
        done = subprocess.run([self._espy, verb, *arguments, "-L", f"{self._folder}/lib.espy"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode > 1:
            raise SystemExit(done.stderr)
        return done.stdout

    def answer(self, question, flags):
        """Names of the ten best hits' files."""
        words = [question] if flags is not None else ["--text", re.sub(r"[^\w ]", " ", question)]
        lines = self.run("search", *words, *(flags or ()), "-k", "10", "--paths", "--no-log").splitlines()
        return [Path(line).stem for line in lines]


def measure(espy, gallery, asked, folder):
    pictures = Path(folder) / "pictures"
    pictures.mkdir()
    for item in gallery:
        Image.fromarray(mini.flattened(item, painter.SIDE)).save(pictures / f"{gallery.index(item)}.png")
    library = Library(espy, folder)
    library.run("ingest", str(pictures), "-q")
    library.run("caption", "-q")
    questions = sorted({i.caption for i in gallery if asked(i.caption)})
    figures = {"pictures": len(gallery), "questions": len(questions)}
    for way, flags in WAYS.items():
        first = among = 0
        for question in questions:
            right = [gallery[int(name)].caption == question for name in library.answer(question, flags)]
            first += any(right[:1])
            among += any(right)
        figures[way] = {"R@1": round(100 * first / len(questions), 1), "R@10": round(100 * among / len(questions), 1)}
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--espy", type=Path, required=True, help="the program")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    items, wordnet = catalogue.load(options.cache)
    figures = {}
    for name, gallery, asked in mini.all_galleries(items, wordnet):
        with tempfile.TemporaryDirectory() as folder:
            figures[name] = measure(options.espy, gallery, asked, folder)
        print(name, json.dumps(figures[name]), flush=True)
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
