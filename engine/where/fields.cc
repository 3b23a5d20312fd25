#include "engine/where/fields.h"

#include <chrono>

namespace espy::where {
namespace {

using std::chrono::year_month_day;

year_month_day DateOf(const Record& r) {
  const std::int64_t seconds = r.taken_unix.value_or(r.modified_unix);
  return year_month_day(std::chrono::floor<std::chrono::days>(
      std::chrono::sys_seconds(std::chrono::seconds(seconds))));
}

std::string FileName(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

std::string Folder(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

template <class F>
std::vector<std::string> EachPath(const Record& r, F part) {
  std::vector<std::string> values;
  values.reserve(r.paths.size());
  for (const std::string& path : r.paths) values.push_back(part(path));
  return values;
}

std::vector<std::string> One(std::string text) {
  std::vector<std::string> values;
  if (!text.empty()) values.push_back(std::move(text));
  return values;
}

using Number = std::optional<double>;
using Texts = std::vector<std::string>;

// In order of name.
constexpr Field kFields[] = {
    {"added", FieldType::kTime, [](const Record& r) { return Number(r.added_unix); }},
    {"camera", FieldType::kText, nullptr, [](const Record& r) { return One(r.camera); }},
    {"caption", FieldType::kText, nullptr, [](const Record& r) { return One(SearchedCaption(r)); }},
    {"content_hash", FieldType::kText, nullptr,
     [](const Record& r) { return One(FormatContentHash(r.content_hash)); }},
    {"day", FieldType::kNumber, [](const Record& r) { return Number(unsigned(DateOf(r).day())); }},
    {"file_bytes", FieldType::kNumber, [](const Record& r) { return Number(r.file_bytes); }},
    {"folder", FieldType::kText, nullptr, [](const Record& r) { return EachPath(r, Folder); }},
    {"format", FieldType::kText, nullptr, [](const Record& r) { return One(r.format); }},
    {"height", FieldType::kNumber, [](const Record& r) { return Number(r.height); }},
    {"id", FieldType::kText, nullptr, [](const Record& r) { return One(FormatItemId(r.id)); }},
    {"latitude", FieldType::kNumber,
     [](const Record& r) { return r.place ? Number(r.place->latitude) : Number(); }},
    {"longitude", FieldType::kNumber,
     [](const Record& r) { return r.place ? Number(r.place->longitude) : Number(); }},
    {"modified", FieldType::kTime, [](const Record& r) { return Number(r.modified_unix); }},
    {"month", FieldType::kNumber,
     [](const Record& r) { return Number(unsigned(DateOf(r).month())); }},
    {"name", FieldType::kText, nullptr, [](const Record& r) { return EachPath(r, FileName); }},
    {"path", FieldType::kText, nullptr, [](const Record& r) { return r.paths; }},
    {"pixels", FieldType::kNumber,
     [](const Record& r) { return Number(double(r.width) * double(r.height)); }},
    {"pixels_from", FieldType::kText, nullptr,
     [](const Record& r) { return One(std::string(PixelSourceName(r.pixels_from))); }},
    {"seq", FieldType::kNumber, [](const Record& r) { return Number(r.seq); }},
    {"tag", FieldType::kText, nullptr, [](const Record& r) { return r.tags; }},
    {"taken", FieldType::kTime,
     [](const Record& r) { return r.taken_unix ? Number(*r.taken_unix) : Number(); }},
    {"width", FieldType::kNumber, [](const Record& r) { return Number(r.width); }},
    {"year", FieldType::kNumber, [](const Record& r) { return Number(int(DateOf(r).year())); }},
};

}  // namespace

const Field* FindField(std::string_view name) {
  if (name == "tags") name = "tag";
  if (name == "paths") name = "path";
  for (const Field& field : kFields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::string FieldNames() {
  std::string names;
  for (const Field& field : kFields) {
    if (!names.empty()) names += ", ";
    names += field.name;
    if (field.name == "pixels_from") names += ", place";  // which is no comparison of one value
  }
  return names;
}

std::span<const Field> AllFields() { return kFields; }

}  // namespace espy::where
