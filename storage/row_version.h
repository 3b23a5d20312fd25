// What every row begins with, and how its parsers speak of what is wrong.
#ifndef ESPY_STORAGE_ROW_VERSION_H_
#define ESPY_STORAGE_ROW_VERSION_H_

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "espy/status.h"

namespace espy::storage {

inline constexpr char kRowVersion = 1;

// Takes the version byte; every row begins with one.
inline Status TakeVersion(std::string_view* value) {
  if (value->empty()) return Status::Corruption("the value is empty");
  const auto version = static_cast<std::uint8_t>(value->front());
  if (version == 0) return Status::Corruption("the value's version is 0");
  if (version > kRowVersion) {
    return Status::Unsupported("the value has version " + std::to_string(version) +
                               ", and this program knows " + std::to_string(kRowVersion));
  }
  value->remove_prefix(1);
  return Status::Ok();
}

inline Status Damaged(const char* what) { return Status::Corruption(std::string("its ") + what); }

inline std::string Begin() { return std::string(1, kRowVersion); }

// Fits a parsed number into a narrower field.
template <class T>
bool Narrow(std::uint64_t from, T* to) {
  if (from > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return false;
  *to = static_cast<T>(from);
  return true;
}

}  // namespace espy::storage

#endif  // ESPY_STORAGE_ROW_VERSION_H_
