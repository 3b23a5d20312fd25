// A value as tagged fields, so that a row can gain a field without breaking a program that does not
// know it.
//
//   row:    version (1 byte) | field*
//   field:  tag (varint: number * 2 + kind) | kind 0: varint | kind 1: length (varint), bytes
//
// A field that is absent has its type's zero; a field with an unknown number is skipped; of two
// with the same number the later holds, unless the row says that the field repeats.
#ifndef ESPY_STORAGE_FIELDS_H_
#define ESPY_STORAGE_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/coding.h"

namespace espy::storage {

// Signed numbers as unsigned ones with small absolute values small: 0, -1, 1, -2 -> 0, 1, 2, 3.
inline std::uint64_t ZigZag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
inline std::int64_t UnZigZag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

inline void PutNumberField(std::string* out, std::uint32_t field, std::uint64_t value) {
  if (value == 0) return;
  PutVarint(out, std::uint64_t{field} * 2);
  PutVarint(out, value);
}

inline void PutSignedField(std::string* out, std::uint32_t field, std::int64_t value) {
  PutNumberField(out, field, ZigZag(value));
}

inline void PutBytesField(std::string* out, std::uint32_t field, std::string_view bytes) {
  PutVarint(out, std::uint64_t{field} * 2 + 1);
  PutString(out, bytes);
}

struct Field {
  std::uint64_t number = 0;
  bool is_bytes = false;
  std::uint64_t value = 0;  // when not is_bytes
  std::string_view bytes;   // when is_bytes; points into the row

  bool IsNumber(std::uint32_t wanted) const { return number == wanted && !is_bytes; }
  bool IsBytes(std::uint32_t wanted) const { return number == wanted && is_bytes; }
};

// Takes the next field off `in`; false when the bytes do not form one.
inline bool GetField(std::string_view* in, Field* field) {
  std::uint64_t tag = 0;
  if (!GetVarint(in, &tag)) return false;
  field->number = tag / 2;
  field->is_bytes = (tag & 1) != 0;
  if (!GetVarint(in, &field->value)) return false;
  if (field->is_bytes) {
    if (field->value > in->size()) return false;
    field->bytes = in->substr(0, field->value);
    in->remove_prefix(field->value);
  }
  return true;
}

}  // namespace espy::storage

#endif  // ESPY_STORAGE_FIELDS_H_
