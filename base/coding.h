// Fixed-width integers and length-prefixed strings in byte buffers: little-endian for values,
// big-endian for keys, whose order RocksDB compares as bytes. Readers never run past the end: they
// return false and leave the cursor where it was.
#ifndef ESPY_BASE_CODING_H_
#define ESPY_BASE_CODING_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace espy {

static_assert(std::endian::native == std::endian::little,
              "Espy's fast paths assume x86-64 or arm64");

template <class T>
void PutFixed(std::string* out, T value) {  // little-endian
  static_assert(std::is_trivially_copyable_v<T>);
  out->append(reinterpret_cast<const char*>(&value), sizeof(T));
}

template <class T>
bool GetFixed(std::string_view* in, T* value) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (in->size() < sizeof(T)) return false;
  std::memcpy(value, in->data(), sizeof(T));
  in->remove_prefix(sizeof(T));
  return true;
}

inline void PutVarint(std::string* out, std::uint64_t value) {  // LEB128
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

inline bool GetVarint(std::string_view* in, std::uint64_t* value) {
  std::uint64_t result = 0;
  for (std::size_t i = 0; i < in->size() && i < 10; ++i) {
    const auto byte = static_cast<std::uint8_t>((*in)[i]);
    if (i == 9 && byte > 1) return false;
    result |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) {
      *value = result;
      in->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

inline void PutString(std::string* out, std::string_view text) {  // varint length, then the bytes
  PutVarint(out, text.size());
  out->append(text);
}

inline bool GetString(std::string_view* in, std::string* text) {
  std::string_view rest = *in;
  std::uint64_t length = 0;
  if (!GetVarint(&rest, &length) || length > rest.size()) return false;
  text->assign(rest.substr(0, length));
  rest.remove_prefix(length);
  *in = rest;
  return true;
}

inline void PutKey64(std::string* out, std::uint64_t value) {  // big-endian: sorts as numbers do
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}
inline void PutKey32(std::string* out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}
inline bool GetKey64(std::string_view* in, std::uint64_t* value) {
  if (in->size() < 8) return false;
  *value = 0;
  for (int i = 0; i < 8; ++i) *value = *value << 8 | static_cast<std::uint8_t>((*in)[i]);
  in->remove_prefix(8);
  return true;
}
inline bool GetKey32(std::string_view* in, std::uint32_t* value) {
  if (in->size() < 4) return false;
  *value = 0;
  for (int i = 0; i < 4; ++i) *value = *value << 8 | static_cast<std::uint8_t>((*in)[i]);
  in->remove_prefix(4);
  return true;
}

}  // namespace espy

#endif  // ESPY_BASE_CODING_H_
