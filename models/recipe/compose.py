"""Paint one training picture from cut-outs and backgrounds: the part that touches pixels.

Everything is uint8 and PIL, on a square canvas of `side` px, since files are squashed to a square before the model
too. One single-object picture takes about half a millisecond, a scene with three objects about one and a half.
"""

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

HUE_OF = {"red": 0, "orange": 20, "yellow": 40, "green": 85, "blue": 155, "purple": 195, "pink": 228}  # PIL hue, 0-255
RGB_OF = {"red": (210, 40, 40), "orange": (240, 150, 40), "yellow": (245, 225, 70), "green": (60, 170, 70),
          "blue": (60, 100, 220), "purple": (140, 70, 190), "pink": (245, 150, 190), "brown": (130, 85, 45),
          "black": (15, 15, 15), "white": (255, 255, 255), "gray": (140, 140, 140)}
PARTS = 0.15    # share of the single objects of which only a part is seen
HIDDEN = 0.15   # share of the single pictures of which a rectangle is hidden
REDRAWN = 0.2  # share of the training pictures that are restyled
BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC


def random_crop(pixels, side, rng, least=0.35):
    """A squashed crop of a photo: at least `least` of its area, aspect off by at most a third."""
    h, w = pixels.shape[:2]
    area = rng.uniform(least, 1.0)
    stretch = rng.uniform(-0.3, 0.3)
    ch, cw = min(h, int(h * area ** 0.5 * (1 + stretch / 2))), min(w, int(w * area ** 0.5 * (1 - stretch / 2)))
    top, left = rng.integers(0, h - ch + 1), rng.integers(0, w - cw + 1)
    image = Image.fromarray(pixels[..., :3]).resize((side, side), BICUBIC, box=(left, top, left + cw, top + ch))
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image


def plain_background(side, rng, colour=None):
    """White, one colour, or a gradient between two."""
    if colour is not None:
        jitter = rng.integers(-20, 21, 3)
        return Image.new("RGB", (side, side), tuple(np.clip(np.array(RGB_OF[colour]) + jitter, 0, 255).tolist()))
    draw = rng.random()
    if draw < 0.7:
        return Image.new("RGB", (side, side), (255, 255, 255))
    one = rng.integers(0, 256, 3) if draw < 0.77 else rng.integers(150, 256, 3)
    if draw < 0.86:
        return Image.new("RGB", (side, side), tuple(one.tolist()))
    two = rng.integers(0, 256, 3)
    ramp = np.linspace(one, two, side).astype(np.uint8)
    field = np.repeat(ramp[:, None], side, 1) if rng.random() < 0.5 else np.repeat(ramp[None], side, 0)
    return Image.fromarray(field)


def recoloured(pixels, colour):
    """The cut-out with every coloured pixel turned to one hue, or None when too little of it has colour."""
    rgb, alpha = pixels[..., :3], pixels[..., 3]
    hsv = np.array(Image.fromarray(np.ascontiguousarray(rgb)).convert("HSV"))
    vivid = (hsv[..., 1] > 60) & (hsv[..., 2] > 60) & (alpha > 128)
    if vivid.sum() < 0.4 * max(1, (alpha > 128).sum()):
        return None
    hsv[..., 0] = np.where(vivid, HUE_OF[colour], hsv[..., 0])
    least = 60 if colour == "pink" else 150
    most = 130 if colour == "pink" else 255
    hsv[..., 1] = np.where(vivid, np.clip(hsv[..., 1], least, most), hsv[..., 1])
    hsv[..., 2] = np.where(vivid, np.maximum(hsv[..., 2], 110), hsv[..., 2])
    new = np.asarray(Image.fromarray(hsv, "HSV").convert("RGB"))
    return np.dstack([new, alpha])


def paste(canvas, pixels, box, flip=False, turn=0.0):
    """Paste a cut-out into box (left, top, width, height in px), mirrored and turned by `turn` degrees if asked."""
    left, top, width, height = box
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = image.resize((max(2, width), max(2, height)), BICUBIC)
    if turn:
        image = image.rotate(turn, BILINEAR)
    if image.mode == "RGBA":
        canvas.paste(image, (left, top), image)
    else:
        canvas.paste(image, (left, top))


def fitted(pixels, width, height):
    """(w, h) of the largest size within width x height that keeps the cut-out's aspect."""
    h, w = pixels.shape[:2]
    scale = min(width / w, height / h)
    return max(4, round(w * scale)), max(4, round(h * scale))


def single(item, side, rng, background):
    """One object nearly filling the canvas: squashed to the square like a trimmed file, or with its own aspect. Sometimes it
    is larger than the canvas, so that it has to be known by a part."""
    canvas = background
    part = rng.random() < PARTS
    scale = rng.uniform(1.12, 1.6) if part else rng.uniform(0.6, 1.12)
    if rng.random() < 0.5:
        width, height = side * scale, side * scale
    else:
        width, height = fitted(item.pixels, side * scale, side * scale)
    width, height = round(width * rng.uniform(0.85, 1.1)), round(height * rng.uniform(0.85, 1.1))
    margin = 0.0 if part else 0.2
    left = round((side - width) * rng.uniform(margin, 1 - margin))
    top = round((side - height) * rng.uniform(margin, 1 - margin))
    turn = rng.uniform(-18, 18) if rng.random() < 0.25 else 0.0
    paste(canvas, item.pixels, (left, top, width, height), item.flips and rng.random() < 0.5, turn)
    return canvas


def hide(image, rng):
    """Cover a rectangle of up to a fifth of the picture with one colour (random erasing, arXiv 1708.04896)."""
    width, height = (round(image.width * rng.uniform(0.15, 0.45)) for _ in range(2))
    left, top = rng.integers(0, image.width - width + 1), rng.integers(0, image.height - height + 1)
    image.paste(tuple(rng.integers(0, 256, 3).tolist()), (left, top, left + width, top + height))


def redrawn(image, rng):
    """The picture as another hand might draw it: few flat colours, dark outlines, or both."""
    draw = rng.random()
    outlined = draw < 0.75
    if outlined:
        edges = image.convert("L").filter(ImageFilter.FIND_EDGES).crop((1, 1, image.width - 1, image.height - 1))
        lines = ImageOps.expand(edges, 1).point(lambda v, least=int(rng.integers(40, 110)): 255 * (v > least))
        if rng.random() < 0.5:
            lines = lines.filter(ImageFilter.MaxFilter(3))
    if draw > 0.4:
        image = image.quantize(int(rng.integers(3, 9)), Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).convert("RGB")
    if outlined:
        shade = tuple(rng.integers(0, 50, 3).tolist())
        image.paste(Image.new("RGB", image.size, shade), (0, 0), lines.filter(ImageFilter.GaussianBlur(0.4)))
    return image


def jitter(image, rng, colour_matters):
    """Light, contrast, saturation and, where no colour was named, hue; sometimes grey, blurred or redrawn."""
    if rng.random() < REDRAWN:
        image = redrawn(image.copy(), rng)
    if rng.random() < 0.5:
        image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.7, 1.25))
    if rng.random() < 0.4:
        image = ImageEnhance.Contrast(image).enhance(rng.uniform(0.7, 1.3))
    if not colour_matters:
        draw = rng.random()
        if draw < 0.08:
            image = image.convert("L").convert("RGB")
        elif draw < 0.12:
            image = ImageOps.invert(image)
        elif draw < 0.3:
            image = ImageEnhance.Color(image).enhance(rng.uniform(0.3, 1.6))
        elif draw < 0.5:
            hsv = np.array(image.convert("HSV"))
            hsv[..., 0] += np.uint8(rng.integers(-24, 25) % 256)
            image = Image.fromarray(hsv, "HSV").convert("RGB")
    if rng.random() < 0.1:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.2)))
    return image
