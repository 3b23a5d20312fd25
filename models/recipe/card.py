"""Put measured figures into the card: results.json, and the tables of README.md between their marks.

    python card.py --figures figures.json --baseline baseline.json

Everything else in the card is written by hand.
"""

import argparse
import json
from pathlib import Path

CARD = Path(__file__).resolve().parent.parent / "espy-mini"
# (what, key in the figures, at least): what the model should reach to be plainly useful.
KNOWN, STYLE = "H2 new groups, known words", "unseen style (OpenMoji)"
AIMS = (("known words R@1", (KNOWN, "text->image", "R@1"), 30), ("known words R@10", (KNOWN, "text->image", "R@10"), 60),
        ("unseen style R@1", (STYLE, "text->image", "R@1"), 20), ("unseen style R@10", (STYLE, "text->image", "R@10"), 50),
        ("object swap", ("swaps", "object", "right"), 90), ("colour swap", ("swaps", "colour", "right"), 75),
        ("count swap", ("swaps", "count", "right"), 75), ("order swap", ("swaps", "order", "right"), 70))


def recall_table(model, baseline):
    yield "| asked | direction | queries / gallery | chance R@1 / R@10 | espy-mini R@1 / R@5 / R@10 | baseline R@1 / R@5 / R@10 |"
    yield "| --- | --- | --- | --- | --- | --- |"
    three = lambda f: " / ".join(str(f[f"R@{k}"]) for k in (1, 5, 10))
    for name in model:
        for way in ("text->image", "image->text") if name != "swaps" else ():
            m, b = model[name][way], baseline[name][way]
            yield (f"| {name} | {way.replace('->', ' → ')} | {m['queries']} / {m['gallery']} | "
                   f"{m['chance R@1']} / {m['chance R@10']} | **{three(m)}** | {three(b)} |")


def swap_table(model, baseline):
    yield "| changed | scenes | espy-mini | baseline |"
    yield "| --- | --- | --- | --- |"
    for change, m in model["swaps"].items():
        yield f"| {change} | {m['scenes']} | **{m['right']}** | {baseline['swaps'][change]['right']} |"


def aim_table(model):
    yield "| aim | reached | |"
    yield "| --- | --- | --- |"
    for what, (group, part, figure), least in AIMS:
        value = model[group][part][figure]
        yield f"| {what} >= {least} | {value} | {'met' if value >= least else '**missed**'} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--figures", type=Path, required=True, help="made by evaluate.py")
    parser.add_argument("--baseline", type=Path, required=True, help="made by baseline.py")
    options = parser.parse_args()
    model, baseline = (json.loads(f.read_text()) for f in (options.figures, options.baseline))
    (CARD / "results.json").write_text(json.dumps({"espy-mini": model, "linear baseline": baseline}, indent=1) + "\n")
    text = (CARD / "README.md").read_text()
    for name, lines in (("recall", recall_table(model, baseline)), ("swaps", swap_table(model, baseline)),
                        ("aims", aim_table(model))):
        begin, end = f"<!-- {name}, by recipe/card.py -->\n", f"<!-- end of {name} -->\n"
        head, rest = text.split(begin)
        text = head + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    (CARD / "README.md").write_text(text)


if __name__ == "__main__":
    main()
