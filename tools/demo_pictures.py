#!/usr/bin/env python3
"""Get Espy's demo collection: about 1,500 photos, drawings and cut-outs from three Debian/Ubuntu packages.

    tools/demo_pictures.py DEST

The packages (gcompris-qt-data, scratch, tuxpaint-stamps-default; about 230 MB) are downloaded with apt-get and
unpacked with dpkg -x into a temporary folder; nothing is installed and no root is needed. DEST receives
gcompris/, scratch/ and tuxpaint/ with readable names, and LICENCES.tsv with one line a picture. Pictures keep their
own formats (webp, png, jpg, gif, svg). A second run finds the collection complete and stops.

Left out on purpose: letters and photographs of people among the costumes of scratch, and the game parts of gcompris.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rcc import Rcc

PACKAGES = ("gcompris-qt-data", "scratch", "tuxpaint-stamps-default")
LEAST = 1000  # pictures; fewer means that a package has changed its layout
# Resource file -> folders inside it that hold whole pictures of one thing each.
GCOMPRIS = {
    "explore_world_animals": ("resource/animals/",),
    "explore_farm_animals": ("resource/animals/",),
    "explore_monuments": ("resource/",),
    "explore_world_music": ("resource/music/",),
    "erase": ("resource/",),
    "categorization": ("resource/images/fishes/", "resource/images/monuments/", "resource/images/others/",
                       "resource/images/renewable/", "resource/images/tools/"),
    "details": ("resource/image/",),
    "instruments": ("resource/",),
    "babymatch": ("resource/images/",),
    "memory": ("resource/",),
}
_PHOTO_ONLY = ("explore_", "erase", "categorization", "details")  # their .svg files are buttons and boards
_NOT_A_PICTURE = re.compile(r"question|button|board\d|background\d?\.svg|locker|card|hat_|number|dice|bar_|shadow|"
                            r"backcard|intro|_piece|[-_]?[0-9]{1,2}\.svg$|upper|lower|paper\.|carton|score|tux-|"
                            r"puzzle|clue|^math|world_map|map\.|_text", re.I)


def say(text):
    print(text, file=sys.stderr, flush=True)


def readable(name):
    """A file stem as words: "scarletMacaw_2" -> "scarlet macaw 2"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.replace("_", " ").replace("-", " "))
    return re.sub(r"\s+", " ", spaced).strip().lower()


def fetch(deb_dir, temporary):
    """{package: folder it is unpacked in}. Packages found in deb_dir are used; the others are downloaded."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise SystemExit(f"demo_pictures: {tool} was not found; this tool needs Debian, Ubuntu or a relative")
    roots = {}
    for package in PACKAGES:
        found = sorted(Path(deb_dir).glob(package + "_*.deb")) if deb_dir else []
        if not found:
            say(f"downloading {package}")
            done = subprocess.run(["apt-get", "-q", "download", package], cwd=temporary, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            found = sorted(Path(temporary).glob(package + "_*.deb"))
            if done.returncode or not found:
                raise SystemExit(f"demo_pictures: apt-get could not download {package}:\n{done.stdout.strip()}\n"
                                 "(is the universe/main component enabled? try: sudo apt-get update)")
        say(f"unpacking {found[-1].name}")
        roots[package] = Path(temporary) / package
        subprocess.run(["dpkg", "-x", str(found[-1]), str(roots[package])], check=True)
    return roots


def credits_of(readme):
    """{file name: (author, licence)} from the README of a gcompris folder: paragraphs of Copyright, License, Files."""
    found, author, licence, listing = {}, "", "", False
    for line in readme.splitlines():
        key, _, value = line.strip().partition(":")
        if key.lower() == "copyright":
            author, licence, listing = value.strip(), "", False
        elif key.lower() in ("license", "licence"):
            licence, listing = value.strip(), False
        elif key.lower() in ("file", "files"):
            listing = True
            line = value
        if listing:
            for name in re.findall(r"[\w.+-]+\.(?:webp|svg|png|jpg)", line):
                found[name] = (author, licence)
    return found


def gcompris(root):
    """(name below gcompris/, bytes, author, licence) of the photos and drawings of gcompris."""
    for activity, folders in GCOMPRIS.items():
        archive = Rcc(next(root.glob(f"usr/share/gcompris-qt/rcc/{activity}.rcc")))
        known = {}
        for name in archive.names():
            if name.endswith("README"):
                known |= credits_of(archive.read(name).decode("utf-8", "replace"))
        for name in archive.names():
            inner = name.partition(f"/activities/{activity}/")[2]
            leaf = Path(inner).name
            suffix = Path(leaf).suffix
            wanted = any(inner.startswith(f) for f in folders) and suffix in (".webp", ".svg")
            if not wanted or _NOT_A_PICTURE.search(leaf) or suffix == ".svg" and activity.startswith(_PHOTO_ONLY):
                continue
            if activity == "details" and not Path(leaf).stem.endswith("_background"):
                continue  # the other files are pieces cut out of the background
            author, licence = known.get(leaf, ("", "see the README of " + activity))
            folder = {"categorization": Path(inner).parent.name, "explore_monuments": "monuments"}.get(
                activity, activity.removeprefix("explore_").replace("_", " "))
            stem = re.sub(r"^\d+_", "", Path(leaf).stem).removesuffix("_background")
            yield f"{folder}/{readable(stem)}{suffix}", archive.read(name), author, licence


def scratch(root):
    """Backgrounds and costumes of scratch."""
    media = root / "usr/share/scratch/Media"
    for file in sorted(media.glob("*/*/**/*")):
        kind, group = file.relative_to(media).parts[:2]
        if file.suffix not in (".png", ".jpg", ".gif") or kind not in ("Backgrounds", "Costumes"):
            continue
        if group in ("People", "Letters") or (file.suffix == ".gif" and kind == "Costumes" and "xy" in file.name):
            continue
        yield (f"{kind.lower()}/{group.lower()}/{readable(file.stem)}{file.suffix}", file.read_bytes(),
               "the Scratch team at MIT", "CC-BY-SA-3.0")


def tuxpaint(root):
    """Stamps of Tux Paint; the picture formats that a stamp has twice are kept once, png before svg."""
    stamps = root / "usr/share/tuxpaint/stamps"
    for file in sorted(stamps.rglob("*")):
        if file.suffix not in (".png", ".svg") or "_mirror" in file.stem or "_flip" in file.stem:
            continue
        if file.suffix == ".svg" and file.with_suffix(".png").exists():
            continue
        where = file.relative_to(stamps)
        if where.parts[0] in ("symbols", "military") or "alphabet" in where.parts:
            continue
        yield ("/".join([*map(readable, where.parts[:-1]), readable(file.stem) + file.suffix]), file.read_bytes(),
               "the Tux Paint contributors", "GPL-2+ (package)")


def write(dest, roots):
    """Write every picture and LICENCES.tsv last: its presence says that the collection is complete."""
    lines = []
    for package, folder, pictures in (("gcompris-qt-data", "gcompris", gcompris), ("scratch", "scratch", scratch),
                                      ("tuxpaint-stamps-default", "tuxpaint", tuxpaint)):
        count = 0
        for name, data, author, licence in pictures(roots[package]):
            path = dest / folder / name
            number = 2
            while str(path.relative_to(dest)) in {line[0] for line in lines[-400:]}:
                path = (dest / folder / name).with_stem(f"{Path(name).stem} {number}")
                number += 1
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            lines.append((str(path.relative_to(dest)), package, author, licence))
            count += 1
        say(f"{folder}: {count} pictures")
    if len(lines) < LEAST:
        raise SystemExit(f"demo_pictures: only {len(lines)} pictures were found, {LEAST} or more were expected; "
                         "the packages of this release are laid out differently")
    part = dest / "LICENCES.tsv.part"
    rows = [("picture", "package", "author", "licence"), *lines]
    part.write_text("".join("\t".join(re.sub(r"\s+", " ", cell) for cell in row) + "\n" for row in rows),
                    encoding="utf-8")
    part.replace(dest / "LICENCES.tsv")
    return len(lines)


def complete(dest):
    """How many pictures LICENCES.tsv lists, when all of them are there; else 0."""
    try:
        rows = (dest / "LICENCES.tsv").read_text(encoding="utf-8").splitlines()[1:]
    except FileNotFoundError:
        return 0
    return len(rows) if all((dest / row.split("\t")[0]).is_file() for row in rows) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dest", type=Path, metavar="DEST", help="folder for the pictures; made if missing")
    parser.add_argument("--deb-dir", help="use the .deb files in this folder, download only what it lacks")
    options = parser.parse_args()
    have = complete(options.dest)
    if have:
        say(f"{options.dest} already holds the whole collection, {have} pictures")
        return
    options.dest.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="espy-demo-") as temporary:
        count = write(options.dest, fetch(options.deb_dir, temporary))
    say(f"{count} pictures in {options.dest}; who made them and under which licence: {options.dest}/LICENCES.tsv")


if __name__ == "__main__":
    try:
        main()
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"demo_pictures: {error}") from None
