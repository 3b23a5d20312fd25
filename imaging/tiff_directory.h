// Reads the directories of a TIFF structure: TIFF files and EXIF blocks are both made of them.
//
// A directory is a count and so many entries of 12 bytes: tag (2), type (2), count (4), and the
// values themselves where they fit 4 bytes, else their offset from the structure's first byte.
// Classic TIFF only (32-bit offsets), under its own signature or one of those that makers of
// cameras gave their raw files.
#ifndef ESPY_IMAGING_TIFF_DIRECTORY_H_
#define ESPY_IMAGING_TIFF_DIRECTORY_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "imaging/byte_reader.h"

namespace espy::imaging {

class TiffDirectory {
 public:
  // The first directory of the structure; nothing when `block` does not begin with a TIFF header.
  // `block` must outlive it.
  static std::optional<TiffDirectory> First(std::string_view block);
  // The directory that follows this one: the next page, or what an EXIF block says of its
  // thumbnail.
  std::optional<TiffDirectory> Next() const;
  // The i-th directory that an entry of this one points to.
  std::optional<TiffDirectory> Child(std::uint16_t tag, std::uint32_t i = 0) const;

  // The entry's i-th value, of type BYTE, SHORT or LONG.
  std::optional<std::uint32_t> Number(std::uint16_t tag, std::uint32_t i = 0) const;
  // The entry's i-th value, of type RATIONAL: absent where the denominator is 0, except 0/0, which
  // is 0.
  std::optional<double> Rational(std::uint16_t tag, std::uint32_t i = 0) const;
  // The bytes at an offset of the structure, or nothing when they do not lie in it.
  std::optional<std::string_view> Bytes(std::uint64_t offset, std::uint64_t size) const {
    return ReadBytes(block_, offset, size);
  }
  // An ASCII entry up to its first NUL.
  std::optional<std::string_view> Text(std::uint16_t tag) const;

 private:
  struct Entry {
    std::uint16_t type;
    std::uint32_t count;
    std::uint64_t offset;  // of the first value
  };
  TiffDirectory(std::string_view block, ByteOrder order, std::uint64_t offset)
      : block_(block), order_(order), offset_(offset) {}
  std::optional<Entry> Find(std::uint16_t tag) const;

  std::string_view block_;
  ByteOrder order_;
  std::uint64_t offset_;
};

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_TIFF_DIRECTORY_H_
