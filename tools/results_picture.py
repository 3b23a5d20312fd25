#!/usr/bin/env python3
"""Draw the first hits of some questions as one SVG: the picture in README.md.

    tools/results_picture.py --espy build/release/cli/espy --library ~/espy-demo/pictures/.espy QUESTION... > docs/results.svg

A question that names a file is asked as a picture. The thumbnails are taken from the contact sheets that espy writes.
"""

import argparse
import html
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HITS = 7
CELL, GAP, LABEL = 104, 8, 30
INK, SOFT, PAPER, CARD = "#1d1c1a", "#6d6962", "#faf9f7", "#ffffff"


def ask(espy, library, question):
    """[(file name, data URI of the thumbnail, score)], best first."""
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "sheet.html"
        out = subprocess.run([espy, "search", question, "-k", str(HITS), "-L", library, "-q", "--html", str(sheet)],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        pictures = re.findall(r'<img alt="([^"]*)" src="(data:image/jpeg;base64,[^"]*)"',
                              sheet.read_text(encoding="utf-8"))
    scores = [line.split()[1] for line in out.splitlines()]
    return [(html.unescape(name), uri, score) for (name, uri), score in zip(pictures, scores)]


def label(question):
    return f"espy search {question!r}".replace("'", '"') if not Path(question).exists() else \
        f"espy search ./{Path(question).name}"


def draw(rows):
    width = GAP + HITS * (CELL + GAP)
    height = GAP + len(rows) * (LABEL + CELL + GAP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           f'font-family="system-ui, sans-serif" role="img">', f'<rect width="100%" height="100%" fill="{PAPER}"/>']
    y = GAP
    for question, hits in rows:
        out.append(f'<text x="{GAP}" y="{y + 19}" font-size="14" font-family="ui-monospace, monospace" fill="{INK}">'
                   f'{html.escape(label(question))}</text>')
        for i, (name, uri, score) in enumerate(hits):
            x = GAP + i * (CELL + GAP)
            out.append(f'<rect x="{x}" y="{y + LABEL}" width="{CELL}" height="{CELL}" rx="6" fill="{CARD}" '
                       f'stroke="#e4e0d9"/>')
            out.append(f'<image x="{x + 6}" y="{y + LABEL + 6}" width="{CELL - 12}" height="{CELL - 24}" href="{uri}">'
                       f'<title>{html.escape(name)}</title></image>')
            out.append(f'<text x="{x + CELL / 2}" y="{y + LABEL + CELL - 5}" font-size="10" text-anchor="middle" '
                       f'fill="{SOFT}">{score}</text>')
        y += LABEL + CELL + GAP
    return "\n".join([*out, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description="draw the hits of some questions")
    parser.add_argument("--espy", required=True, help="the program")
    parser.add_argument("--library", required=True)
    parser.add_argument("questions", nargs="+")
    options = parser.parse_args()
    sys.stdout.write(draw([(question, ask(options.espy, options.library, question)) for question in options.questions]))


if __name__ == "__main__":
    main()
