"""Read a Qt binary resource file (.rcc) without Qt.

The file is a directory tree, a table of names and a heap of data blocks (big-endian throughout):

    offset  size  meaning
    0       4     magic "qres"
    4       4     version (1, 2 or 3)
    8       4     offset of the tree
    12      4     offset of the data
    16      4     offset of the names
    20      4     overall flags (version 3 and later)

A tree node has 14 bytes (version 1) or 22 (later versions append a time stamp): name offset u32, flags u16, then
for a directory child count u32 and first child u32, for a file territory u16, language u16 and data offset u32.
A data block is a length u32 and that many bytes: plain, zlib after a 4-byte size (flag 1), or zstd (flag 4).
"""

import shutil
import struct
import subprocess
import zlib

_COMPRESSED, _DIRECTORY, _ZSTD = 1, 2, 4


def _unzstd(block):
    """Decompress one zstd frame with whatever this machine has: the standard library of Python 3.14, the
    python3-zstandard module, or the zstd command."""
    try:
        from compression import zstd
        return zstd.decompress(block)
    except ImportError:
        pass
    try:
        import zstandard
        return zstandard.ZstdDecompressor().decompressobj().decompress(block)
    except ImportError:
        pass
    if shutil.which("zstd"):
        return subprocess.run(["zstd", "-dcq"], input=block, stdout=subprocess.PIPE, check=True).stdout
    raise RuntimeError("a zstd-compressed resource needs the zstd command or python3-zstandard "
                       "(apt-get install zstd)")


class Rcc:
    """The files of one .rcc, by path ("/a/b.svg"). Data is decompressed only when read."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._bytes = file.read()
        if self._bytes[:4] != b"qres":
            raise ValueError(f"{path}: not a Qt resource file (magic is not 'qres')")
        self._version, self._tree, self._data, self._names = struct.unpack_from(">4I", self._bytes, 4)
        self._files = {}
        self._walk(0, "")

    def _walk(self, node, path):
        size = 14 if self._version == 1 else 22
        at = self._tree + node * size
        name, flags = struct.unpack_from(">IH", self._bytes, at)
        if node:
            length = struct.unpack_from(">H", self._bytes, self._names + name)[0]
            start = self._names + name + 6
            path += "/" + self._bytes[start:start + 2 * length].decode("utf-16-be")
        if flags & _DIRECTORY:
            count, first = struct.unpack_from(">II", self._bytes, at + 6)
            for child in range(first, first + count):
                self._walk(child, path)
        else:
            self._files[path] = (flags, struct.unpack_from(">I", self._bytes, at + 10)[0])

    def names(self):
        """All file paths, sorted."""
        return sorted(self._files)

    def read(self, name):
        """The bytes of one file; KeyError when there is none of that name."""
        flags, offset = self._files[name]
        start = self._data + offset
        length = struct.unpack_from(">I", self._bytes, start)[0]
        block = self._bytes[start + 4:start + 4 + length]
        if flags & _COMPRESSED:
            return zlib.decompress(block[4:])
        return _unzstd(block) if flags & _ZSTD else block
