// EXIF 2.32 (CIPA DC-008): the few tags that a search can use.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <string>

#include "imaging/exif_block.h"
#include "imaging/facts.h"
#include "imaging/tiff_directory.h"

namespace espy::imaging {
namespace {

constexpr std::uint16_t kMake = 0x010f;
constexpr std::uint16_t kModel = 0x0110;
constexpr std::uint16_t kOrientation = 0x0112;
constexpr std::uint16_t kDateTime = 0x0132;
constexpr std::uint16_t kExifDirectory = 0x8769;
constexpr std::uint16_t kGpsDirectory = 0x8825;
constexpr std::uint16_t kDateTimeOriginal = 0x9003;
constexpr std::uint16_t kOffsetTime = 0x9010;
constexpr std::uint16_t kOffsetTimeOriginal = 0x9011;
constexpr std::uint16_t kLatitudeRef = 1;
constexpr std::uint16_t kLatitude = 2;
constexpr std::uint16_t kLongitudeRef = 3;
constexpr std::uint16_t kLongitude = 4;
constexpr std::size_t kMaxCameraBytes = 128;

// The number that exactly these digits spell.
std::optional<int> Digits(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() < at + count) return std::nullopt;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

// "YYYY:MM:DD HH:MM:SS", as if in UTC.
std::optional<std::int64_t> ParseDateTime(std::string_view text) {
  const auto year = Digits(text, 0, 4);
  const auto month = Digits(text, 5, 2);
  const auto day = Digits(text, 8, 2);
  const auto hour = Digits(text, 11, 2);
  const auto minute = Digits(text, 14, 2);
  const auto second = Digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  // Cameras without a clock write zeros; 60 is a leap second.
  if (*year == 0 || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + *hour) * 60 + *minute) * 60 + *second;
}

// "+HH:MM", "-HH:MM" or "Z", in seconds east of Greenwich.
std::optional<std::int64_t> ParseZone(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() < 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hours = Digits(text, 1, 2);
  const auto minutes = Digits(text, 4, 2);
  if (!hours || !minutes || *hours > 14 || *minutes > 59) return std::nullopt;
  const std::int64_t seconds = (*hours * 60 + *minutes) * 60;
  return text[0] == '-' ? -seconds : seconds;
}

std::optional<std::int64_t> ReadTime(const TiffDirectory& where, std::uint16_t time_tag,
                                     const std::optional<TiffDirectory>& zone_in,
                                     std::uint16_t zone_tag) {
  const auto text = where.Text(time_tag);
  if (!text) return std::nullopt;
  const auto time = ParseDateTime(*text);
  if (!time || !zone_in) return time;
  const auto zone = zone_in->Text(zone_tag);
  return *time - (zone ? ParseZone(*zone).value_or(0) : 0);
}

// Length of the UTF-8 character at the beginning of `text`; 0 when it is not one, or is a control
// character.
std::size_t PrintableLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                             : first >= 0xe0 && first <= 0xef ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const std::uint8_t second = byte(1);
  if (first == 0xc2 && second < 0xa0) return 0;   // C1 controls
  if (first == 0xe0 && second < 0xa0) return 0;   // overlong
  if (first == 0xed && second >= 0xa0) return 0;  // surrogates
  if (first == 0xf0 && second < 0x90) return 0;   // overlong
  if (first == 0xf4 && second >= 0x90) return 0;  // beyond Unicode
  if (first == 0xe2 && second == 0x80 && byte(2) >= 0xa8 && byte(2) <= 0xae)
    return 0;  // breaks, bidi
  return length;
}

// Printable characters only, no spaces around, at most max_bytes.
std::string Clean(std::string_view text, std::size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = PrintableLength(text);
    if (out.size() + length > max_bytes) break;
    out.append(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  const std::size_t begin = out.find_first_not_of(' ');
  if (begin == std::string::npos) return "";
  return out.substr(begin, out.find_last_not_of(' ') - begin + 1);
}

bool StartsWithWord(std::string_view text, std::string_view word) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return text.size() >= word.size() &&
         std::equal(word.begin(), word.end(), text.begin(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

// "Canon" and "Canon EOS 5D" are "Canon EOS 5D"; "NIKON CORPORATION" and "NIKON D90" are "NIKON
// D90".
std::string CameraName(const TiffDirectory& root) {
  const std::string make = Clean(root.Text(kMake).value_or(""), kMaxCameraBytes);
  const std::string model = Clean(root.Text(kModel).value_or(""), kMaxCameraBytes);
  if (make.empty() || model.empty()) return make + model;
  const std::string_view first_word = std::string_view(make).substr(0, make.find(' '));
  if (StartsWithWord(model, first_word)) return model;
  return Clean(make + " " + model, kMaxCameraBytes);
}

std::optional<double> ReadAngle(const TiffDirectory& gps, std::uint16_t tag, std::uint16_t ref_tag,
                                char positive, char negative, double limit) {
  const auto degrees = gps.Rational(tag, 0);
  const auto minutes = gps.Rational(tag, 1);
  const auto seconds = gps.Rational(tag, 2);
  const auto ref = gps.Text(ref_tag);
  if (!degrees || !minutes || !seconds || !ref || ref->empty()) return std::nullopt;
  const double angle = *degrees + *minutes / 60.0 + *seconds / 3600.0;
  if (!std::isfinite(angle) || angle > limit) return std::nullopt;
  if ((*ref)[0] == positive) return angle;
  if ((*ref)[0] == negative) return -angle;
  return std::nullopt;
}

}  // namespace

std::optional<int> ReadOrientation(std::string_view file_bytes, Format format) {
  const auto root = TiffDirectory::First(FindExifBlock(file_bytes, format));
  if (!root) return std::nullopt;
  const auto orientation = root->Number(kOrientation);
  if (!orientation || *orientation < 1 || *orientation > 8) return std::nullopt;
  return static_cast<int>(*orientation);
}

ExifFacts ReadExif(std::string_view file_bytes) {
  ExifFacts facts;
  const Format format = SniffFormat(file_bytes);
  const ExifBlocks blocks = FindExifBlocks(file_bytes, format);
  const auto root = TiffDirectory::First(blocks.main);
  if (!root) return facts;
  const auto exif =
      blocks.exif.empty() ? root->Child(kExifDirectory) : TiffDirectory::First(blocks.exif);
  if (exif) facts.taken_unix = ReadTime(*exif, kDateTimeOriginal, exif, kOffsetTimeOriginal);
  if (!facts.taken_unix) facts.taken_unix = ReadTime(*root, kDateTime, exif, kOffsetTime);
  facts.camera = CameraName(*root);
  facts.orientation = ReadOrientation(file_bytes, format).value_or(1);
  const auto gps =
      blocks.gps.empty() ? root->Child(kGpsDirectory) : TiffDirectory::First(blocks.gps);
  if (gps) {
    const auto latitude = ReadAngle(*gps, kLatitude, kLatitudeRef, 'N', 'S', 90.0);
    const auto longitude = ReadAngle(*gps, kLongitude, kLongitudeRef, 'E', 'W', 180.0);
    // Both exactly 0 is what a receiver without a fix writes.
    if (latitude && longitude && (*latitude != 0.0 || *longitude != 0.0)) {
      facts.place = Place{*latitude, *longitude};
    }
  }
  return facts;
}

}  // namespace espy::imaging
