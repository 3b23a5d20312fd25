"""Get the packages, unpack them, and render every picture of the manifest once into a pixel cache.

    python data.py --cache DIR            # downloads about 500 MB, renders for about ten minutes on two cores

Nothing is installed: .deb files are unpacked with dpkg -x, wheels with unzip. The cache is two files:

    pixels.u8    all pictures one after the other, height x width x channels bytes (RGBA cut-outs, or RGB photos)
    index.json   [{"id", "offset", "h", "w", "c"}], one entry a picture that could be read
"""

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import zipfile
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image

import pictures

CUTOUT_SIDE = 144  # px, longer side of a cached cut-out or drawing; the model sees at most 128
PHOTO_SIDE = 144   # px, shorter side of a cached whole photo, so that random crops keep detail
PROGRAMS = {"rsvg-convert": "librsvg2-bin", "apt-get": "apt", "dpkg": "dpkg"}  # program -> Debian package
TEXTS = ("wordnet-base",)  # packages of words, not of pictures
PHOTO_LONG = 288   # px, longer side of a cached whole photo
HERE = Path(__file__).resolve().parent


def manifest(name="manifest.jsonl.gz"):
    """All manifest items, as dicts; see README.md for the fields."""
    with gzip.open(HERE / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def more():
    """The further training pictures that gather.py found, as dicts like the manifest's; none before it has run."""
    return manifest("more.jsonl.gz") if (HERE / "more.jsonl.gz").exists() else []


def fetch_package(name, cache):
    """Download and unpack one package into cache/pkgs/NAME, unless it is there already."""
    plain = name.removeprefix("pypi:")
    folder = cache / "pkgs" / plain
    if folder.exists():
        return
    downloads = cache / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    part = cache / "pkgs" / (plain + ".part")
    part.mkdir(parents=True, exist_ok=True)
    print(f"fetching {name}", file=sys.stderr)
    if name.startswith("pypi:"):
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", plain], cwd=downloads, check=True)
        wheel = next(w for w in downloads.glob("*.whl") if w.name.split("-")[0].replace("_", "-") == plain)
        zipfile.ZipFile(wheel).extractall(part)
    else:
        subprocess.run(["apt-get", "-qq", "download", plain], cwd=downloads, check=True)
        subprocess.run(["dpkg", "-x", str(next(downloads.glob(plain + "_*.deb"))), str(part)], check=True)
    part.rename(folder)


def is_photo(item, image):
    """Whole photos are kept larger and without alpha: they are cropped, never pasted."""
    return item["source"] in ("photos-hand", "kalzium") or (
        item["source"] == "gcompris" and image.getchannel("A").getextrema()[0] == 255)


def cached_pixels(args):
    """(root, item) -> (id, uint8 array [h, w, c]) or (id, None) with the reason on stderr."""
    root, item = args
    try:
        image = pictures.open_picture(root, item)
        if is_photo(item, image):
            image = image.convert("RGB")
            scale = min(PHOTO_SIDE / min(image.size), PHOTO_LONG / max(image.size), 1.0)
        else:
            image = pictures.trimmed(image)
            scale = min(CUTOUT_SIDE / max(image.size), 2.0)
        size = tuple(max(1, round(side * scale)) for side in image.size)
        return item["id"], np.asarray(image.resize(size, Image.Resampling.BICUBIC))
    except Exception as error:  # one broken file among thousands must not end the run; it is counted and named
        print(f"skipped {item['id']} {item['path']}: {error}", file=sys.stderr)
        return item["id"], None


def build(cache, processes):
    """Render every usable item that the cache does not hold yet; returns how many pictures it holds then."""
    missing = [p for p in PROGRAMS if not shutil.which(p)]
    if missing:
        raise SystemExit(f"{missing[0]} is not installed, and half of the pictures need it: apt-get install {PROGRAMS[missing[0]]}")
    items = [i for i in (*manifest(), *more()) if i["use"] != "exclude"]
    items.sort(key=lambda i: (i["package"], i["path"]))
    for package in sorted({i["package"] for i in items} | set(TEXTS)):
        fetch_package(package, cache)
    index = json.loads((cache / "index.json").read_text()) if (cache / "index.json").exists() else []
    held = {e["id"] for e in index}
    items = [i for i in items if i["id"] not in held]
    offset = sum(e["h"] * e["w"] * e["c"] for e in index)
    with open(cache / "pixels.u8", "ab") as out, Pool(processes) as pool:
        out.truncate(offset)  # what a run that was killed had written after the last index
        work = ((cache / "pkgs", i) for i in items)
        for done, (key, pixels) in enumerate(pool.imap(cached_pixels, work, chunksize=16)):
            if pixels is not None:
                out.write(pixels.tobytes())
                h, w, c = pixels.shape
                index.append({"id": key, "offset": offset, "h": h, "w": w, "c": c})
                offset += pixels.size
            if done % 500 == 0:
                print(f"{done}/{len(items)}", file=sys.stderr, flush=True)
    (cache / "index.part").write_text(json.dumps(index))
    (cache / "index.part").rename(cache / "index.json")
    return len(index)


def load(cache):
    """The cache as {id: uint8 view [h, w, c]} over one memory map."""
    pixels = np.memmap(Path(cache) / "pixels.u8", dtype=np.uint8, mode="r")
    return {e["id"]: pixels[e["offset"]:e["offset"] + e["h"] * e["w"] * e["c"]].reshape(e["h"], e["w"], e["c"])
            for e in json.loads((Path(cache) / "index.json").read_text())}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder for packages and pixels (about 1.5 GB)")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    print(build(options.cache, options.processes), "pictures cached")
