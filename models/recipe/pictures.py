"""Open any picture of the manifest as an RGBA image, wherever its package keeps it.

A manifest path is a file of an unpacked package, or `archive!inner` for a picture inside a Qt resource file (.rcc),
a furniture library (.sh3f, a zip), an emoji font (.ttf: `CBDT/glyph` of a strike, or `outline/code point`) or a sheet of
tiles (.png: `x,y,width,height`). Drawings (.svg) and outlines are rendered with rsvg-convert at SIDE pixels on their
longer side.
"""

import functools
import io
import subprocess
import sys
import zipfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from rcc import Rcc  # noqa: E402  (the project's one .rcc reader lives with the tools)

SIDE = 160  # px, longer side of a rendered drawing: a little above what the cache keeps, so that trimming costs nothing


@functools.lru_cache(maxsize=4)
def _archive(path):
    """An opened archive by its kind; a few stay open, since the manifest is sorted by archive."""
    if path.suffix == ".rcc":
        return Rcc(path)
    if path.suffix == ".sh3f":
        return zipfile.ZipFile(path)
    if path.suffix == ".png":
        return Image.open(path).convert("RGBA")
    from fontTools.ttLib import TTFont
    return TTFont(path)


def _outline(font, point):
    """One glyph of a font as an SVG drawing, black."""
    from fontTools.pens.boundsPen import BoundsPen
    from fontTools.pens.svgPathPen import SVGPathPen
    glyphs = font.getGlyphSet()
    glyph, pen, bounds = glyphs[font.getBestCmap()[point]], SVGPathPen(glyphs), BoundsPen(glyphs)
    glyph.draw(pen)
    glyph.draw(bounds)
    left, bottom, right, top = bounds.bounds
    width, height = right - left, top - bottom
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} {-top} {width} {height}" width="{width}" '
            f'height="{height}"><path transform="scale(1 -1)" d="{pen.getCommands()}"/></svg>').encode()


def _tile(sheet, box):
    """PNG bytes of one tile, four times as large without smoothing, as the game shows it."""
    x, y, w, h = map(int, box.split(","))
    out = io.BytesIO()
    sheet.crop((x, y, x + w, y + h)).resize((4 * w, 4 * h), Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def _inner_bytes(path, inner):
    """Bytes of one archived picture: a name in a .rcc or a zip, or the PNG of one glyph in a font strike."""
    archive = _archive(path)
    if isinstance(archive, (Rcc, zipfile.ZipFile)):
        return archive.read(inner)
    if isinstance(archive, Image.Image):
        return _tile(archive, inner)
    kind, _, glyph = inner.partition("/")
    if kind == "outline":
        return _render_svg(_outline(archive, int(glyph, 16)))
    return archive["CBDT"].strikeData[0][glyph].imageData


def _render_svg(data):
    """SVG bytes -> PNG bytes, longer side SIDE px, aspect kept."""
    command = ["rsvg-convert", "-a", "-w", str(SIDE), "-h", str(SIDE)]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
                          timeout=60).stdout


def read_bytes(root, item):
    """The raw file of one manifest item under `root`, the folder of unpacked packages (one folder a package)."""
    base = Path(root) / item["package"].removeprefix("pypi:")
    outer, _, inner = item["path"].partition("!")
    return _inner_bytes(base / outer, inner) if inner else (base / outer).read_bytes()


def open_picture(root, item):
    """One manifest item as an RGBA image. Raises when the file is missing, unreadable or renders blank."""
    data = read_bytes(root, item)
    if item["path"].endswith((".svg", ".svgz")):
        data = _render_svg(data)
    image = Image.open(io.BytesIO(data))
    if image.format == "JPEG":
        image.draft("RGB", (SIDE, SIDE))
    image = image.convert("RGBA")
    if image.getchannel("A").getextrema()[1] < 8:
        raise ValueError(f"{item['id']}: renders blank")
    return image


def trimmed(image):
    """The image without its fully transparent border."""
    box = image.getchannel("A").point(lambda a: 255 if a > 8 else 0).getbbox()
    return image.crop(box) if box else image
