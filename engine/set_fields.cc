// set: a person's own fields on items, each name of one type throughout the library.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/status_macros.h"
#include "engine/filter.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"
#include "engine/where/literal.h"
#include "espy/user_fields.h"

namespace espy {
namespace {

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxTextBytes = 4096;
constexpr std::size_t kMaxFields = 64;
constexpr std::size_t kItemsATransaction = 256;

constexpr UserFieldType kTypes[] = {UserFieldType::kBoolean, UserFieldType::kInteger,
                                    UserFieldType::kReal, UserFieldType::kDate,
                                    UserFieldType::kText};

Status CheckName(const std::string& name) {
  const bool good = !name.empty() && name.size() <= kMaxNameBytes && name[0] >= 'a' &&
                    name[0] <= 'z' && std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                    });
  if (good) return Status::Ok();
  return Status::InvalidArgument("field '" + name +
                                 "': a name is a to z, 0 to 9 and _, a letter first, at most 64 "
                                 "characters; as in rating=4");
}

std::optional<std::int64_t> ReadInteger(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<FieldValue> ReadAs(UserFieldType type, const std::string& text) {
  switch (type) {
    case UserFieldType::kBoolean:
      if (const auto value = where::ParseBoolean(text)) return FieldValue(*value);
      return std::nullopt;
    case UserFieldType::kInteger:
      if (const auto value = ReadInteger(text)) return FieldValue(*value);
      return std::nullopt;
    case UserFieldType::kReal:
      if (const auto value = where::ParseNumber(text)) return FieldValue(*value);
      return std::nullopt;
    case UserFieldType::kDate:
      if (const auto value = where::ParseDate(text)) {
        return FieldValue(Date{static_cast<std::int64_t>(value->begin)});
      }
      return std::nullopt;
    case UserFieldType::kText:
      break;
  }
  return FieldValue(text);
}

// What a value looks like that no type is known for. A year alone is an integer.
FieldValue Guess(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  if (const auto integer = ReadInteger(text)) return *integer;
  const bool digits_only = text.find_first_not_of("0123456789.+-eE") == std::string::npos;
  if (digits_only) {
    if (const auto real = where::ParseNumber(text)) return *real;
  }
  if (const auto date = where::ParseDate(text)) {
    return Date{static_cast<std::int64_t>(date->begin)};
  }
  return text;
}

Status CheckValue(const std::string& name, const FieldValue& value) {
  if (const double* real = std::get_if<double>(&value); real != nullptr && !std::isfinite(*real)) {
    return Status::InvalidArgument("field '" + name + "': its value is no finite number");
  }
  if (const std::string* text = std::get_if<std::string>(&value)) {
    if (text->size() > kMaxTextBytes || text->find('\0') != std::string::npos) {
      return Status::InvalidArgument("field '" + name +
                                     "': text is at most 4 KiB, without NUL bytes; shorten it");
    }
  }
  return Status::Ok();
}

// The value as `type` has it; nullopt when it cannot be.
std::optional<FieldValue> Convert(const FieldChange& change, UserFieldType type) {
  const FieldValue& value = *change.value;
  if (change.as_written && std::holds_alternative<std::string>(value)) {
    return ReadAs(type, std::get<std::string>(value));
  }
  if (TypeOf(value) == type) return value;
  if (type == UserFieldType::kReal && TypeOf(value) == UserFieldType::kInteger) {
    return static_cast<double>(std::get<std::int64_t>(value));
  }
  return std::nullopt;
}

// Changes with the types that the library's names have.
struct Typed {
  std::map<std::string, std::optional<FieldValue>> values;
  std::vector<storage::UserFieldRow> retired;  // of names that change their type
};

Result<bool> AnyItemHas(storage::Store* store, const std::string& name) {
  bool any = false;
  ESPY_RETURN_IF_ERROR(store->ScanItems([&](const Record& record) {
    any = record.fields.contains(name);
    return !any;
  }));
  return any;
}

Result<Typed> TypeChanges(storage::Store* store, const std::vector<FieldChange>& changes) {
  ESPY_ASSIGN_OR_RETURN(const where::UserFields known, KnownUserFields(store));
  Typed typed;
  for (const FieldChange& change : changes) {
    std::optional<FieldValue>& value = typed.values[change.name];
    value.reset();
    if (!change.value) continue;
    const bool written = change.as_written && std::holds_alternative<std::string>(*change.value);
    const FieldValue fresh = written ? Guess(std::get<std::string>(*change.value)) : *change.value;
    const auto found = known.find(change.name);
    if (found == known.end() || !found->second) {
      value = fresh;
      continue;
    }
    value = Convert(change, *found->second);
    if (value) continue;
    ESPY_ASSIGN_OR_RETURN(const bool in_use, AnyItemHas(store, change.name));
    if (in_use) {
      return Status::InvalidArgument("field '" + change.name + "': holds values of type " +
                                     std::string(UserFieldTypeName(*found->second)) + ", and '" +
                                     FormatFieldValue(*change.value) +
                                     "' is none; give one, or choose another name");
    }
    value = fresh;
    typed.retired.push_back({change.name, *found->second});
  }
  return typed;
}

Result<bool> ApplyTo(Record* record, const Typed& typed) {
  const std::map<std::string, FieldValue> before = record->fields;
  for (const auto& [name, value] : typed.values) {
    if (value) {
      record->fields[name] = *value;
    } else {
      record->fields.erase(name);
    }
  }
  if (record->fields.size() > kMaxFields) {
    return Status::ResourceExhausted("item " + FormatItemId(record->id) +
                                     ": more than 64 fields; take some away first (NAME=)");
  }
  return record->fields != before;
}

}  // namespace

Result<FieldChange> ParseFieldChange(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return Status::InvalidArgument("field '" + std::string(text) +
                                   "': is no change; write NAME=VALUE, or NAME= to take it away");
  }
  std::string name(text.substr(0, equals));
  const std::string value(text.substr(equals + 1));
  FieldChange change;
  const std::size_t colon = name.find(':');
  const std::string type = colon == std::string::npos ? "" : name.substr(colon + 1);
  change.name = name.substr(0, colon);
  ESPY_RETURN_IF_ERROR(CheckName(change.name));
  if (colon != std::string::npos) {
    for (const UserFieldType known : kTypes) {
      if (UserFieldTypeName(known) != type) continue;
      change.value = ReadAs(known, value);
      if (change.value) return change;
      return Status::InvalidArgument("field '" + change.name + "': '" + value +
                                     "' is not of type " + type + "; give one that is");
    }
    return Status::InvalidArgument("field '" + change.name + "': there is no type '" + type +
                                   "'; the types are boolean, integer, real, date and text");
  }
  if (value.empty()) return change;
  change.value = value;
  change.as_written = true;
  return change;
}

Result<SetFieldsReport> Library::SetFields(const SetFieldsOptions& options) try {
  if (options.targets.empty() && options.where.empty()) {
    return Status::InvalidArgument("set: names no item; give paths, ids or --where");
  }
  if (options.changes.empty()) {
    return Status::InvalidArgument("set: nothing to set; give NAME=VALUE");
  }
  for (const FieldChange& change : options.changes) {
    ESPY_RETURN_IF_ERROR(CheckName(change.name));
    if (change.value) ESPY_RETURN_IF_ERROR(CheckValue(change.name, *change.value));
  }
  if (!options.dry_run) ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  std::vector<ItemId> ids;
  for (const std::string& target : options.targets) {
    ESPY_ASSIGN_OR_RETURN(const Record record, Find(target));
    ids.push_back(record.id);
  }
  if (!options.where.empty()) {
    ESPY_ASSIGN_OR_RETURN(const std::vector<Record> matching, List(options.where));
    for (const Record& record : matching) ids.push_back(record.id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());

  SetFieldsReport report;
  for (std::size_t begin = 0; begin < ids.size(); begin += kItemsATransaction) {
    const std::size_t end = std::min(ids.size(), begin + kItemsATransaction);
    // The types and the records are read under the lock under which they are written.
    std::lock_guard lock(impl_->write_mutex());
    ESPY_ASSIGN_OR_RETURN(const Typed typed, TypeChanges(impl_->store.get(), options.changes));
    Change change;
    for (const storage::UserFieldRow& row : typed.retired) change.transaction.DropUserField(row);
    for (std::size_t i = begin; i < end; ++i) {
      auto record = impl_->store->GetItem(ids[i]);
      if (record.status().code() == StatusCode::kNotFound) continue;  // forgotten meanwhile
      ESPY_RETURN_IF_ERROR(record.status());
      ESPY_ASSIGN_OR_RETURN(const bool changed, ApplyTo(&*record, typed));
      if (changed) {
        change.transaction.PutItem(*record);
        ++report.changed;
      }
      report.records.push_back(std::move(*record));
    }
    if (!options.dry_run && change.transaction.changes() > 0) {
      ESPY_RETURN_IF_ERROR(impl_->CommitLocked(std::move(change)));
    }
  }
  report.matched = report.records.size();
  return report;
} catch (const std::bad_alloc&) {
  return OutOfMemory("set");
}

}  // namespace espy
