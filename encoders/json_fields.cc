#include "encoders/json_fields.h"

#include <cmath>
#include <sstream>

namespace espy::encoders {
namespace {

std::string Shown(double number) {
  std::ostringstream text;
  text << number;
  return text.str();
}

}  // namespace

std::optional<std::int64_t> WholeNumber(const JsonValue& value) {
  if (const std::int64_t* integer = value.AsInteger()) return *integer;
  if (!value.is_number()) return std::nullopt;
  const double number = value.AsNumber();
  constexpr double kExact = 9007199254740992.0;  // 2^53: beyond, a double skips whole numbers
  if (!(std::fabs(number) <= kExact) || number != std::floor(number)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

const JsonValue* JsonFields::Raw(std::string_view key) const {
  return object_ == nullptr ? nullptr : object_->FindGiven(key);
}

std::int64_t JsonFields::Integer(std::string_view key, std::int64_t otherwise, std::int64_t least,
                                 std::int64_t most) {
  const JsonValue* field = Raw(key);
  if (field == nullptr) return otherwise;
  const std::optional<std::int64_t> number = WholeNumber(*field);
  if (!number) {
    Refuse(key, "is not a whole number");
    return otherwise;
  }
  if (*number < least || *number > most) {
    Refuse(key, "is " + std::to_string(*number) + ", outside " + std::to_string(least) + " to " +
                    std::to_string(most));
    return otherwise;
  }
  return *number;
}

double JsonFields::Number(std::string_view key, double otherwise, double least, double most) {
  const JsonValue* field = Raw(key);
  if (field == nullptr) return otherwise;
  if (!field->is_number()) {
    Refuse(key, "is not a number");
    return otherwise;
  }
  const double number = field->AsNumber();
  if (!(number >= least && number <= most)) {  // refuses NaN too
    Refuse(key, "is " + Shown(number) + ", outside " + Shown(least) + " to " + Shown(most));
    return otherwise;
  }
  return number;
}

bool JsonFields::Flag(std::string_view key, bool otherwise) {
  const JsonValue* field = Raw(key);
  if (field == nullptr) return otherwise;
  if (field->AsBool() == nullptr) {
    Refuse(key, "is neither true nor false");
    return otherwise;
  }
  return *field->AsBool();
}

std::string JsonFields::Text(std::string_view key, std::string_view otherwise) {
  const JsonValue* field = Raw(key);
  if (field == nullptr) return std::string(otherwise);
  if (field->AsString() == nullptr) {
    Refuse(key, "is not a string");
    return std::string(otherwise);
  }
  return *field->AsString();
}

JsonFields JsonFields::Object(std::string_view key) {
  const JsonValue* field = Raw(key);
  if (field != nullptr && field->AsObject() == nullptr) {
    Refuse(key, "is not an object");
    field = nullptr;
  }
  return JsonFields(field, where_ + ": " + std::string(key));
}

void JsonFields::Refuse(std::string_view key, std::string_view why, StatusCode code) {
  if (status_.ok()) {
    status_ = Status(code, where_ + ": " + std::string(key) + " " + std::string(why));
  }
}

void JsonFields::Merge(const Status& part) {
  if (status_.ok()) status_ = part;
}

}  // namespace espy::encoders
