"""Who trains and who is asked: a fixed, leak-free division of the manifest.

    python splits.py            # writes splits.json.gz and prints the counts

Groups (`split_group`: near copies and equal captions of one source family) are dealt out by the SHA-1 of their sorted
paths, 10 % validation and 10 % test, so that neither row order nor a later addition can move a picture. Then:

    train      everything else
    val/test   new groups ("H2"): neither the picture nor a near copy nor its caption's other pictures were seen
    h1val/h1   known words, new picture ("H1"): one near-copy cluster of a training caption that has at least three
    style      the whole OpenMoji hand, whose pictures never train; asked only about meanings that do
    out        near copies that would tie two sides together

The further pictures of more.jsonl.gz only ever train. They are out when they are a near copy of a picture that is asked
about, draw an emoji whose meaning is, or have, but for order, number and little words, a caption of the H2 sides.

`leaks` returns what is wrong with a division; tests assert that it is empty.
"""

import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from pathlib import Path

from data import manifest, more

STYLE = "emoji-openmoji"
POOL = "train/heldout pool"
HERE = Path(__file__).resolve().parent
NEW = ("val", "test")
HELD = (*NEW, "h1", "h1val", "style")
H1_SHARE = {True: 12, False: 60}  # % of captions asked, by whether the caption is an emoji's


def _draw(text):
    """A number in [0, 100) that depends on the text alone."""
    return int(hashlib.sha1(text.encode()).hexdigest()[:8], 16) % 100


def said(caption):
    """The words of a caption without order, number and little words: what makes two captions equal."""
    words = re.findall(r"[a-z]+", caption.lower())
    return frozenset(w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w
                     for w in words if w not in ("a", "an", "the", "of", "and", "with", "in", "on"))


def divide_more(items, side, further):
    """{id: "train" or "out"} for pictures that are to train beside a division of the manifest."""
    held = [i for i in items if side.get(i["id"], "train") in HELD]
    asked = {said(i["words"]) for i in held if side[i["id"]] in NEW}
    groups = {i["split_group"] for i in held if side[i["id"]] in NEW}
    groups |= {i["split_group"] for i in items if i["source"] == STYLE and side.get(i["id"]) == "out"}
    clusters, ids = {i["dup_cluster"] for i in held}, {i["id"] for i in held}
    return {m["id"]: "out" if m["dup_cluster"] in clusters or ids & set(m["near"]) or m["split_group"] in groups
            or said(m["words"]) in asked else "train" for m in further}


def divide(items):
    """{id: side} for every usable item."""
    usable = [i for i in items if i["use"] != "exclude"]
    groups, clusters, captions = defaultdict(list), defaultdict(list), defaultdict(set)
    for item in usable:
        groups[item["split_group"]].append(item)
        clusters[item["dup_cluster"]].append(item)
    side = {}
    for members in groups.values():
        draw = _draw("\n".join(sorted(m["path"] for m in members)))
        name = "val" if draw < 10 else "test" if draw < 20 else "train"
        for m in members:
            side[m["id"]] = name
            if m["source"] == STYLE:
                side[m["id"]] = "style" if name == "train" else "out"
    for item in usable:
        if side[item["id"]] == "train" and item["use"] == POOL:
            captions[item["words"]].add(item["dup_cluster"])
    for caption, own in sorted(captions.items()):
        members = [m for c in own for m in clusters[c]]
        emoji = any(m["source"].startswith("emoji") for m in members)
        if len(own) < 3 or _draw("H1 " + caption) >= H1_SHARE[emoji]:
            continue
        chosen = min(own, key=lambda c: hashlib.sha1(f"{caption} {c}".encode()).hexdigest())
        if all(side[m["id"]] == "train" for m in clusters[chosen]):
            name = "h1" if _draw("half " + caption) < 50 else "h1val"
            for m in clusters[chosen]:
                side[m["id"]] = name
    for members in clusters.values():
        sides = {side[m["id"]] for m in members}
        if len(sides) > 1:
            keep = "train" if "train" in sides else sorted(sides)[0]
            for m in members:
                if side[m["id"]] != keep:
                    side[m["id"]] = "out"
    train_files = {(i["package"], i["path"]) for i in usable if side[i["id"]] == "train"}
    for item in usable:  # an emoji font draws a few meanings with one glyph
        if side[item["id"]] != "train" and (item["package"], item["path"]) in train_files:
            side[item["id"]] = "out"
    return side


def leaks(items, side):
    """Sentences about every tie between training and a held-out side; empty when the division is sound."""
    by_id = {i["id"]: i for i in items}
    train = [by_id[k] for k, s in side.items() if s == "train"]
    clusters, groups = {i["dup_cluster"] for i in train}, {i["split_group"] for i in train}
    paths = {(i["package"], i["path"]) for i in train}
    found = [f"{i['id']} of the unseen style trains" for i in train if i["source"] == STYLE]
    found += [f"{i['id']} is excluded but used" for i in items if i["use"] == "exclude" and i["id"] in side]
    for key, name in side.items():
        item = by_id[key]
        if name in HELD and item["dup_cluster"] in clusters:
            found.append(f"{key} ({name}) is a near copy of a training picture")
        if name in HELD and (item["package"], item["path"]) in paths:
            found.append(f"{key} ({name}) is the very file of a training picture")
        if name in NEW and item["split_group"] in groups:
            found.append(f"{key} ({name}) shares a split group with training")
    asked = {said(by_id[k]["words"]) for k, name in side.items() if name in NEW}
    for i in train:
        if "near" in i:
            if said(i["words"]) in asked:
                found.append(f"{i['id']} has a caption that is asked about")
            found += [f"{i['id']} is a near copy of {k} ({side[k]})" for k in i["near"] if side[k] in HELD]
    return found


def load():
    """The committed division {id: side}."""
    with gzip.open(HERE / "splits.json.gz", "rt") as file:
        return {key: name for name, keys in json.load(file).items() for key in keys}


def main():
    items, further = manifest(), more()
    side = divide(items)
    side |= divide_more(items, side, further)
    wrong = leaks([*items, *further], side)
    if wrong:
        raise SystemExit("\n".join(wrong[:20]))
    lists = defaultdict(list)
    for key, name in sorted(side.items()):
        lists[name].append(key)
    with open(HERE / "splits.json.gz", "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as out:
        out.write(json.dumps(lists, separators=(",", ":")).encode())
    print(Counter(side.values()), "of the further pictures", Counter(side[m["id"]] for m in further))


if __name__ == "__main__":
    main()
