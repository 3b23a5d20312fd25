"""What makes two pictures near copies, and how pictures inside archives are opened."""

import io

import numpy as np
from PIL import Image, ImageDraw

import gather
import pictures


def drawing(draw):
    image = Image.new("RGBA", (120, 90), (0, 0, 0, 0))
    draw(ImageDraw.Draw(image))
    return image


def near(one, two):
    (p, d, a), (q, e, b) = gather.hashes(one), gather.hashes(two)
    return (p != q).sum() <= gather.NEAR_P and (d != e).sum() <= gather.NEAR_D and abs(np.log(a / b)) <= gather.ASPECT


def house(pen, at=10):
    pen.polygon([(at, 40), (at + 40, 5), (at + 80, 40)], fill=(200, 30, 30, 255))
    pen.rectangle([at + 10, 40, at + 70, 85], fill=(230, 210, 160, 255))
    pen.rectangle([at + 30, 55, at + 45, 85], fill=(90, 60, 30, 255))


def test_a_moved_and_smaller_copy_is_near():
    one = drawing(house)
    assert near(one, drawing(lambda pen: house(pen, 25)).resize((80, 60), Image.Resampling.LANCZOS))


def test_another_drawing_is_not_near():
    assert not near(drawing(house), drawing(lambda pen: pen.ellipse([10, 5, 90, 85], fill=(20, 20, 20, 255))))


def test_a_tile_is_cut_from_its_sheet(tmp_path):
    sheet = np.zeros((40, 60, 4), np.uint8)
    sheet[20:40, 40:60] = (10, 200, 30, 255)
    (tmp_path / "game").mkdir()
    Image.fromarray(sheet).save(tmp_path / "game/sheet.png")
    item = {"id": "x", "package": "game", "path": "sheet.png!40,20,20,20"}
    opened = np.asarray(pictures.open_picture(tmp_path, item))
    assert opened.shape == (80, 80, 4) and (opened == (10, 200, 30, 255)).all()
    assert Image.open(io.BytesIO(pictures.read_bytes(tmp_path, item))).format == "PNG"
