// Names of items, contents and values as people see them.
#include <charconv>
#include <chrono>
#include <cstdio>

#include "base/sha256.h"
#include "espy/record.h"

namespace espy {

std::string FormatItemId(ItemId id) {
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i, id >>= 4) text[i] = "0123456789abcdef"[id & 15];
  return text;
}

std::string_view PixelSourceName(PixelSource source) {
  switch (source) {
    case PixelSource::kPreview:
      return "preview";
    case PixelSource::kThumbnail:
      return "thumbnail";
    case PixelSource::kImported:
      return "imported";
    case PixelSource::kPicture:
      break;
  }
  return "picture";
}

Result<ItemId> ParseItemId(std::string_view text) {
  ItemId id = 0;
  bool good = text.size() == 16;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    good = good && digit >= 0;
    id = id << 4 | static_cast<ItemId>(digit & 15);
  }
  if (!good || id == kNoItem || id >> 63 != 0) {
    return Status::InvalidArgument("'" + std::string(text) +
                                   "': not an item's id; ids are 16 hexadecimal digits, as "
                                   "`espy search --json` prints them");
  }
  return id;
}

std::string_view UserFieldTypeName(UserFieldType type) {
  static constexpr std::string_view kNames[] = {"boolean", "integer", "real", "date", "text"};
  return kNames[static_cast<std::size_t>(type)];
}

namespace {

std::string FormatDate(Date date) {
  const std::chrono::sys_seconds moment(std::chrono::seconds(date.unix_seconds));
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day ymd(day);
  const std::chrono::hh_mm_ss time(moment - day);
  char text[64];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02u", int(ymd.year()), unsigned(ymd.month()),
                unsigned(ymd.day()));
  std::string out = text;
  if (moment != day) {
    std::snprintf(text, sizeof(text), "T%02d:%02d:%02d", int(time.hours().count()),
                  int(time.minutes().count()), int(time.seconds().count()));
    out += text;
  }
  return out;
}

}  // namespace

const std::string& SearchedCaption(const Record& record) {
  const bool generated = record.caption.empty() && record.generated_caption.has_value() &&
                         record.generated_caption->searched;
  return generated ? record.generated_caption->text : record.caption;
}

std::string FormatFieldValue(const FieldValue& value) {
  switch (TypeOf(value)) {
    case UserFieldType::kBoolean:
      return std::get<bool>(value) ? "true" : "false";
    case UserFieldType::kInteger:
      return std::to_string(std::get<std::int64_t>(value));
    case UserFieldType::kReal: {
      char text[64];  // the shortest digits that read back as the same number
      const auto end = std::to_chars(text, text + sizeof(text), std::get<double>(value)).ptr;
      return {text, end};
    }
    case UserFieldType::kDate:
      return FormatDate(std::get<Date>(value));
    case UserFieldType::kText:
      break;
  }
  return std::get<std::string>(value);
}

std::string FormatContentHash(const ContentHash& hash) { return ToHex(hash.data(), hash.size()); }

}  // namespace espy
