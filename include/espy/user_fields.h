// Fields of a person's own on items: a name, and a value of one type.
#ifndef ESPY_USER_FIELDS_H_
#define ESPY_USER_FIELDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "espy/export.h"
#include "espy/record.h"
#include "espy/status.h"

namespace espy {

struct FieldChange {
  std::string name;                 // a to z, 0 to 9 and _, a letter first; at most 64 bytes
  std::optional<FieldValue> value;  // text of at most 4 KiB, finite numbers; nullopt: it goes
  // The value is text as a person wrote it: it is read as the name's type, or, of a name that the
  // library does not know yet, as what it looks like (true, 42, 0.5, 2020-05-17, else text).
  bool as_written = false;
};

// "rating=4", "rating:real=4" where the type is not to be guessed, "rating=" to take it away.
ESPY_EXPORT Result<FieldChange> ParseFieldChange(std::string_view text);

struct SetFieldsOptions {
  std::vector<std::string> targets;  // paths or item ids
  std::string where;                 // and, or instead, a filter expression
  std::vector<FieldChange> changes;  // of one name the later holds
  bool dry_run = false;
};
struct SetFieldsReport {
  std::uint64_t matched = 0;    // items that were named
  std::uint64_t changed = 0;    // of them, items whose fields are now others
  std::vector<Record> records;  // those named, as they are now, or would be
};

}  // namespace espy

#endif  // ESPY_USER_FIELDS_H_
