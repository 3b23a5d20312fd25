#include "storage/user_fields.h"

#include <cmath>

#include "base/coding.h"
#include "storage/fields.h"

namespace espy::storage {

std::string EncodeUserField(const std::string& name, const FieldValue& value) {
  std::string out(1, static_cast<char>(TypeOf(value)));
  PutString(&out, name);
  switch (TypeOf(value)) {
    case UserFieldType::kBoolean:
      PutVarint(&out, std::get<bool>(value) ? 1 : 0);
      break;
    case UserFieldType::kInteger:
      PutVarint(&out, ZigZag(std::get<std::int64_t>(value)));
      break;
    case UserFieldType::kReal:
      PutFixed(&out, std::get<double>(value));
      break;
    case UserFieldType::kDate:
      PutVarint(&out, ZigZag(std::get<Date>(value).unix_seconds));
      break;
    case UserFieldType::kText:
      out += std::get<std::string>(value);
      break;
  }
  return out;
}

bool ParseUserField(std::string_view bytes, std::map<std::string, FieldValue>* fields) {
  if (bytes.empty()) return false;
  const auto type = static_cast<std::uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  std::string name;
  if (!GetString(&bytes, &name) || name.empty()) return false;
  FieldValue value;
  std::uint64_t number = 0;
  switch (static_cast<UserFieldType>(type)) {
    case UserFieldType::kBoolean:
      if (!GetVarint(&bytes, &number) || number > 1) return false;
      value = number == 1;
      break;
    case UserFieldType::kInteger:
      if (!GetVarint(&bytes, &number)) return false;
      value = UnZigZag(number);
      break;
    case UserFieldType::kReal: {
      double real = 0;
      if (!GetFixed(&bytes, &real) || !std::isfinite(real)) return false;
      value = real;
      break;
    }
    case UserFieldType::kDate:
      if (!GetVarint(&bytes, &number)) return false;
      value = Date{UnZigZag(number)};
      break;
    case UserFieldType::kText:
      value = std::string(bytes);
      bytes = {};
      break;
    default:
      return true;
  }
  if (!bytes.empty()) return false;
  (*fields)[std::move(name)] = std::move(value);
  return true;
}

}  // namespace espy::storage
