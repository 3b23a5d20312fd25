#include "imaging/exif_block.h"

#include <cstdint>
#include <optional>

#include "imaging/byte_reader.h"
#include "imaging/heif_boxes.h"
#include "imaging/raw_container.h"

namespace espy::imaging {
namespace {

constexpr std::string_view kPrefix("Exif\0\0", 6);

// JPEG and some WebP files put a name before the block.
std::string_view WithoutPrefix(std::string_view block) {
  return block.starts_with(kPrefix) ? block.substr(kPrefix.size()) : block;
}

std::string_view InJpeg(std::string_view file) {
  std::uint64_t at = 2;  // after the start-of-image marker
  while (true) {
    auto byte = ReadNumber(file, at, 1, ByteOrder::kBig);
    if (!byte.has_value() || *byte != 0xff) return {};
    // A marker may be preceded by any number of fill bytes.
    while (byte.has_value() && *byte == 0xff) byte = ReadNumber(file, ++at, 1, ByteOrder::kBig);
    if (!byte.has_value()) return {};
    ++at;
    if (*byte == 0xda || *byte == 0xd9) return {};                    // pixels begin; end of image
    if (*byte == 0x01 || (*byte >= 0xd0 && *byte <= 0xd8)) continue;  // markers without a segment
    const auto length = ReadNumber(file, at, 2, ByteOrder::kBig);
    if (!length.has_value() || *length < 2) return {};
    const auto segment = ReadBytes(file, at + 2, *length - 2);
    if (!segment.has_value()) return {};
    if (*byte == 0xe1 && segment->starts_with(kPrefix)) return WithoutPrefix(*segment);
    at += *length;
  }
}

std::string_view InPng(std::string_view file) {
  std::uint64_t at = 8;
  while (true) {
    const auto length = ReadNumber(file, at, 4, ByteOrder::kBig);
    const auto type = ReadBytes(file, at + 4, 4);
    if (!length.has_value() || !type.has_value()) return {};
    if (*type == "eXIf") return WithoutPrefix(ReadBytes(file, at + 8, *length).value_or(""));
    at += 12 + *length;
  }
}

std::string_view InWebp(std::string_view file) {
  std::uint64_t at = 12;
  while (true) {
    const auto type = ReadBytes(file, at, 4);
    const auto length = ReadNumber(file, at + 4, 4, ByteOrder::kLittle);
    if (!length.has_value() || !type.has_value()) return {};
    if (*type == "EXIF") return WithoutPrefix(ReadBytes(file, at + 8, *length).value_or(""));
    at += 8 + *length + (*length & 1);
  }
}

}  // namespace

std::string_view FindExifBlock(std::string_view file, Format format) {
  switch (format) {
    case Format::kJpeg:
      return InJpeg(file);
    case Format::kPng:
      return InPng(file);
    case Format::kWebp:
      return InWebp(file);
    case Format::kTiff:
      return file;
    case Format::kHeif:
    case Format::kAvif:
      return FindHeifExif(file);
    case Format::kJxl:
      return FindJxlExif(file);
    case Format::kRaw:
      return FindRawExif(file).main;
    default:
      return {};
  }
}

ExifBlocks FindExifBlocks(std::string_view file, Format format) {
  if (format == Format::kRaw) return FindRawExif(file);
  return {FindExifBlock(file, format), {}, {}};
}

}  // namespace espy::imaging
