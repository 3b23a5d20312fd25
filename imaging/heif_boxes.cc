#include "imaging/heif_boxes.h"

#include <cstdint>
#include <optional>

#include "imaging/byte_reader.h"

namespace espy::imaging {
namespace {

constexpr ByteOrder kBig = ByteOrder::kBig;
// Items of a picture file: tiles, thumbnails, metadata. A phone's has about fifty.
constexpr std::uint64_t kMaxItems = 10'000;

struct Box {
  std::string_view type;
  std::string_view body;
  std::uint64_t end;  // offset of the next box
};

// The box at `offset` of `bytes`: size (4), type (4), and, where size is 1, the true size (8). Size
// 0: to the end.
std::optional<Box> ReadBox(std::string_view bytes, std::uint64_t offset) {
  const auto size32 = ReadNumber(bytes, offset, 4, kBig);
  const auto type = ReadBytes(bytes, offset + 4, 4);
  if (!size32.has_value() || !type.has_value()) return std::nullopt;
  std::uint64_t size = *size32;
  std::uint64_t header = 8;
  if (size == 0) size = bytes.size() - offset;
  if (size == 1) {
    const auto size64 = ReadNumber(bytes, offset + 8, 8, kBig);
    if (!size64.has_value()) return std::nullopt;
    size = *size64;
    header = 16;
  }
  if (size < header) return std::nullopt;
  const auto body = ReadBytes(bytes, offset + header, size - header);
  if (!body.has_value()) return std::nullopt;
  return Box{*type, *body, offset + size};
}

// The body of the first box of that type in a row of boxes.
std::optional<std::string_view> FindBox(std::string_view bytes, std::uint64_t offset,
                                        std::string_view type) {
  while (const auto box = ReadBox(bytes, offset)) {
    if (box->type == type) return box->body;
    offset = box->end;
  }
  return std::nullopt;
}

// Item information: version and flags (4), count (2, or 4 from version 1), then "infe" boxes. The
// id of the first item whose type is "Exif".
std::optional<std::uint64_t> FindExifItem(std::string_view iinf) {
  const auto version = ReadNumber(iinf, 0, 1, kBig);
  if (!version.has_value()) return std::nullopt;
  std::uint64_t at = *version == 0 ? 6 : 8;
  for (std::uint64_t i = 0; i < kMaxItems; ++i) {
    const auto box = ReadBox(iinf, at);
    if (!box.has_value()) return std::nullopt;
    at = box->end;
    const auto entry_version = ReadNumber(box->body, 0, 1, kBig);
    if (box->type != "infe" || !entry_version.has_value() || *entry_version < 2) continue;
    const int id_size = *entry_version == 2 ? 2 : 4;
    const auto id = ReadNumber(box->body, 4, id_size, kBig);
    const auto type = ReadBytes(box->body, 4 + static_cast<std::uint64_t>(id_size) + 2, 4);
    if (id.has_value() && type.has_value() && *type == "Exif") return id;
  }
  return std::nullopt;
}

struct Extent {
  bool in_item_data;  // else in the file
  std::uint64_t offset;
  std::uint64_t length;
};

// Item location: version and flags (4), sizes of the fields below in half bytes (2), count, then
// for each item its id, construction method (from version 1), data reference, base offset, and its
// extents.
std::optional<Extent> FindExtent(std::string_view iloc, std::uint64_t wanted) {
  const auto version = ReadNumber(iloc, 0, 1, kBig);
  const auto sizes = ReadNumber(iloc, 4, 2, kBig);
  if (!version.has_value() || *version > 2 || !sizes.has_value()) return std::nullopt;
  const int offset_size = static_cast<int>(*sizes >> 12 & 15);
  const int length_size = static_cast<int>(*sizes >> 8 & 15);
  const int base_size = static_cast<int>(*sizes >> 4 & 15);
  const int index_size = *version == 0 ? 0 : static_cast<int>(*sizes & 15);
  for (const int size : {offset_size, length_size, base_size, index_size}) {
    if (size != 0 && size != 4 && size != 8) return std::nullopt;
  }
  std::uint64_t at = 6;
  // The next field; one of no bytes is 0.
  const auto next = [&](int size) -> std::optional<std::uint64_t> {
    if (size == 0) return 0;
    const auto value = ReadNumber(iloc, at, size, kBig);
    at += static_cast<std::uint64_t>(size);
    return value;
  };
  const int id_size = *version < 2 ? 2 : 4;
  const auto count = next(id_size);
  if (!count.has_value()) return std::nullopt;
  for (std::uint64_t i = 0; i < *count && i < kMaxItems; ++i) {
    const auto id = next(id_size);
    const auto method = next(*version == 0 ? 0 : 2);
    const auto reference = next(2);
    const auto base = next(base_size);
    const auto extents = next(2);
    if (!id.has_value() || !method.has_value() || !reference.has_value() || !base.has_value() ||
        !extents.has_value()) {
      return std::nullopt;
    }
    const std::uint64_t extent_size = static_cast<std::uint64_t>(index_size) +
                                      static_cast<std::uint64_t>(offset_size + length_size);
    if (*id != wanted) {
      at += *extents * extent_size;
      continue;
    }
    const std::uint64_t construction = *method & 15;
    if (*extents != 1 || construction > 1) return std::nullopt;
    next(index_size);
    const auto offset = next(offset_size);
    const auto length = next(length_size);
    if (!offset.has_value() || !length.has_value()) return std::nullopt;
    if (*base > UINT64_MAX - *offset) return std::nullopt;
    return Extent{construction == 1, *base + *offset, *length};
  }
  return std::nullopt;
}

// An EXIF item begins with the offset (4) of the TIFF header after itself.
std::string_view FromTiffHeader(std::string_view item) {
  const auto skip = ReadNumber(item, 0, 4, kBig);
  if (!skip.has_value() || *skip + 4 > item.size()) return {};
  return item.substr(*skip + 4);
}

}  // namespace

std::string_view FindHeifExif(std::string_view file) {
  const auto meta = FindBox(file, 0, "meta");
  if (!meta.has_value()) return {};
  constexpr std::uint64_t kVersionAndFlags = 4;
  const auto iinf = FindBox(*meta, kVersionAndFlags, "iinf");
  const auto iloc = FindBox(*meta, kVersionAndFlags, "iloc");
  if (!iinf.has_value() || !iloc.has_value()) return {};
  const auto item = FindExifItem(*iinf);
  if (!item.has_value()) return {};
  const auto extent = FindExtent(*iloc, *item);
  if (!extent.has_value()) return {};
  std::string_view source = file;
  if (extent->in_item_data) {
    source = FindBox(*meta, kVersionAndFlags, "idat").value_or(std::string_view());
  }
  return FromTiffHeader(ReadBytes(source, extent->offset, extent->length).value_or(""));
}

ExifBlocks FindCr3Exif(std::string_view file) {
  constexpr std::string_view kCanon(
      "\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48", 16);
  const auto moov = FindBox(file, 0, "moov");
  if (!moov.has_value()) return {};
  std::uint64_t at = 0;
  while (const auto box = ReadBox(*moov, at)) {
    at = box->end;
    if (box->type != "uuid" || !box->body.starts_with(kCanon)) continue;
    const auto block = [&](std::string_view type) {
      return FindBox(box->body, kCanon.size(), type).value_or(std::string_view());
    };
    return {block("CMT1"), block("CMT2"), block("CMT4")};
  }
  return {};
}

std::string_view FindJxlExif(std::string_view file) {
  // A container begins with the box "JXL "; a codestream with ff 0a, which is no box of a sensible
  // size.
  const auto first = ReadBox(file, 0);
  if (!first.has_value() || first->type != "JXL ") return {};
  return FromTiffHeader(FindBox(file, first->end, "Exif").value_or(std::string_view()));
}

}  // namespace espy::imaging
