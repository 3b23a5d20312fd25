// A record's user fields as bytes: one tagged field of the row each (docs/FORMATS.md).
#ifndef ESPY_STORAGE_USER_FIELDS_H_
#define ESPY_STORAGE_USER_FIELDS_H_

#include <string>
#include <string_view>

#include "espy/record.h"

namespace espy::storage {

std::string EncodeUserField(const std::string& name, const FieldValue& value);
// Adds what the bytes hold to `fields`; a value of a type that only a later program knows is left
// out. False when the bytes are damaged.
bool ParseUserField(std::string_view bytes, std::map<std::string, FieldValue>* fields);

}  // namespace espy::storage

#endif  // ESPY_STORAGE_USER_FIELDS_H_
