// JSON from outside, as a small value tree: limited in depth and size, duplicate keys refused.
//
// A model directory's files are written by strangers. Two readers that disagree on which of two
// equal keys counts disagree on what the model is, so a duplicate is an error here rather than "the
// last one wins".
#ifndef ESPY_ENCODERS_JSON_H_
#define ESPY_ENCODERS_JSON_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "espy/status.h"

namespace espy::encoders {

struct JsonMember;

// Immutable once parsed: read it from any thread.
class JsonValue {
 public:
  using Array = std::vector<JsonValue>;
  using Object = std::vector<JsonMember>;  // in the file's order

  JsonValue() = default;  // null
  // Replaces what it is.
  template <class T>
  void Set(T value) {
    value_.template emplace<T>(std::move(value));
  }

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  const bool* AsBool() const { return std::get_if<bool>(&value_); }
  // A number without fraction or exponent that fits 64 bits.
  const std::int64_t* AsInteger() const { return std::get_if<std::int64_t>(&value_); }
  bool is_number() const {
    return AsInteger() != nullptr || std::get_if<double>(&value_) != nullptr;
  }
  double AsNumber() const;  // 0 unless is_number()
  const std::string* AsString() const { return std::get_if<std::string>(&value_); }
  const Array* AsArray() const { return std::get_if<Array>(&value_); }
  const Object* AsObject() const { return std::get_if<Object>(&value_); }
  Array* MutableArray() { return std::get_if<Array>(&value_); }
  Object* MutableObject() { return std::get_if<Object>(&value_); }

  // The member of an object; nullptr when absent or when this is no object. Linear in the members.
  const JsonValue* Find(std::string_view key) const;
  // The same, and nullptr for a member that is null: publishers write both for "not given".
  const JsonValue* FindGiven(std::string_view key) const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

struct JsonMember {
  std::string key;
  JsonValue value;
};

struct JsonLimits {
  int max_depth = 16;                        // nested arrays and objects
  std::size_t max_values = 4 * 1024 * 1024;  // a value costs about 40 bytes beside its text
};

// `name` stands in messages: the file's path. Corruption when the text is not JSON in UTF-8 or a
// key comes twice, ResourceExhausted beyond the limits.
Result<JsonValue> ParseJson(std::string_view text, const std::string& name,
                            const JsonLimits& limits = {});

// `text` as it may stand in a message: at most 80 bytes, control characters and broken UTF-8
// replaced by '?'.
std::string Printable(std::string_view text);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_JSON_H_
