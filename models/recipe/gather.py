"""Find the further training pictures of more.jsonl.gz: icons, outline emoji and game tiles that have a name.

    python gather.py --cache DIR        # after data.py has made the pixels of manifest.jsonl.gz

They are training pictures only and never asked about, so the questions stay what they are without them. A name is kept
when its last word is a thing that WordNet knows; words that icon sets use for states of a program (outline, off, check)
are cut off or rule the picture out. Each picture is compared with every picture of the manifest: a near copy gets that
picture's `dup_cluster`, a drawing of an emoji that emoji's `split_group`, and splits.py then keeps it out of training
where that picture, that emoji or that caption is asked about.
"""

import argparse
import gzip
import json
import re
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image

import data
import pictures
import words as lexicon

NEAR_P, NEAR_D, ASPECT = 8, 24, 0.15  # bits of pHash and dHash, and relative aspect, within which pictures are near copies
# Words of icon sets that change nothing of what is shown.
_DROPPED = set("outline variant solid regular alt fill round rounded square box circle multiple sharp large small simple "
               "front side rear back top rotated horizontal vertical left right up down".split())
# Words that turn a picture of a thing into a sign of a program, and marks of programs and firms.
_SIGNS = set("account alert arrow arrows asterisk badge bulleted cancel check checkmark clock cog cogs dash dollar dots "
             "edit export import filter gear info input linked lock locked logout marker medical minus multiselect "
             "network off on open output percent play plus pause question quote refresh remove repeat search select "
             "settings share slash star start stop swap switch sync text unlock unlocked update upload download user "
             "users wireless x xmark alpha beta numeric roman zodiac format file folder page code language circle-notch "
             "gesture chevron angle caret hand flag sort align border table set view chart sign git json api css html "
             "node apple google microsoft amazon face emoji volume brightness filetype gender pip dolby apache cloud "
             "comment globe grid record grip angles hexagon pentagon triangle equal meh laugh hash signal wifi "
             "bluetooth pan axis vector layers skew move cursor math function keyboard controller".split())
_GAME = re.compile(r"zombie|mi-go|mutagen|bot\b|triffid|rubble|wall|floor|fetid|goop|mutant|"
                   r"shocker|corpse|debug|fake|dummy|broken|severed|survivor|bionic|integrated|unfinished|\(|\d|/|,")
ICONS = (  # source, package, folder, licence
    ("icons-material", "pypi:mkdocs-material", "material/templates/.icons/material", "Apache-2.0"),
    ("icons-awesome", "pypi:mkdocs-material", "material/templates/.icons/fontawesome/solid", "CC-BY-4.0"),
    ("icons-awesome", "pypi:mkdocs-material", "material/templates/.icons/fontawesome/regular", "CC-BY-4.0"),
    ("icons-bootstrap", "bootstrap-icons", "usr/share/bootstrap-icons/svg", "MIT"))
FONTS = (  # source, package, file, licence
    ("outline-noto", "pypi:manimgx-fonts", "manimgx_fonts/NotoEmoji[wght].ttf", "OFL-1.1"),
    ("outline-symbola", "fonts-symbola", "usr/share/fonts/truetype/ancient-scripts/Symbola_hint.ttf", "free for any use"))
GAME, TILES = "cataclysm-dda-data", "usr/share/games/cataclysm-dda"
PACKAGES = sorted({i[1] for i in ICONS} | {f[1] for f in FONTS} | {GAME})


def icons(root, wordnet):
    """Pictures named by their file."""
    for source, package, folder, licence in ICONS:
        for file in sorted((root / package.removeprefix("pypi:") / folder).glob("*.svg")):
            parts = re.split(r"[-_]", file.stem)
            name = " ".join(p for p in parts if p not in _DROPPED)
            if len(name) < 3 or any(p in _SIGNS or re.search(r"\d", p) for p in parts) or not wordnet.kinds(name):
                continue
            yield {"source": source, "package": package, "path": f"{folder}/{file.name}", "caption": name, "keywords": [],
                   "category": "icon", "kind": "icon", "license": licence}


def outlines(root, emoji):
    """Emoji drawn as outlines in a font; name and keywords are those of the same code point in the manifest."""
    from fontTools.ttLib import TTFont
    for source, package, file, licence in FONTS:
        known = TTFont(root / package.removeprefix("pypi:") / file).getBestCmap()
        for point, item in sorted(emoji.items()):
            if point in known:
                yield {"source": source, "package": package, "path": f"{file}!outline/{point:X}", "caption": item["caption"],
                       "keywords": item["keywords"], "category": item["category"], "kind": "emoji", "license": licence,
                       "split_group": item["split_group"], "use": item["use"]}


def _names(folder):
    """{id: name} of everything that the game's data names."""
    found = {}
    for file in sorted(folder.rglob("*.json")):
        entries = json.loads(file.read_text(encoding="utf-8"))
        for e in entries if isinstance(entries, list) else [entries]:
            name = e.get("name") if isinstance(e, dict) else None
            name = name.get("str", name.get("str_sp")) if isinstance(name, dict) else name
            if isinstance(name, str) and isinstance(e.get("id"), str):
                found.setdefault(e["id"], name.lower())
    return found


def tiles(root, wordnet):
    """Pictures cut from the sheets of two tile sets of a game."""
    base = root / GAME / TILES
    names = _names(base / "json")
    for style in ("UltimateCataclysm", "MshockXotto+"):
        config, start = json.loads((base / "gfx" / style / "tile_config.json").read_text()), 0
        cell = config["tile_info"][0]
        for sheet in config["tiles-new"]:
            w, h = sheet.get("sprite_width", cell["width"]), sheet.get("sprite_height", cell["height"])
            with Image.open(base / "gfx" / style / sheet["file"]) as image:
                columns, count = image.width // w, (image.width // w) * (image.height // h)
            for tile in sheet["tiles"]:
                at = tile.get("fg")
                while isinstance(at, (list, dict)) and at:
                    at = at[0] if isinstance(at, list) else at.get("sprite")
                own = tile["id"] if isinstance(tile["id"], list) else [tile["id"]]
                name = next((names[i] for i in own if i in names and not i.startswith(("overlay", "vp_"))), "")
                if not name or not isinstance(at, int) or not start <= at < start + count or _GAME.search(name) \
                        or len(name.split()) > 3 or not wordnet.kinds(name):
                    continue
                x, y = (at - start) % columns * w, (at - start) // columns * h
                yield {"source": "tiles", "package": GAME, "path": f"{TILES}/gfx/{style}/{sheet['file']}!{x},{y},{w},{h}",
                       "caption": name, "keywords": [], "category": "game", "kind": "pixel art", "license": "CC-BY-SA-3.0"}
            start += count


def hashes(image):
    """(63 bits of pHash, 256 bits of dHash, aspect) of a picture trimmed and laid on white."""
    image = pictures.trimmed(image.convert("RGBA"))
    flat = Image.new("RGB", image.size, (255, 255, 255))
    flat.paste(image, (0, 0), image)
    grey = flat.convert("L")
    small = np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS), float)
    k = np.arange(8)[:, None] * (2 * np.arange(32) + 1) * np.pi / 64
    dct = (np.cos(k) @ small @ np.cos(k).T).ravel()[1:]
    wide = np.asarray(grey.resize((17, 16), Image.Resampling.LANCZOS), int)
    return dct > np.median(dct), (wide[:, 1:] > wide[:, :-1]).ravel(), image.width / image.height


def _hashed(args):
    root, item = args
    try:
        return hashes(pictures.open_picture(root, item))
    except Exception as error:  # a picture that does not render is left out and named
        print(f"left out {item['path']}: {error}")
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    for package in (*PACKAGES, *data.TEXTS):
        data.fetch_package(package, options.cache)
    root = options.cache / "pkgs"
    wordnet = lexicon.WordNet(root / "wordnet-base/usr/share/wordnet")
    base = [i for i in data.manifest() if i["use"] != "exclude"]
    points = {i["path"].rsplit("/", 1)[1][:-4]: i for i in base if i["source"] == "emoji-openmoji"}
    emoji = {int(p, 16): i for p, i in points.items() if re.fullmatch(r"[0-9A-F]+", p)}
    found = [*icons(root, wordnet), *outlines(root, emoji), *tiles(root, wordnet)]
    cached = data.load(options.cache)
    known = [i for i in base if i["id"] in cached]
    print(f"{len(found)} named pictures, {len(known)} to compare with")
    old = [hashes(Image.fromarray(np.ascontiguousarray(cached[i["id"]]))) for i in known]
    p, d, aspect = (np.array([o[n] for o in old]) for n in range(3))
    next_cluster = max(i["dup_cluster"] for i in base) + 1
    next_group = max(i["split_group"] for i in base) + 1
    lines = []
    with Pool(options.processes) as pool:
        for n, (item, own) in enumerate(zip(found, pool.imap(_hashed, ((root, i) for i in found), chunksize=32))):
            if own is None:
                continue
            near = ((p != own[0]).sum(1) <= NEAR_P) & ((d != own[1]).sum(1) <= NEAR_D) \
                & (np.abs(np.log(aspect / own[2])) <= ASPECT)
            same = np.flatnonzero(near)
            item = {"id": f"more-{item['source']}-{n:05d}"} | item
            item["words"] = re.sub(r"^(a|an|the) ", "", item["caption"].lower())
            item["near"] = [known[k]["id"] for k in same]
            item["dup_cluster"] = known[same[0]]["dup_cluster"] if len(same) else next_cluster + n
            item.setdefault("split_group", next_group + n)
            item.setdefault("use", "more")
            lines.append(json.dumps(item, ensure_ascii=False))
    with open(data.HERE / "more.jsonl.gz", "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as out:
        out.write(("\n".join(lines) + "\n").encode())
    print(f"{len(lines)} written")


if __name__ == "__main__":
    main()
