"""Makes the camera files of tests/imaging/data: raw files, and JPEGs with a thumbnail; small, whole, and made up.

Run with Pillow and numpy installed:
    python tests/imaging/make_camera_files.py

No camera wrote the raw files. Each has the structure of its kind as far as LibRaw follows it to the preview: directories,
tags, the order in which things are looked for. <sample>.rgb holds the pixels expected, [height, width, 3] bytes: Pillow's
of the preview. raws.txt: "name width height", in the order made.
"""

import io
import pathlib
import struct

import numpy as np
from PIL import Image

DATA = pathlib.Path(__file__).parent / "data"
WIDTH, HEIGHT = 48, 32

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 1, 2, 3, 4, 5, 7, 10
SIZES = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1, SRATIONAL: 8}


def scene(width=WIDTH, height=HEIGHT):
    """Smooth, and with no symmetry, so that a JPEG keeps it and a turn shows."""
    y, x = np.mgrid[0:height, 0:width]
    x, y = x / (width - 1), y / (height - 1)
    rgb = np.stack([40 + 110 * x + 70 * y, 40 + 70 * x + 110 * y, 210 - 80 * x - 90 * y], -1)
    rgb[2 : height // 3, 3 : width // 3] = (220, 60, 50)
    return Image.fromarray(rgb.astype(np.uint8))


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, **options)
    return out.getvalue()


class Tiff:
    """Directories of a TIFF structure; data is laid out behind them as it comes."""

    def __init__(self, order="<", signature=None):
        self.order = order
        self.out = bytearray(signature or struct.pack(order + "2sH", b"II" if order == "<" else b"MM", 42))
        self.out += struct.pack(order + "I", 0)  # the first directory, see link()

    def put(self, data):
        """Appends the bytes at an even place, and says where."""
        self.out += b"\0" * (len(self.out) & 1)
        at = len(self.out)
        self.out += data
        return at

    def values(self, kind, values):
        if kind in (ASCII, UNDEFINED, BYTE) and isinstance(values, bytes):
            return values
        code = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "I", SRATIONAL: "i"}[kind]
        return b"".join(struct.pack(self.order + code, v) for v in values)

    def directory(self, entries, following=0):
        """entries: tag -> (kind, values). Returns where it lies."""
        rows = []
        for tag, (kind, values) in sorted(entries.items()):
            data = self.values(kind, values)
            count = len(data) // SIZES[kind]
            field = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(self.order + "I", self.put(data))
            rows.append(struct.pack(self.order + "HHI", tag, kind, count) + field)
        return self.put(struct.pack(self.order + "H", len(rows)) + b"".join(rows) + struct.pack(self.order + "I", following))

    def first_directory(self, entries):
        """The one directory of a structure in which it must follow the header at once."""
        size = 2 + 12 * len(entries) + 4
        held, self.out = self.out, self.out + bytearray(size)
        rows = self.directory(entries)
        lies, row_bytes = rows, bytes(self.out[rows:])
        del self.out[lies:]
        self.out[len(held) : len(held) + size] = row_bytes
        return self.link(len(held))

    def link(self, directory):
        struct.pack_into(self.order + "I", self.out, 4, directory)
        return bytes(self.out)


def text(value):
    return (ASCII, value.encode() + b"\0")


def mosaic(image):
    """RGGB samples of 12 bits, linear: what a sensor under daylight would count."""
    linear = (np.asarray(image).astype(float) / 255) ** 2.2 * 4000 + 16
    out = linear[..., 1].copy()
    out[0::2, 0::2] = linear[0::2, 0::2, 0]
    out[1::2, 1::2] = linear[1::2, 1::2, 2]
    return out.astype("<u2")


def exif_entries(tiff):
    """Time, zone and place as exif.jpg has them."""
    exif = tiff.directory({0x9003: text("2019:07:14 16:30:05"), 0x9011: text("+02:00")})
    gps = tiff.directory({
        1: text("N"), 2: (RATIONAL, [48, 1, 51, 1, 295, 10]),
        3: text("W"), 4: (RATIONAL, [2, 1, 17, 1, 4025, 100])})  # fmt: skip
    return {0x8769: (LONG, [exif]), 0x8825: (LONG, [gps])}


def sensor(tiff, image, compression=1, extra=None):
    """A directory of a sensor's samples, 16 bits each."""
    samples = mosaic(image)
    if tiff.order == ">":
        samples = samples.astype(">u2")
    data = samples.tobytes()
    at = tiff.put(data)
    return {
        0x00FE: (LONG, [0]), 0x0100: (LONG, [image.width]), 0x0101: (LONG, [image.height]), 0x0102: (SHORT, [16]),
        0x0103: (SHORT, [compression]), 0x0106: (SHORT, [32803]), 0x0111: (LONG, [at]), 0x0115: (SHORT, [1]),
        0x0116: (LONG, [image.height]), 0x0117: (LONG, [len(data)]), 0x828D: (SHORT, [2, 2]),
        0x828E: (BYTE, [0, 1, 1, 2]), **(extra or {})}  # fmt: skip


def preview_entries(tiff, data, image, compression=7):
    at = tiff.put(data)
    return {
        0x00FE: (LONG, [1]), 0x0100: (LONG, [image.width]), 0x0101: (LONG, [image.height]), 0x0102: (SHORT, [8, 8, 8]),
        0x0103: (SHORT, [compression]), 0x0106: (SHORT, [6]), 0x0111: (LONG, [at]), 0x0115: (SHORT, [3]),
        0x0116: (LONG, [image.height]), 0x0117: (LONG, [len(data)])}  # fmt: skip


def jif_entries(tiff, data):
    """A JPEG as EXIF and most makers point to one."""
    at = tiff.put(data)
    return {0x00FE: (LONG, [1]), 0x0103: (SHORT, [6]), 0x0201: (LONG, [at]), 0x0202: (LONG, [len(data)])}


def dng(picture, preview, orientation=1, order="<"):
    """Adobe's layout: a thumbnail first, samples and preview below it. preview: a picture, bytes of a JPEG, or None."""
    tiff = Tiff(order)
    matrix = [v for x in (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0) for v in (int(x * 10000), 10000)]
    colours = {
        0xC612: (BYTE, [1, 4, 0, 0]), 0xC613: (BYTE, [1, 1, 0, 0]), 0xC614: text("Espy Test Camera"),
        0xC621: (SRATIONAL, matrix), 0xC628: (RATIONAL, [1, 1, 1, 1, 1, 1]), 0xC65A: (SHORT, [21])}  # fmt: skip
    below = [tiff.directory(sensor(tiff, picture, extra={0xC61A: (SHORT, [16]), 0xC61D: (LONG, [4016])}))]
    if preview is not None:
        data = preview if isinstance(preview, bytes) else jpeg(preview)
        image = Image.open(io.BytesIO(data))
        below.append(tiff.directory(preview_entries(tiff, data, image)))
    small = picture.resize((12, 8))
    pixels = tiff.put(np.asarray(small).tobytes())
    first = {
        0x00FE: (LONG, [1]), 0x0100: (LONG, [12]), 0x0101: (LONG, [8]), 0x0102: (SHORT, [8, 8, 8]), 0x0103: (SHORT, [1]),
        0x0106: (SHORT, [2]), 0x010F: text("Espy"), 0x0110: text("Test Camera"), 0x0111: (LONG, [pixels]),
        0x0112: (SHORT, [orientation]), 0x0115: (SHORT, [3]), 0x0116: (LONG, [8]), 0x0117: (LONG, [12 * 8 * 3]),
        0x014A: (LONG, below), **exif_entries(tiff), **colours}  # fmt: skip
    return tiff.link(tiff.directory(first))


def nef(picture, preview, orientation=1):
    """Nikon: big-endian, samples and preview below the first directory."""
    tiff = Tiff(">")
    below = [tiff.directory(jif_entries(tiff, jpeg(preview))), tiff.directory(sensor(tiff, picture))]
    return tiff.link(tiff.directory({
        0x010F: text("NIKON CORPORATION"), 0x0110: text("NIKON Z 99"), 0x0112: (SHORT, [orientation]),
        0x014A: (LONG, below), **exif_entries(tiff)}))  # fmt: skip


def arw(picture, preview, orientation=1):
    """Sony: the preview in the first directory, the samples below it."""
    tiff = Tiff()
    below = [tiff.directory(sensor(tiff, picture))]
    return tiff.link(tiff.directory({
        **jif_entries(tiff, jpeg(preview)), 0x010F: text("SONY"), 0x0110: text("ILCE-7M3"),
        0x0112: (SHORT, [orientation]), 0x014A: (LONG, below), **exif_entries(tiff)}))  # fmt: skip


def pef(picture, preview, orientation=1):
    """Pentax: samples first, then a row of directories with thumbnail and preview."""
    tiff = Tiff(">")
    second = tiff.directory(jif_entries(tiff, jpeg(preview)))
    return tiff.link(tiff.directory({
        **sensor(tiff, picture), 0x010F: text("PENTAX"), 0x0110: text("PENTAX K-5"), 0x0112: (SHORT, [orientation]),
        **exif_entries(tiff)}, second))  # fmt: skip


def srw(picture, preview, orientation=1):
    """Samsung: as Nikon, little-endian."""
    tiff = Tiff()
    below = [tiff.directory(sensor(tiff, picture))]
    second = tiff.directory(jif_entries(tiff, jpeg(preview)))
    return tiff.link(tiff.directory({
        0x010F: text("SAMSUNG"), 0x0110: text("NX300"), 0x0112: (SHORT, [orientation]), 0x014A: (LONG, below),
        **exif_entries(tiff)}, second))  # fmt: skip


def lossless_header(width, height):
    """The head of a lossless JPEG of two interleaved components: LibRaw asks it for the sensor's size."""
    frame = struct.pack(">BHHB", 14, height, width // 2, 2) + bytes([1, 0x11, 0, 2, 0x11, 0])
    table = bytes([0]) + bytes([0, 1, 5, 1, 1, 1, 1, 1, 1] + [0] * 7) + bytes(range(12))
    scan = bytes([2, 1, 0, 2, 0, 1, 0, 0])
    parts = [(0xC3, frame), (0xC4, table), (0xDA, scan)]
    return b"\xff\xd8" + b"".join(bytes([0xFF, m]) + struct.pack(">H", len(d) + 2) + d for m, d in parts) + bytes(64)


def cr2(picture, preview, orientation=1):
    """Canon until 2018: the preview first, the samples fourth, as lossless JPEG."""
    tiff = Tiff(signature=struct.pack("<2sHI", b"II", 42, 0)[:4])
    tiff.out += b"CR\x02\0" + bytes(4)
    raw = lossless_header(picture.width, picture.height)
    samples = tiff.directory({
        0x0103: (SHORT, [6]), 0x0111: (LONG, [tiff.put(raw)]), 0x0117: (LONG, [len(raw)]), 0xC5D8: (LONG, [1])})  # fmt: skip
    small = tiff.directory({
        0x00FE: (LONG, [1]), 0x0100: (SHORT, [12]), 0x0101: (SHORT, [8]), 0x0102: (SHORT, [8, 8, 8]), 0x0103: (SHORT, [1]),
        0x0106: (SHORT, [2]), 0x0111: (LONG, [tiff.put(bytes(12 * 8 * 3))]), 0x0115: (SHORT, [3]),
        0x0117: (LONG, [12 * 8 * 3])}, samples)  # fmt: skip
    second = tiff.directory(jif_entries(tiff, jpeg(picture.resize((16, 12)))), small)
    return tiff.link(tiff.directory({
        **preview_entries(tiff, jpeg(preview), preview, compression=6), 0x010F: text("Canon"),
        0x0110: text("Canon EOS 99D"), 0x0112: (SHORT, [orientation]), **exif_entries(tiff)}, second))  # fmt: skip


def orf(picture, preview, orientation=1):
    """Olympus: a signature of its own; the preview is named in the maker's note."""
    tiff = Tiff(signature=b"IIRO")
    data = jpeg(preview)
    at = tiff.put(data)
    # Offsets in the note count from the note.
    note = tiff.put(b"OLYMPUS\0II\3\0" + bytes(2 + 12 + 4 + 2 + 2 * 12 + 4))
    settings = 12 + 2 + 12 + 4
    struct.pack_into("<HHHII", tiff.out, note + 12, 1, 0x2020, 13, 1, settings)
    struct.pack_into("<HHHIiHHII", tiff.out, note + settings, 2, 0x0101, LONG, 1, at - note, 0x0102, LONG, 1, len(data))
    entries = exif_entries(tiff)
    exif = tiff.directory({
        0x9003: text("2019:07:14 16:30:05"), 0x9011: text("+02:00"),
        0x927C: (UNDEFINED, bytes(tiff.out[note : note + settings + 30]))})  # fmt: skip
    # The note lies where the directory put its bytes: its offsets are told from there.
    place = bytes(tiff.out).rindex(b"OLYMPUS\0")
    struct.pack_into("<i", tiff.out, place + settings + 2 + 8, at - place)
    return tiff.link(tiff.directory({
        **sensor(tiff, picture), **entries, 0x8769: (LONG, [exif]), 0x010F: text("OLYMPUS CORPORATION"),
        0x0110: text("E-M99"), 0x0112: (SHORT, [orientation])}))  # fmt: skip


def rw2(picture, preview, orientation=1):
    """Panasonic: a signature and tags of its own, the preview whole in one of them."""
    tiff = Tiff(signature=b"IIU\0")
    data = jpeg(preview, exif=orientation_exif(orientation))
    raw = tiff.put(bytes(picture.width * picture.height * 2))
    return tiff.link(tiff.directory({
        0x0001: (UNDEFINED, b"0330"), 0x0002: (SHORT, [picture.width]), 0x0003: (SHORT, [picture.height]),
        0x0004: (SHORT, [0]), 0x0005: (SHORT, [0]), 0x0006: (SHORT, [picture.height]), 0x0007: (SHORT, [picture.width]),
        0x0009: (SHORT, [1]), 0x000A: (SHORT, [12]), 0x002E: (UNDEFINED, data), 0x0118: (LONG, [raw]),
        0x010F: text("Panasonic"), 0x0110: text("DC-G99X"), 0x0112: (SHORT, [orientation]), **exif_entries(tiff)}))  # fmt: skip


def orientation_exif(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def raf(picture, preview, orientation=1):
    """Fujifilm: a header, a whole JPEG file with the EXIF, a table of the sensor's size, the samples."""
    tiff = Tiff()
    entries = exif_entries(tiff)
    block = tiff.link(tiff.directory({
        0x010F: text("FUJIFILM"), 0x0110: text("X-T99"), 0x0112: (SHORT, [orientation]), **entries}))  # fmt: skip
    app1 = b"Exif\0\0" + block
    # Cameras put the block first, where Pillow puts JFIF's.
    data = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + jpeg(preview)[20:]
    samples = mosaic(picture).tobytes()
    table = struct.pack(">IHHHHHHHH", 2, 0x0100, 4, picture.height, picture.width, 0x0121, 4, picture.height, picture.width)
    start = 160
    table_at = start + len(data)
    samples_at = table_at + len(table)
    head = b"FUJIFILMCCD-RAW 0201FF999999" + b"X-T99".ljust(32, b"\0") + b"0100" + bytes(20)
    head += struct.pack(">IIIIII", start, len(data), table_at, len(table), samples_at, len(samples))
    head = head.ljust(120, b"\0").ljust(start, b"\0")
    return head + data + table + samples


def box(kind, *parts):
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + kind + data


def cr3(picture, preview, orientation=1):
    """Canon since 2018: boxes; EXIF in three structures, preview and samples as tracks."""
    data = jpeg(preview)
    first = Tiff().first_directory({
        0x010F: text("Canon"), 0x0110: text("Canon EOS R99"), 0x0112: (SHORT, [orientation])})  # fmt: skip
    exif = Tiff().first_directory({0x9003: text("2019:07:14 16:30:05"), 0x9011: text("+02:00")})
    gps = Tiff().first_directory({
        1: text("N"), 2: (RATIONAL, [48, 1, 51, 1, 295, 10]),
        3: text("W"), 4: (RATIONAL, [2, 1, 17, 1, 4025, 100])})  # fmt: skip
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    uuid = box(b"uuid", canon, box(b"CMT1", first), box(b"CMT2", exif), box(b"CMT4", gps))

    def track(description, size, offset):
        entry = struct.pack(">I4s", 90 + len(description), b"CRAW") + bytes(24) + bytes(58) + description
        table = box(b"stbl", box(b"stsd", bytes(4) + struct.pack(">I", 1), entry),
                    box(b"stsz", struct.pack(">III", 0, size, 1)),
                    box(b"co64", struct.pack(">IIQ", 0, 1, offset)))  # fmt: skip
        return box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + b"vide"), box(b"minf", table)))

    w, h = picture.size
    size = struct.pack(">HHHHIIIIBBBBI", 0, 0, 0x100, 0, w, h, w, h, 14, 0x40, 0, 0, 0x10)
    samples = box(b"CMP1", size, bytes(8))
    head = box(b"ftyp", b"crx ", struct.pack(">I", 1), b"crx isom")

    def moov(offset):
        return box(b"moov", uuid, track(box(b"JPEG", bytes(8)), len(data), offset),
                   track(samples, 64, offset + len(data)))  # fmt: skip

    start = len(head) + len(moov(0)) + 8
    return head + moov(start) + box(b"mdat", data, bytes(64))


def turned(image, orientation):
    """The stored pixels of a picture that the orientation sets upright."""
    back = {1: None, 3: Image.ROTATE_180, 6: Image.ROTATE_90, 8: Image.ROTATE_270}[orientation]
    return image if back is None else image.transpose(back)


def with_thumbnail(picture, small, orientation=1):
    """A JPEG as cameras write it: EXIF with the thumbnail in its second directory."""
    tiff = Tiff()
    second = tiff.directory(jif_entries(tiff, jpeg(small)))
    block = tiff.link(tiff.directory({0x010F: text("Espy"), 0x0112: (SHORT, [orientation])}, second))
    return jpeg(picture, exif=b"Exif\0\0" + block)


def main():
    picture = scene()
    shown = Image.open(io.BytesIO(jpeg(picture)))
    names = []

    def write(name, data, expected=None):
        (DATA / name).write_bytes(data)
        if expected is not None:
            expected = np.asarray(expected.convert("RGB"))
            (DATA / (name + ".rgb")).write_bytes(expected.tobytes())
            names.append(f"{name} {expected.shape[1]} {expected.shape[0]}")

    makers = {"dng": dng, "nef": nef, "arw": arw, "pef": pef, "srw": srw, "cr2": cr2, "orf": orf, "rw2": rw2, "raf": raf,
              "cr3": cr3}  # fmt: skip
    for name, make in makers.items():
        write(f"preview.{name}", make(picture, picture), shown)
    for orientation in (3, 6, 8):
        stored = turned(picture, orientation)
        upright = Image.open(io.BytesIO(jpeg(stored)))
        upright = upright.transpose({3: Image.ROTATE_180, 6: Image.ROTATE_270, 8: Image.ROTATE_90}[orientation])
        write(f"turned{orientation}.dng", dng(stored, stored, orientation), upright)
    # The preview as the camera turned it, the samples as they lay.
    write("upright-preview.dng", dng(turned(picture, 6), picture, 6), shown)
    write("big-endian.dng", dng(picture, picture, order=">"), shown)
    (DATA / "raws.txt").write_text("\n".join(names) + "\n")

    # Nothing but the thumbnail of 12 x 8 samples in the first directory.
    small = picture.resize((12, 8))
    write("no-jpeg.dng", dng(picture, None), small)
    names.pop()  # its size is not the sensor's

    large = scene(192, 128)  # for models that look at more than 48 x 32
    write("large-preview.cr3", cr3(large, large))

    large = scene(384, 256)
    write("thumbnail.jpg", with_thumbnail(large, large.resize((150, 100))))
    write("thumbnail6.jpg", with_thumbnail(turned(large, 6), turned(large, 6).resize((100, 150)), 6))
    padded = Image.new("RGB", (150, 112))
    padded.paste(large.resize((150, 100)), (0, 6))
    write("thumbnail-padded.jpg", with_thumbnail(large, padded))


if __name__ == "__main__":
    main()
