"""Makes tests/imaging/data: tiny pictures in every format, and what other programs say of them.

Run with Pillow, numpy and transformers installed, and heif-enc, cjxl and vips on the path:
    python tests/imaging/make_goldens.py

Files, all in data/:
    <sample>            a picture
    <sample>.rgb        the pixels expected of it: [height, width, 3] bytes, by Pillow except where noted
    samples.txt         "name width height largest-difference-allowed"
    resize.txt          "in_w in_h out_w out_h filter seed sha256": Pillow's resize of Noise(seed)
    preprocess.txt      "name fit shortest width height filter in_w in_h seed"; the tensor is in <name>.f32
"""

import hashlib
import io
import pathlib
import struct
import subprocess
import tempfile

import numpy as np
from open_clip.transform import image_transform as open_clip_transform
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import (
    Siglip2ImageProcessorPil,
    get_image_size_for_max_num_patches,
)

DATA = pathlib.Path(__file__).parent / "data"
WIDTH, HEIGHT = 32, 24
SAMPLES = []


def scene(width=WIDTH, height=HEIGHT):
    """A picture with no symmetry: gradients, and a bright patch in one corner."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([x * 255 // (width - 1), y * 255 // (height - 1), (x * 5 + y * 3) % 256], -1)
    rgb[2 : height // 3, 3 : width // 3] = (250, 40, 30)
    rgb[height // 2 :, width // 2 : width // 2 + 4] = (20, 30, 220)
    return Image.fromarray(rgb.astype(np.uint8))


def alpha_ramp():
    return Image.fromarray(np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1)))


def over_white(rgba):
    a = np.asarray(rgba.convert("RGBA")).astype(np.int64)
    return ((a[..., :3] * a[..., 3:] + 255 * (255 - a[..., 3:]) + 127) // 255).astype(np.uint8)


def sample(name, data, expected, tolerance=0):
    expected = np.asarray(expected)
    assert expected.dtype == np.uint8 and expected.shape[2] == 3, (name, expected.shape)
    (DATA / name).write_bytes(data)
    (DATA / (name + ".rgb")).write_bytes(expected.tobytes())
    SAMPLES.append(f"{name} {expected.shape[1]} {expected.shape[0]} {tolerance}")


def encoded(image, fmt, **options):
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return out.getvalue()


def by_pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def command(template, data, suffix_in, suffix_out):
    """Runs a program from a file to a file."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = f"{folder}/in{suffix_in}", f"{folder}/out{suffix_out}"
        pathlib.Path(source).write_bytes(data)
        words = [w.replace("IN", source).replace("OUT", target) for w in template.split()]
        subprocess.run(words, check=True, capture_output=True)
        return pathlib.Path(target).read_bytes()


# ICC profiles, version 2, made by hand so that each says exactly what the test is about.


def s15(value):
    return struct.pack(">i", round(value * 65536))


def xyz_tag(values):
    return b"XYZ \0\0\0\0" + b"".join(s15(v) for v in values)


def gamma_tag(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def profile(space, tags, pcs=b"XYZ ", kind=b"mntr"):
    text = b"Test\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78,
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": xyz_tag((0.9642, 1.0, 0.8249)),
        **tags,
    }
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value
    size = start + len(body)
    header = struct.pack(">I4sI", size, b"none", 0x02400000) + kind + space + pcs
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += s15(0.9642) + s15(1.0) + s15(0.8249)
    header += b"\0" * (128 - len(header))
    return header + struct.pack(">I", len(tags)) + table + body


def rgb_profile(red, green, blue, gamma):
    curves = {k: gamma_tag(gamma) for k in (b"rTRC", b"gTRC", b"bTRC")}
    return profile(
        b"RGB ", {b"rXYZ": xyz_tag(red), b"gXYZ": xyz_tag(green), b"bXYZ": xyz_tag(blue), **curves}
    )


# Primaries adapted to D50.
ADOBE_RGB = rgb_profile(
    (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457), 2.19921875
)
DISPLAY_P3 = rgb_profile(
    (0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407), 2.2
)
LINEAR_GRAY = profile(b"GRAY", {b"kTRC": gamma_tag(1.0)})
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def ink_profile():
    """CMYK to Lab by a table of two grid points a channel: every ink darkens, cyan, magenta and yellow tint."""
    identity = bytes(range(256))
    grid = b""
    for i in range(16):
        c, m, y, k = i >> 3 & 1, i >> 2 & 1, i >> 1 & 1, i & 1
        light = max(0, 100 - 22 * (c + m + y) - 75 * k)
        a = 0 if k else -30 * c + 55 * m - 5 * y
        b = 0 if k else -40 * c - 5 * m + 70 * y
        grid += bytes([round(light * 2.55), 128 + a, 128 + b])
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    table += b"".join(s15(v) for v in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    table += identity * 4 + grid + identity * 3
    return profile(b"CMYK", {b"A2B0": table}, pcs=b"Lab ", kind=b"prtr")


def managed(image, icc):
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    return np.asarray(
        ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), renderingIntent=0, outputMode="RGB"
        )
    )


def exif_block():
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    exif[0x0110] = "Canon EOS 5D"
    exif[0x0132] = "2021:01:01 00:00:00"
    sub = exif.get_ifd(0x8769)
    sub[0x9003] = "2019:07:14 16:30:05"
    sub[0x9011] = "+02:00"
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (48.0, 51.0, 29.5)
    gps[3], gps[4] = "W", (2.0, 17.0, 40.25)
    return exif


def orientation_exif(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def make_jpegs(rgb):
    for name, options in {
        "rgb420.jpg": dict(quality=90),
        "rgb422.jpg": dict(quality=90, subsampling=1),
        "rgb444.jpg": dict(quality=90, subsampling=0),
        "progressive.jpg": dict(quality=90, progressive=True),
        "restart.jpg": dict(quality=90, restart_marker_blocks=1),
    }.items():
        data = encoded(rgb, "JPEG", **options)
        sample(name, data, by_pillow(data))
    data = encoded(rgb.convert("L"), "JPEG", quality=90)
    sample("gray.jpg", data, by_pillow(data))
    cmyk = rgb.convert("CMYK")
    data = encoded(cmyk, "JPEG", quality=90)
    sample("cmyk.jpg", data, by_pillow(data))
    icc = ink_profile()
    data = encoded(cmyk, "JPEG", quality=90, icc_profile=icc)
    sample("cmyk-profile.jpg", data, managed(Image.open(io.BytesIO(data)), icc), 2)
    for name, icc in {"adobe-rgb": ADOBE_RGB, "display-p3": DISPLAY_P3}.items():
        data = encoded(rgb, "JPEG", quality=90, icc_profile=icc)
        sample(f"{name}.jpg", data, managed(Image.open(io.BytesIO(data)), icc), 1)
    data = encoded(rgb, "JPEG", quality=90, icc_profile=SRGB)
    sample("srgb.jpg", data, by_pillow(data))
    data = encoded(rgb.convert("L"), "JPEG", quality=90, icc_profile=LINEAR_GRAY)
    sample("linear-gray.jpg", data, managed(Image.open(io.BytesIO(data)), LINEAR_GRAY), 1)
    for value in range(1, 9):
        data = encoded(rgb, "JPEG", quality=90, exif=orientation_exif(value))
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        sample(f"orientation{value}.jpg", data, upright)
    data = encoded(rgb, "JPEG", quality=90, exif=exif_block())
    sample("exif.jpg", data, by_pillow(data))
    # Large enough that DCT scaling has something to do.
    big = scene(256, 192)
    data = encoded(big, "JPEG", quality=85)
    sample("large.jpg", data, by_pillow(data))
    draft = Image.open(io.BytesIO(data))
    draft.draft("RGB", (64, 48))
    (DATA / "large.jpg.quarter.rgb").write_bytes(np.asarray(draft.convert("RGB")).tobytes())


def make_pngs(rgb):
    pixels = np.asarray(rgb)
    sample("rgb.png", encoded(rgb, "PNG"), pixels)
    sample("gray.png", encoded(rgb.convert("L"), "PNG"), rgb.convert("L").convert("RGB"))
    sample("bit.png", encoded(rgb.convert("1"), "PNG"), rgb.convert("1").convert("RGB"))
    palette = rgb.quantize(64)
    sample("palette.png", encoded(palette, "PNG"), palette.convert("RGB"))
    clear = encoded(palette, "PNG", transparency=5)
    sample("palette-clear.png", clear, over_white(Image.open(io.BytesIO(clear)).convert("RGBA")))
    rgba = rgb.copy()
    rgba.putalpha(alpha_ramp())
    sample("rgba.png", encoded(rgba, "PNG"), over_white(rgba))
    la = rgb.convert("L")
    la.putalpha(alpha_ramp())
    sample("gray-alpha.png", encoded(la, "PNG"), over_white(la))
    # 16 bits: the upper bytes are the scene, the lower ones noise. Written by vips, which Pillow cannot do for colour.
    wide = pixels.astype(np.uint16) * 256 + noise(7, WIDTH, HEIGHT)
    raw = wide.astype("<u2").tobytes()
    size = f"{WIDTH} {HEIGHT}"
    sample("rgb16.png", command(f"vips rawload IN OUT[interlace] {size} 3 --format ushort --interpretation rgb16", raw, ".raw", ".png"), pixels)
    raw = wide[..., 0].astype("<u2").tobytes()
    sample("gray16.png", command(f"vips rawload IN OUT {size} 1 --format ushort --interpretation grey16", raw, ".raw", ".png"), np.repeat(pixels[..., :1], 3, 2))
    sample("adobe-rgb.png", encoded(rgb, "PNG", icc_profile=ADOBE_RGB), managed(rgb, ADOBE_RGB), 1)
    sample("orientation6.png", encoded(rgb, "PNG", exif=orientation_exif(6)), rgb.transpose(Image.ROTATE_270))
    sample("exif.png", encoded(rgb, "PNG", exif=exif_block()), pixels)
    return rgba


def make_bitmaps(rgb):
    pixels = np.asarray(rgb)
    sample("rgb.bmp", encoded(rgb, "BMP"), pixels)
    palette = rgb.quantize(64)
    sample("palette.bmp", encoded(palette, "BMP"), palette.convert("RGB"))
    sample("bit.bmp", encoded(rgb.convert("1"), "BMP"), rgb.convert("1").convert("RGB"))
    rgba = rgb.copy()
    rgba.putalpha(alpha_ramp())

    def header(bits, compression, body, width=WIDTH, height=HEIGHT, palette_bytes=b"", extra=b""):
        start = 14 + 40 + len(extra) + len(palette_bytes)
        info = struct.pack("<IiiHHIIiiII", 40 + (len(extra) if len(extra) > 12 else 0), width, height, 1, bits, compression, len(body), 0, 0, 0, 0)
        return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + extra + palette_bytes + body

    # 5, 6 and 5 bits, the top row first.
    p = pixels.astype(np.uint16)
    r, g, b = p[..., 0] >> 3, p[..., 1] >> 2, p[..., 2] >> 3
    body = (r << 11 | g << 5 | b).astype("<u2").tobytes()
    expected = np.stack([(v * 255 + m // 2) // m for v, m in ((r.astype(int), 31), (g.astype(int), 63), (b.astype(int), 31))], -1)
    sample("rgb565.bmp", header(16, 3, body, height=-HEIGHT, extra=struct.pack("<III", 0xF800, 0x07E0, 0x001F)), expected.astype(np.uint8))
    # Version 4 header with an alpha mask.
    body = np.asarray(rgba)[::-1, :, [2, 1, 0, 3]].tobytes()
    extra = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"\0" * 52
    sample("alpha.bmp", header(32, 3, body, extra=extra), over_white(rgba))
    # Run lengths: row by row, runs and a literal, a jump, and the end.
    colours = b"".join(bytes([i * 5 % 256, i * 3 % 256, i, 0]) for i in range(256))
    table = np.array([[i, i * 3 % 256, i * 5 % 256] for i in range(256)], np.uint8)
    index = np.zeros((HEIGHT, WIDTH), np.uint8)
    body = b""
    for y in range(HEIGHT):
        if y == 5:  # skipped by a jump from the start of row 5 to column 3 of row 6
            body += bytes([0, 2, 3, 1])
            continue
        x = 3 if y == 6 else 0
        body += bytes([10, 40 + y, 0, 5, 1, 2, 3, 4, 5, 0])
        index[y, x : x + 10] = 40 + y
        index[y, x + 10 : x + 15] = [1, 2, 3, 4, 5]
        body += b"\0\0"
    body += b"\0\1"
    sample("rle8.bmp", header(8, 1, body, palette_bytes=colours), table[index[::-1]])
    index = np.zeros((HEIGHT, WIDTH), np.uint8)
    body = b""
    for y in range(HEIGHT):
        body += bytes([7, 0x5A, 0, 3, 0x12, 0x30, 0, 0])
        index[y, :7] = [5, 10, 5, 10, 5, 10, 5]
        index[y, 7:10] = [1, 2, 3]
    body += b"\0\1"
    sample("rle4.bmp", header(4, 2, body, palette_bytes=colours[:64]), table[index[::-1]])


def make_others(rgb, rgba):
    pixels = np.asarray(rgb)
    palette = rgb.quantize(64)
    sample("palette.gif", encoded(palette, "GIF"), palette.convert("RGB"))
    clear = encoded(palette, "GIF", transparency=5)
    sample("clear.gif", clear, over_white(Image.open(io.BytesIO(clear)).convert("RGBA")))
    second = ImageOps.invert(rgb).quantize(64)
    sample("animated.gif", encoded(palette, "GIF", save_all=True, append_images=[second], duration=50), palette.convert("RGB"))

    data = encoded(rgb, "WEBP", quality=90)
    sample("lossy.webp", data, by_pillow(data), 2)
    sample("lossless.webp", encoded(rgb, "WEBP", lossless=True), pixels)
    sample("alpha.webp", encoded(rgba, "WEBP", lossless=True, exact=True), over_white(rgba))
    sample("animated.webp", encoded(rgb, "WEBP", lossless=True, save_all=True, append_images=[ImageOps.invert(rgb)]), pixels)
    sample("orientation6.webp", encoded(rgb, "WEBP", lossless=True, exif=orientation_exif(6)), rgb.transpose(Image.ROTATE_270))
    sample("exif.webp", encoded(rgb, "WEBP", lossless=True, exif=exif_block()), pixels)

    sample("lzw.tif", encoded(rgb, "TIFF", compression="tiff_lzw"), pixels)
    sample("gray.tif", encoded(rgb.convert("L"), "TIFF"), rgb.convert("L").convert("RGB"))
    cmyk = rgb.convert("CMYK")
    sample("cmyk.tif", encoded(cmyk, "TIFF"), cmyk.convert("RGB"))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x0112] = 8
    sample("orientation8.tif", encoded(rgb, "TIFF", tiffinfo=tags), rgb.transpose(Image.ROTATE_90))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    block = exif_block()
    for tag, value in block.items():
        tags[tag] = value
    tags[0x8769] = dict(block.get_ifd(0x8769))
    tags[0x8825] = dict(block.get_ifd(0x8825))
    sample("exif.tif", encoded(rgb, "TIFF", tiffinfo=tags), pixels)
    png = encoded(rgb, "PNG")
    sample("tiled.tif", command("vips tiffsave IN OUT --tile --tile-width 16 --tile-height 16", png, ".png", ".tif"), pixels)
    sample("rgb16.tif", command("vips tiffsave IN OUT --compression deflate", (DATA / "rgb16.png").read_bytes(), ".png", ".tif"), pixels)

    # Lossy by nature. Chroma is kept whole: decoders differ in how they enlarge it.
    sample("rgb.heic", command("heif-enc -q 95 -p chroma=444 -o OUT IN", png, ".png", ".heic"), pixels, 24)
    # heif-enc halves the chroma of a JPEG, so these are grey.
    gray = rgb.convert("L")
    exif = encoded(gray, "JPEG", quality=95, exif=exif_block())
    sample("exif.heic", command("heif-enc -q 95 -p chroma=444 -o OUT IN", exif, ".jpg", ".heic"), by_pillow(exif), 24)
    data = encoded(rgb, "AVIF", quality=95, subsampling="4:4:4", exif=exif_block())
    sample("exif.avif", data, by_pillow(data), 3)
    # Pillow moves an orientation from the EXIF block to the file's own properties, which alone count.
    data = encoded(rgb, "AVIF", quality=95, subsampling="4:4:4", exif=orientation_exif(6))
    sample("orientation6.avif", data, rgb.transpose(Image.ROTATE_270), 24)
    # heif-enc leaves it in the EXIF block, where by the standard it is of no effect.
    turned = encoded(gray, "JPEG", quality=95, exif=orientation_exif(6))
    data = command("heif-enc -q 95 -p chroma=444 -o OUT IN", turned, ".jpg", ".heic")
    sample("exif-orientation6.heic", data, by_pillow(turned), 24)
    sample("lossless.jxl", command("cjxl IN OUT -d 0", png, ".png", ".jxl"), pixels)
    # A JPEG turned by its tag, kept whole inside: the JPEG XL decoder turns it.
    turned = (DATA / "orientation6.jpg").read_bytes()
    data = command("cjxl IN OUT --container=1", turned, ".jpg", ".jxl")
    sample("orientation6.jxl", data, ImageOps.exif_transpose(Image.open(io.BytesIO(turned))).convert("RGB"), 12)
    exif = (DATA / "exif.jpg").read_bytes()
    sample("exif.jxl", command("cjxl IN OUT --container=1", exif, ".jpg", ".jxl"), by_pillow(exif), 12)

    half = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    half[:, : WIDTH // 2] = (255, 0, 0)
    svg = f'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"><rect width="{WIDTH // 2}" height="{HEIGHT}" fill="#ff0000"/></svg>\n'
    sample("half.svg", svg.encode(), half)


def noise(seed, width, height):
    """Byte i is the top byte of a mixed (i + seed * 2^20), the same in C++: see tests/imaging/noise.h."""
    x = np.arange(width * height * 3, dtype=np.uint32) + np.uint32(seed << 20)
    x ^= x >> 16
    x *= np.uint32(0x7FEB352D)
    x ^= x >> 15
    x *= np.uint32(0x846CA68B)
    x ^= x >> 16
    return (x >> 24).astype(np.uint8).reshape(height, width, 3)


FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


def make_resizes():
    shapes = [(640, 480, 298, 224), (1000, 750, 298, 224), (224, 224, 224, 224), (1, 1, 7, 5),
              (7, 5, 1, 1), (3, 400, 9, 11), (400, 3, 11, 9), (100, 60, 100, 20), (100, 60, 20, 60),
              (30, 20, 301, 199), (2, 2, 3, 3), (8, 8, 64, 64), (500, 500, 1, 1), (9, 9, 10, 10)]  # fmt: skip
    random = np.random.default_rng(20240101)
    for _ in range(100):
        shapes.append(tuple(int(v) for v in random.integers(1, 130, 4)))
    lines = []
    for seed, (w, h, ow, oh) in enumerate(shapes):
        image = Image.fromarray(noise(seed, w, h))
        for name, kind in FILTERS.items():
            out = np.asarray(image.resize((ow, oh), kind)).tobytes()
            lines.append(f"{w} {h} {ow} {oh} {name} {seed} {hashlib.sha256(out).hexdigest()}")
    (DATA / "resize.txt").write_text("\n".join(lines) + "\n")


def make_preprocess():
    """By transformers' processors on Pillow and numpy; their torchvision twins resize by another algorithm."""
    lines = []

    def one(name, processor, fit, shortest, width, height, kind, in_w, in_h, seed):
        image = Image.fromarray(noise(seed, in_w, in_h))
        out = processor(image, return_tensors="np")["pixel_values"][0].astype("<f4")
        assert out.shape == (3, height, width), out.shape
        (DATA / f"{name}.f32").write_bytes(out.tobytes())
        lines.append(f"{name} {fit} {shortest} {width} {height} {kind} {in_w} {in_h} {seed}")

    for i, (shortest, width, height, in_w, in_h) in enumerate(
        [(20, 16, 12, 61, 40), (20, 20, 20, 33, 47), (17, 16, 16, 50, 50), (12, 17, 19, 31, 30), (9, 20, 14, 40, 13)]
    ):
        processor = CLIPImageProcessorPil(size={"shortest_edge": shortest}, crop_size={"height": height, "width": width})
        one(f"clip{i}", processor, "crop", shortest, width, height, "bicubic", in_w, in_h, 500 + i)
    for i, (width, height, in_w, in_h) in enumerate([(16, 16, 61, 40), (14, 18, 9, 90)]):
        processor = SiglipImageProcessorPil(size={"height": height, "width": width}, resample=Image.BILINEAR)
        one(f"siglip{i}", processor, "squash", 0, width, height, "bilinear", in_w, in_h, 600 + i)
    # open_clip's crop starts elsewhere when three pixels, seven, ... are to go.
    for i, (side, in_w, in_h, filter_name) in enumerate([(16, 40, 33, "bicubic"), (16, 30, 43, "bilinear")]):
        transform = open_clip_transform(side, is_train=False, resize_mode="shortest", interpolation=filter_name)
        processor = lambda image, return_tensors: {"pixel_values": transform(image)[None].numpy()}
        one(f"clip_open{i}", processor, "nearest", side, side, side, filter_name, in_w, in_h, 620 + i)
    (DATA / "preprocess.txt").write_text("\n".join(lines) + "\n")


def make_naflex():
    """naflex.txt: "name patch max_patches in_w in_h seed"; the patches, each (row, column, channel), are in <name>.f32.
    naflex_sizes.txt: "patch max_patches in_w in_h width height", the size that the processor chooses."""
    lines = []
    for i, (patch, most, in_w, in_h) in enumerate([(4, 9, 31, 20), (4, 12, 9, 40), (2, 20, 5, 5), (3, 7, 64, 4), (8, 2, 3, 50)]):
        image = Image.fromarray(noise(700 + i, in_w, in_h))
        out = Siglip2ImageProcessorPil(patch_size=patch, max_num_patches=most)(image, return_tensors="np")
        rows, columns = out["spatial_shapes"][0]
        patches = np.asarray(out["pixel_values"][0])[: rows * columns].astype("<f4")
        (DATA / f"naflex{i}.f32").write_bytes(patches.tobytes())
        lines.append(f"naflex{i} {patch} {most} {in_w} {in_h} {700 + i}")
    (DATA / "naflex.txt").write_text("\n".join(lines) + "\n")
    random = np.random.default_rng(5)
    sides = [1, 2, 15, 16, 17, 100, 224, 256, 333, 512, 640, 1000, 1920, 3000, 4000, 6000, 12000, 65500]
    sizes = [(w, h) for w in sides for h in sides] + [tuple(pair) for pair in random.integers(1, 5000, (300, 2)).tolist()]
    with open(DATA / "naflex_sizes.txt", "w") as file:
        for i, (w, h) in enumerate(sizes):
            patch, most = [(16, 256), (14, 256), (16, 1024), (16, 576), (16, 196), (32, 100)][i % 6]
            height, width = get_image_size_for_max_num_patches(h, w, patch, most)
            file.write(f"{patch} {most} {w} {h} {width} {height}\n")


def main():
    DATA.mkdir(exist_ok=True)
    rgb = scene()
    make_jpegs(rgb)
    rgba = make_pngs(rgb)
    make_bitmaps(rgb)
    make_others(rgb, rgba)
    (DATA / "samples.txt").write_text("\n".join(SAMPLES) + "\n")
    make_resizes()
    make_preprocess()
    make_naflex()


if __name__ == "__main__":
    main()
