// Rows of `vectors`: an item's vector in one space, in half or in single precision.
#include <cstring>

#include "base/half.h"
#include "base/status_macros.h"
#include "storage/row_version.h"
#include "storage/rows.h"

namespace espy::storage {
namespace {

constexpr char kFp32Version = 2;  // of a vector

bool IsFp32(std::string_view vector) { return !vector.empty() && vector.front() == kFp32Version; }

}  // namespace

std::string EncodeVector(std::span<const std::uint16_t> half) {
  std::string out;
  out.reserve(1 + half.size_bytes());
  out.push_back(kRowVersion);
  out.append(reinterpret_cast<const char*>(half.data()), half.size_bytes());
  return out;
}

std::string EncodeFp32Vector(std::span<const float> vector) {
  std::string out;
  out.reserve(1 + vector.size_bytes());
  out.push_back(kFp32Version);
  out.append(reinterpret_cast<const char*>(vector.data()), vector.size_bytes());
  return out;
}

Status ParseVector(std::string_view value, std::vector<std::uint16_t>* half) {
  if (IsFp32(value)) {
    std::vector<float> vector;
    ESPY_RETURN_IF_ERROR(ParseFp32Vector(value, &vector));
    half->resize(vector.size());
    FloatToHalf(vector.data(), vector.size(), half->data());
    return Status::Ok();
  }
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  if (value.empty() || value.size() % 2 != 0 || value.size() / 2 > kMaxDimension) {
    return Damaged("length is not that of a vector");
  }
  half->resize(value.size() / 2);
  std::memcpy(half->data(), value.data(), value.size());
  return Status::Ok();
}

Status ParseFp32Vector(std::string_view value, std::vector<float>* vector) {
  if (!IsFp32(value)) {
    std::vector<std::uint16_t> half;
    ESPY_RETURN_IF_ERROR(ParseVector(value, &half));
    vector->resize(half.size());
    HalfToFloat(half.data(), half.size(), vector->data());
    return Status::Ok();
  }
  value.remove_prefix(1);
  if (value.empty() || value.size() % 4 != 0 || value.size() / 4 > kMaxDimension) {
    return Damaged("length is not that of a vector");
  }
  vector->resize(value.size() / 4);
  std::memcpy(vector->data(), value.data(), value.size());
  return Status::Ok();
}

}  // namespace espy::storage
