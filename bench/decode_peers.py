"""Decode and resize to 224 on one core: Espy beside Pillow and libvips, in the same run, on the same files.

    python bench/decode_peers.py BUILD/bench/decode_resize [--rounds 5]

The files are made here: gradients, discs and smoothed noise, 4000 x 3000 at about 3 MB and 640 x 480. The contenders take
turns, so that whatever else the machine does falls on all of them. Medians; times are CPU milliseconds of the one thread
a picture, with the clock's beside them.

Pillow (full) decodes every pixel and resizes; Pillow (draft) lets libjpeg scale by a power of two first; libvips
(thumbnail) scales on loading, and writes a small PPM. Its start is taken away by running it on 2 and on 12 copies.
"""

import argparse
import io
import json
import os
import pathlib
import resource
import statistics
import subprocess
import tempfile
import time

import numpy as np
from PIL import Image, ImageDraw, __version__, features

TARGET = 224


def scene(width, height):
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    image = Image.fromarray(
        np.stack([x / width * 255, y / height * 255, ((x + y) % 512) / 2], -1).astype(np.uint8)
    )
    draw = ImageDraw.Draw(image)
    for _ in range(400):
        a, b = random.integers(0, width), random.integers(0, height)
        r = int(random.integers(width // 200 + 2, width // 15 + 3))
        draw.ellipse([a, b, a + r, b + r], fill=tuple(int(v) for v in random.integers(0, 255, 3)))
    noise = random.normal(0, 10, (height // 2, width // 2, 3)).astype(np.float32)
    noise = noise.repeat(2, 0).repeat(2, 1)
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def pillow(data, draft):
    image = Image.open(io.BytesIO(data))
    if draft:
        image.draft("RGB", (2 * TARGET, 2 * TARGET))
    image = image.convert("RGB")
    width, height = image.size
    shortest = min(width, height)
    image = image.resize((TARGET * width // shortest, TARGET * height // shortest), Image.BICUBIC)
    width, height = image.size
    left, top = (width - TARGET) // 2, (height - TARGET) // 2
    return image.crop((left, top, left + TARGET, top + TARGET))


def time_pillow(data, draft, seconds):
    wall, cpu = [], []
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(wall) < 3:
        w, c = time.perf_counter(), time.thread_time()
        pillow(data, draft)
        cpu.append((time.thread_time() - c) * 1e3)
        wall.append((time.perf_counter() - w) * 1e3)
    return statistics.median(wall), statistics.median(cpu)


def time_espy(program, path, seconds):
    out = subprocess.run([program, path, "--seconds", str(seconds)], check=True, capture_output=True)
    line = json.loads(out.stdout)
    return line["wall_ms_p50"], line["cpu_ms_p50"]


def time_vips(path):
    """(12 copies - 2 copies) / 10."""

    def run(copies):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        w = time.perf_counter()
        subprocess.run(
            ["vipsthumbnail", "--size", f"{10 * TARGET}x{TARGET}", "-o", f"{path}.thumb.ppm"] + [path] * copies,
            check=True, capture_output=True, env={**os.environ, "VIPS_CONCURRENCY": "1"})  # fmt: skip
        w = time.perf_counter() - w
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return w * 1e3, (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e3

    few, many = run(2), run(12)
    return (many[0] - few[0]) / 10, (many[1] - few[1]) / 10


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="for each contender in each round")
    arguments = parser.parse_args()
    print(f"Pillow {__version__}, libjpeg-turbo {features.version('libjpeg_turbo')};",
          subprocess.run(["vipsthumbnail", "--vips-version"], capture_output=True, text=True).stdout.strip())  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        big = scene(4000, 3000)
        for name, image in {"12 MP": big, "640 x 480": big.resize((640, 480))}.items():
            path = f"{folder}/{name.replace(' ', '')}.jpg"
            image.save(path, quality=85)
            data = pathlib.Path(path).read_bytes()
            contenders = {
                "Espy": lambda: time_espy(arguments.program, path, arguments.seconds),
                "Pillow (full)": lambda: time_pillow(data, False, arguments.seconds),
                "Pillow (draft)": lambda: time_pillow(data, True, arguments.seconds),
                "libvips (thumbnail)": lambda: time_vips(path),
            }
            results = {contender: [] for contender in contenders}
            for _ in range(arguments.rounds):
                for contender, measure in contenders.items():
                    results[contender].append(measure())
            print(f"\n{name} JPEG, {len(data):,} bytes, to {TARGET} x {TARGET}")
            print(f"{'':22}{'CPU ms':>9}{'clock ms':>10}{'a CPU second':>14}{'of Espy':>9}")
            espy = statistics.median(cpu for _, cpu in results["Espy"])
            for contender, times in results.items():
                wall = statistics.median(w for w, _ in times)
                cpu = statistics.median(c for _, c in times)
                print(f"{contender:22}{cpu:9.2f}{wall:10.2f}{1e3 / cpu:14.1f}{espy / cpu:9.2f}")


if __name__ == "__main__":
    main()
