// Typed, bounded reading of one JSON object's fields, as configuration files need it.
#ifndef ESPY_ENCODERS_JSON_FIELDS_H_
#define ESPY_ENCODERS_JSON_FIELDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "encoders/json.h"
#include "espy/status.h"

namespace espy::encoders {

// Reads fields one after another; the first wrong one is kept as status(), and the calls after it
// give defaults. So a reader lists its fields plainly and asks for the status once. A field that is
// null counts as absent. Refers to the value it was given: keep that alive.
class JsonFields {
 public:
  // `where` stands in messages: "FILE" or "FILE: text_config". A null `object` has no fields.
  JsonFields(const JsonValue* object, std::string where)
      : object_(object), where_(std::move(where)) {}

  // Whole numbers in [least, most]; 5.0 is one too.
  std::int64_t Integer(std::string_view key, std::int64_t otherwise, std::int64_t least,
                       std::int64_t most);
  // Finite numbers in [least, most].
  double Number(std::string_view key, double otherwise, double least, double most);
  bool Flag(std::string_view key, bool otherwise);
  std::string Text(std::string_view key, std::string_view otherwise);
  // An object's field that is itself an object; one without fields when absent.
  JsonFields Object(std::string_view key);
  // The raw field, for those that come in several shapes; nullptr when absent.
  const JsonValue* Raw(std::string_view key) const;
  bool Has(std::string_view key) const { return Raw(key) != nullptr; }

  // Notes that a field is wrong, unless an earlier one was: "WHERE: KEY WHY".
  void Refuse(std::string_view key, std::string_view why,
              StatusCode code = StatusCode::kInvalidArgument);
  // Takes the error of a part read by its own JsonFields.
  void Merge(const Status& part);
  const Status& status() const { return status_; }
  const std::string& where() const { return where_; }

 private:
  const JsonValue* object_;
  std::string where_;
  Status status_;
};

// The value as a whole number, whether written 5 or 5.0.
std::optional<std::int64_t> WholeNumber(const JsonValue& value);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_JSON_FIELDS_H_
