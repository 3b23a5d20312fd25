#include "imaging/bmp_decoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "imaging/byte_reader.h"
#include "imaging/color.h"
#include "imaging/image_limits.h"

namespace espy::imaging {
namespace {

// File header (14 bytes): "BM", size (4), reserved (4), offset of the pixels (4). Then the
// information header:
//   OS/2:    size 12 (4), width (2), height (2), planes (2), bits (2)
//   Windows: size (4), width (4), height (4, negative: top row first), planes (2), bits (2),
//   compression (4), size of the
//            pixels (4), resolution (8), colours used (4), important (4), masks (16, part of the
//            header from version 2 on)
constexpr std::uint64_t kInfo = 14;

enum Compression : std::uint32_t {
  kNone = 0,
  kRle8 = 1,
  kRle4 = 2,
  kBitFields = 3,
  kAlphaBitFields = 6
};

struct Mask {
  std::uint32_t bits = 0;
  int shift = 0;
  std::uint32_t max = 0;  // largest value, 0 when the channel is absent

  static Mask Of(std::uint32_t bits) {
    if (bits == 0) return {};
    const int shift = std::countr_zero(bits);
    return {bits, shift, bits >> shift};
  }
  std::uint8_t Byte(std::uint32_t pixel) const {
    if (max == 0) return 0;
    const std::uint64_t value = (pixel & bits) >> shift;
    return static_cast<std::uint8_t>((value * 255 + max / 2) / max);
  }
};

struct Header {
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool top_down = false;
  int bits = 0;
  std::uint32_t compression = kNone;
  std::uint64_t pixels_at = 0;
  std::array<Mask, 4> masks;  // red, green, blue, alpha
  std::vector<std::array<std::uint8_t, 3>> palette;
};

Status Damaged(const std::string& what) {
  return Status::Corruption("the BMP data is damaged or cut short: " + what);
}

Result<Header> ReadHeader(std::string_view bytes) {
  const auto number = [&](std::uint64_t at, int size) {
    return ReadNumber(bytes, at, size, ByteOrder::kLittle);
  };
  const auto info_size = number(kInfo, 4);
  const auto pixels_at = number(10, 4);
  if (!info_size || !pixels_at || !ReadBytes(bytes, kInfo, *info_size)) return Damaged("no header");
  Header header;
  header.pixels_at = *pixels_at;
  const bool os2 = *info_size == 12;
  if (!os2 && *info_size < 40) return Damaged("no header");
  if (os2) {
    header.width = static_cast<std::int64_t>(*number(kInfo + 4, 2));
    header.height = static_cast<std::int64_t>(*number(kInfo + 6, 2));
    header.bits = static_cast<int>(*number(kInfo + 10, 2));
  } else {
    header.width = static_cast<std::int32_t>(*number(kInfo + 4, 4));
    header.height = static_cast<std::int32_t>(*number(kInfo + 8, 4));
    header.top_down = header.height < 0;
    header.height = header.top_down ? -header.height : header.height;
    header.bits = static_cast<int>(*number(kInfo + 14, 2));
    header.compression = static_cast<std::uint32_t>(*number(kInfo + 16, 4));
  }
  // OS/2 version 2 uses the numbers 3 and 4 for other methods; with its header nothing but plain
  // pixels is read.
  const bool os2_v2 = *info_size == 64;
  const std::uint32_t compression = header.compression;
  const int bits = header.bits;
  const bool indexed = bits == 1 || bits == 2 || bits == 4 || bits == 8;
  const bool fields = compression == kBitFields || compression == kAlphaBitFields;
  if (!indexed && bits != 16 && bits != 24 && bits != 32) {
    return Status::Unsupported("BMP with " + std::to_string(bits) + " bits a pixel");
  }
  if (!(compression == kNone || (compression == kRle8 && bits == 8) ||
        (compression == kRle4 && bits == 4) || (fields && (bits == 16 || bits == 32) && !os2_v2))) {
    return Status::Unsupported("BMP compression " + std::to_string(compression) + " with " +
                               std::to_string(bits) + " bits a pixel");
  }

  // Bit fields are the last part of a newer header and follow an old one.
  std::uint64_t after = kInfo + *info_size;
  if (fields) {
    const bool has_alpha = *info_size >= 56 || compression == kAlphaBitFields;
    const int count = has_alpha ? 4 : 3;
    for (int i = 0; i < count; ++i) {
      const auto mask = number(kInfo + 40 + static_cast<std::uint64_t>(i) * 4, 4);
      if (!mask) return Damaged("no colour masks");
      header.masks[i] = Mask::Of(static_cast<std::uint32_t>(*mask));
    }
    if (*info_size == 40) after += static_cast<std::uint64_t>(count) * 4;
  } else if (bits == 16) {
    header.masks = {Mask::Of(0x7c00), Mask::Of(0x03e0), Mask::Of(0x001f), Mask{}};
  } else {
    header.masks = {Mask::Of(0xff0000), Mask::Of(0x00ff00), Mask::Of(0x0000ff), Mask{}};
  }

  if (indexed) {
    const std::uint64_t most = std::uint64_t{1} << bits;
    std::uint64_t colours = os2 ? 0 : *number(kInfo + 32, 4);
    if (colours == 0 || colours > most) colours = most;
    const std::uint64_t entry = os2 ? 3 : 4;
    header.palette.assign(most, {0, 0, 0});
    for (std::uint64_t i = 0; i < colours; ++i) {
      const auto color = ReadBytes(bytes, after + i * entry, 3);
      if (!color || after + i * entry + 3 > header.pixels_at)
        break;  // a short palette: the rest is black
      for (int c = 0; c < 3; ++c) header.palette[i][c] = static_cast<std::uint8_t>((*color)[2 - c]);
    }
  }
  return header;
}

// Row y of the file, counted from the first stored, as a row of the picture.
std::size_t PictureRow(const Header& header, std::int64_t y) {
  return static_cast<std::size_t>(header.top_down ? y : header.height - 1 - y);
}

Status ReadPlain(std::string_view bytes, const Header& header, Image* image) {
  const std::uint64_t stride =
      (static_cast<std::uint64_t>(header.width) * header.bits + 31) / 32 * 4;
  const auto pixels = ReadBytes(bytes, header.pixels_at, stride * header.height);
  // Some writers leave out the padding of the last row.
  const std::uint64_t last = (static_cast<std::uint64_t>(header.width) * header.bits + 7) / 8;
  const auto shortest = ReadBytes(bytes, header.pixels_at, stride * (header.height - 1) + last);
  if (!pixels && !shortest) return Damaged("fewer pixels than its header says");
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data()) + header.pixels_at;
  std::vector<std::uint8_t> alpha(header.masks[3].max != 0 ? static_cast<std::size_t>(header.width)
                                                           : 0);
  for (std::int64_t y = 0; y < header.height; ++y) {
    const std::uint8_t* row = data + stride * static_cast<std::uint64_t>(y);
    std::uint8_t* const out_row =
        &image->pixels[PictureRow(header, y) * static_cast<std::size_t>(header.width) * 3];
    std::uint8_t* out = out_row;
    for (std::int64_t x = 0; x < header.width; ++x, out += 3) {
      if (header.bits <= 8) {
        const int per_byte = 8 / header.bits;
        const int shift = 8 - header.bits - static_cast<int>(x % per_byte) * header.bits;
        const int index = row[x / per_byte] >> shift & ((1 << header.bits) - 1);
        std::copy_n(header.palette[index].begin(), 3, out);
      } else if (header.bits == 24) {
        out[0] = row[x * 3 + 2];
        out[1] = row[x * 3 + 1];
        out[2] = row[x * 3];
      } else {
        std::uint32_t pixel = row[x * header.bits / 8] | row[x * header.bits / 8 + 1] << 8;
        if (header.bits == 32) {
          pixel |= static_cast<std::uint32_t>(row[x * 4 + 2]) << 16 |
                   static_cast<std::uint32_t>(row[x * 4 + 3]) << 24;
        }
        for (int c = 0; c < 3; ++c) out[c] = header.masks[c].Byte(pixel);
        if (!alpha.empty()) alpha[x] = header.masks[3].Byte(pixel);
      }
    }
    if (!alpha.empty()) FlattenOverWhite(out_row, alpha.data(), alpha.size());
  }
  return Status::Ok();
}

// Pairs of a count and a value; a count of 0 begins an escape: 0 end of row, 1 end of picture, 2 a
// jump right and down, more: so many values as they are, padded to two bytes. Pixels jumped over
// have palette colour 0.
Status ReadRunLength(std::string_view bytes, const Header& header, Image* image) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::uint64_t at = header.pixels_at;
  const auto left = [&] { return at < bytes.size() ? bytes.size() - at : 0; };
  const bool nibbles = header.bits == 4;
  for (std::size_t i = 0; i < image->pixels.size(); ++i) {
    image->pixels[i] = header.palette[0][i % 3];
  }
  std::int64_t x = 0;
  std::int64_t y = 0;
  const auto put = [&](int index) {
    if (x < header.width && y < header.height) {
      std::uint8_t* out =
          &image->pixels[(PictureRow(header, y) * static_cast<std::size_t>(header.width) +
                          static_cast<std::size_t>(x)) *
                         3];
      std::copy_n(header.palette[index].begin(), 3, out);
    }
    ++x;
  };
  while (y < header.height) {
    if (left() < 2) return Damaged("the pixels end early");
    const int count = data[at];
    const int value = data[at + 1];
    at += 2;
    if (count > 0) {
      for (int i = 0; i < count; ++i) put(!nibbles ? value : i % 2 == 0 ? value >> 4 : value & 15);
    } else if (value == 0) {
      x = 0;
      ++y;
    } else if (value == 1) {
      break;
    } else if (value == 2) {
      if (left() < 2) return Damaged("the pixels end early");
      x += data[at];
      y += data[at + 1];
      at += 2;
    } else {
      const std::uint64_t size = nibbles ? (static_cast<std::uint64_t>(value) + 1) / 2 : value;
      if (left() < size) return Damaged("the pixels end early");
      for (int i = 0; i < value; ++i) {
        put(!nibbles ? data[at + i] : i % 2 == 0 ? data[at + i / 2] >> 4 : data[at + i / 2] & 15);
      }
      at += size + (size & 1);
    }
  }
  return Status::Ok();
}

}  // namespace

Result<Image> DecodeBmp(std::string_view bytes, const ImageLimits& limits) {
  ESPY_ASSIGN_OR_RETURN(const Header header, ReadHeader(bytes));
  ESPY_RETURN_IF_ERROR(CheckDimensions(header.width, header.height, limits));
  const bool run_length = header.compression == kRle8 || header.compression == kRle4;
  if (!run_length && header.pixels_at > bytes.size()) return Damaged("its pixels lie past the end");
  // A run of 255 pixels takes two bytes: fewer bytes than that cannot be a whole picture, and take
  // no memory.
  const auto pixels = static_cast<std::uint64_t>(header.width * header.height);
  const std::uint64_t fewest =
      run_length ? 2 : (pixels * static_cast<std::uint64_t>(header.bits) + 7) / 8;
  if (header.pixels_at + fewest > bytes.size()) return Damaged("fewer pixels than its header says");

  Image image;
  image.width = static_cast<std::int32_t>(header.width);
  image.height = static_cast<std::int32_t>(header.height);
  image.pixels.resize(static_cast<std::size_t>(pixels) * 3);
  ESPY_RETURN_IF_ERROR(run_length ? ReadRunLength(bytes, header, &image)
                                  : ReadPlain(bytes, header, &image));
  return image;
}

}  // namespace espy::imaging
