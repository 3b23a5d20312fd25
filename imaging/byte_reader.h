// Numbers out of bytes that may lie: every read is checked against the end.
#ifndef ESPY_IMAGING_BYTE_READER_H_
#define ESPY_IMAGING_BYTE_READER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace espy::imaging {

enum class ByteOrder { kLittle, kBig };

// The unsigned number of `size` (1 to 8) bytes at `offset`, or nothing when it does not lie in
// `bytes`.
inline std::optional<std::uint64_t> ReadNumber(std::string_view bytes, std::uint64_t offset,
                                               int size, ByteOrder order) {
  if (offset > bytes.size() || bytes.size() - offset < static_cast<std::size_t>(size)) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (int i = 0; i < size; ++i) {
    const int at = order == ByteOrder::kBig ? i : size - 1 - i;
    value = value << 8 | static_cast<std::uint8_t>(bytes[offset + static_cast<std::uint64_t>(at)]);
  }
  return value;
}

// `size` bytes at `offset`, or nothing.
inline std::optional<std::string_view> ReadBytes(std::string_view bytes, std::uint64_t offset,
                                                 std::uint64_t size) {
  if (offset > bytes.size() || bytes.size() - offset < size) return std::nullopt;
  return bytes.substr(offset, size);
}

}  // namespace espy::imaging

#endif  // ESPY_IMAGING_BYTE_READER_H_
