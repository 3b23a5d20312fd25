// The fields that a filter can name: a record's facts, as `espy get --json` shows them.
#ifndef ESPY_ENGINE_WHERE_FIELDS_H_
#define ESPY_ENGINE_WHERE_FIELDS_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espy/record.h"

namespace espy::where {

enum class FieldType { kNumber, kTime, kText };

struct Field {
  std::string_view name;
  FieldType type;
  // One of the two is set. A field of several values (path, tag) matches when any of them does; one
  // without a value matches no comparison but != and !~.
  std::optional<double> (*number)(const Record&) =
      nullptr;  // kNumber, and kTime in seconds since 1970 UTC
  std::vector<std::string> (*text)(const Record&) = nullptr;
};

const Field* FindField(std::string_view name);
std::string FieldNames();  // "added, bytes, camera, ..." for messages; with the place
std::span<const Field> AllFields();

}  // namespace espy::where

#endif  // ESPY_ENGINE_WHERE_FIELDS_H_
