"""Put measured figures into the captioner's card: results.json, and the tables of README.md between their marks.

    python -m captioner.card --figures figures.json

Everything else in the card is written by hand.
"""

import argparse
import json
from pathlib import Path

from captioner.export import OUT

OURS, BASELINE = "espy-mini-caption", "nearest picture"


def singles_table(figures):
    yield f"| pictures of one thing | pictures | {OURS} exact / F1 | {BASELINE} exact / F1 |"
    yield "| --- | --- | --- | --- |"
    for name, f in figures["one thing"].items():
        two = lambda who: f"{f[who]['exact']} / {f[who]['F1']}"
        yield f"| {name} | {f['pictures']} | **{two(OURS)}** | {two(BASELINE)} |"


def scenes_table(figures):
    f = figures["scenes"]
    yield f"| {f['scenes']} scenes, {f['references']} references each | BLEU-4 | CIDEr |"
    yield "| --- | --- | --- |"
    for who, bold in ((OURS, "**"), (BASELINE, "")):
        yield f"| {who} | {bold}{f[who]['BLEU-4']}{bold} | {bold}{f[who]['CIDEr']}{bold} |"


def swaps_table(figures):
    yield "| changed | scenes | matching head | cosine |"
    yield "| --- | --- | --- | --- |"
    for change, f in figures["swaps"].items():
        yield f"| {change} | {f['scenes']} | **{f['matching']}** | {f['cosine']} |"


def examples_table(figures):
    f = figures["scenes"]
    yield f"| one true sentence | {OURS} | {BASELINE} |"
    yield "| --- | --- | --- |"
    for row in zip(f["first references"], f[OURS]["first"], f[BASELINE]["first"]):
        yield "| " + " | ".join(row) + " |"


TABLES = {"one thing": singles_table, "scenes": scenes_table, "swaps": swaps_table, "examples": examples_table}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--figures", type=Path, required=True, help="made by python -m captioner.evaluate")
    options = parser.parse_args()
    figures = json.loads(options.figures.read_text())
    (OUT / "results.json").write_text(json.dumps(figures, indent=1) + "\n")
    text = (OUT / "README.md").read_text()
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}, by recipe/captioner/card.py -->\n", f"<!-- end of {name} -->\n"
        head, rest = text.split(begin)
        text = head + begin + "\n".join(table(figures)) + "\n" + end + rest.split(end)[1]
    (OUT / "README.md").write_text(text)


if __name__ == "__main__":
    main()
