#include "imaging/tiff_directory.h"

#include <algorithm>

namespace espy::imaging {
namespace {

// A real directory has some dozens of entries; a count of 65,535 would only cost time.
constexpr std::uint64_t kMaxEntries = 1024;

enum Type : std::uint16_t { kByte = 1, kAscii = 2, kShort = 3, kLong = 4, kRational = 5 };

int TypeSize(std::uint16_t type) {
  switch (type) {
    case 1:  // BYTE
    case 2:  // ASCII
    case 6:  // SBYTE
    case 7:  // UNDEFINED
      return 1;
    case 3:  // SHORT
    case 8:  // SSHORT
      return 2;
    case 4:   // LONG
    case 9:   // SLONG
    case 11:  // FLOAT
    case 13:  // IFD
      return 4;
    case 5:   // RATIONAL
    case 10:  // SRATIONAL
    case 12:  // DOUBLE
      return 8;
    default:
      return 0;
  }
}

}  // namespace

std::optional<TiffDirectory> TiffDirectory::First(std::string_view block) {
  const std::string_view signature = block.substr(0, 4);
  ByteOrder order;
  if (signature == std::string_view("II*\0", 4) || signature == "IIRO" || signature == "IIRS" ||
      signature == std::string_view("IIU\0", 4)) {  // Olympus' ORF twice, Panasonic's RW2
    order = ByteOrder::kLittle;
  } else if (signature == std::string_view("MM\0*", 4) || signature == "MMOR") {
    order = ByteOrder::kBig;
  } else {
    return std::nullopt;
  }
  const auto offset = ReadNumber(block, 4, 4, order);
  if (!offset.has_value()) return std::nullopt;
  return TiffDirectory(block, order, *offset);
}

std::optional<TiffDirectory> TiffDirectory::Next() const {
  const auto count = ReadNumber(block_, offset_, 2, order_);
  if (!count.has_value()) return std::nullopt;
  const auto offset = ReadNumber(block_, offset_ + 2 + *count * 12, 4, order_);
  if (!offset.has_value() || *offset == 0) return std::nullopt;
  return TiffDirectory(block_, order_, *offset);
}

std::optional<TiffDirectory> TiffDirectory::Child(std::uint16_t tag, std::uint32_t i) const {
  const auto entry = Find(tag);
  if (!entry.has_value() || i >= entry->count || (entry->type != kLong && entry->type != 13)) {
    return std::nullopt;
  }
  const auto offset = ReadNumber(block_, entry->offset + i * std::uint64_t{4}, 4, order_);
  if (!offset.has_value()) return std::nullopt;
  return TiffDirectory(block_, order_, *offset);
}

std::optional<TiffDirectory::Entry> TiffDirectory::Find(std::uint16_t tag) const {
  const auto count = ReadNumber(block_, offset_, 2, order_);
  if (!count.has_value()) return std::nullopt;
  for (std::uint64_t i = 0; i < std::min(*count, kMaxEntries); ++i) {
    const std::uint64_t at = offset_ + 2 + i * 12;
    const auto found = ReadNumber(block_, at, 2, order_);
    if (!found.has_value()) return std::nullopt;
    if (*found != tag) continue;
    const auto type = ReadNumber(block_, at + 2, 2, order_);
    const auto values = ReadNumber(block_, at + 4, 4, order_);
    const auto offset = ReadNumber(block_, at + 8, 4, order_);
    if (!type.has_value() || !values.has_value() || !offset.has_value()) return std::nullopt;
    Entry entry{static_cast<std::uint16_t>(*type), static_cast<std::uint32_t>(*values), at + 8};
    const int size = TypeSize(entry.type);
    if (size == 0) return std::nullopt;
    if (*values * static_cast<std::uint64_t>(size) > 4) entry.offset = *offset;
    return entry;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> TiffDirectory::Number(std::uint16_t tag, std::uint32_t i) const {
  const auto entry = Find(tag);
  if (!entry.has_value() || i >= entry->count) return std::nullopt;
  if (entry->type != kByte && entry->type != kShort && entry->type != kLong) return std::nullopt;
  const int size = TypeSize(entry->type);
  const auto value =
      ReadNumber(block_, entry->offset + i * static_cast<std::uint64_t>(size), size, order_);
  if (!value.has_value()) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

std::optional<double> TiffDirectory::Rational(std::uint16_t tag, std::uint32_t i) const {
  const auto entry = Find(tag);
  if (!entry.has_value() || i >= entry->count || entry->type != kRational) return std::nullopt;
  const std::uint64_t at = entry->offset + i * std::uint64_t{8};
  const auto above = ReadNumber(block_, at, 4, order_);
  const auto below = ReadNumber(block_, at + 4, 4, order_);
  if (!above.has_value() || !below.has_value()) return std::nullopt;
  if (*above == 0) return 0.0;
  if (*below == 0) return std::nullopt;
  return static_cast<double>(*above) / static_cast<double>(*below);
}

std::optional<std::string_view> TiffDirectory::Text(std::uint16_t tag) const {
  const auto entry = Find(tag);
  if (!entry.has_value() || entry->type != kAscii) return std::nullopt;
  const auto text = ReadBytes(block_, entry->offset, entry->count);
  if (!text.has_value()) return std::nullopt;
  return text->substr(0, text->find('\0'));
}

}  // namespace espy::imaging
