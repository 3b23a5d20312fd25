// What a library holds about one picture, and how pictures are named.
#ifndef ESPY_RECORD_H_
#define ESPY_RECORD_H_

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "espy/export.h"
#include "espy/status.h"

namespace espy {

// An item's number: taken from its content hash when the item is first seen and never given to
// another. 63 bits, so that it fits the signed ids of FAISS. People see it as 16 hexadecimal
// digits.
using ItemId = std::uint64_t;
inline constexpr ItemId kNoItem = 0;

// SHA-256 of a file's bytes: the identity of a picture.
using ContentHash = std::array<std::uint8_t, 32>;

ESPY_EXPORT std::string FormatItemId(ItemId id);
ESPY_EXPORT Result<ItemId> ParseItemId(std::string_view text);
ESPY_EXPORT std::string FormatContentHash(const ContentHash& hash);  // 64 hexadecimal digits

// Where a picture was taken: degrees, north and east positive (WGS 84).
struct Place {
  double latitude = 0;
  double longitude = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

// Which pixels an item's vector, thumbnail and perceptual hash were computed from.
enum class PixelSource : std::uint8_t {
  kPicture,    // the picture's own
  kPreview,    // of a raw file: the preview that the camera developed and put inside
  kThumbnail,  // the small copy in a JPEG's EXIF block: see IngestOptions::embedded_thumbnails
  kImported,   // none: the vector came from another program, Library::Import
};
ESPY_EXPORT std::string_view PixelSourceName(PixelSource source);  // "picture", ...

// A moment as a person gives it: "2020-05-17" is the first second of that day.
struct Date {
  std::int64_t unix_seconds = 0;  // since 1970 UTC
  friend auto operator<=>(const Date&, const Date&) = default;
};

// What a user field holds. A name has one type throughout a library.
using FieldValue = std::variant<bool, std::int64_t, double, Date, std::string>;
enum class UserFieldType : std::uint8_t { kBoolean, kInteger, kReal, kDate, kText };
inline UserFieldType TypeOf(const FieldValue& value) {
  return static_cast<UserFieldType>(value.index());
}
ESPY_EXPORT std::string_view UserFieldTypeName(UserFieldType type);  // "boolean", "integer", ...
// As a person writes it: true, 42, 0.5, 2020-05-17 (with T10:00:00 where it is not midnight), text.
ESPY_EXPORT std::string FormatFieldValue(const FieldValue& value);

// What a model says that a picture shows.
struct GeneratedCaption {
  std::string text;
  std::string model;     // its name
  std::string model_id;  // 32 hex digits: which weights, tokenizer and settings
  // That the text fits the picture, 0 to 1: by the model's own image-text matching where it has
  // that, of its probability and its cosine together (docs/MODELS.md, confidence.json); else the
  // geometric mean of the tokens' probabilities.
  float confidence = 0;
  // Of the text's vector and the picture's, in the library's space when the caption was made; 0
  // where the text could not be embedded.
  float cosine = 0;
  bool searched = false;  // sure enough for what was asked: CaptionOptions::min_confidence
  friend bool operator==(const GeneratedCaption&, const GeneratedCaption&) = default;
};

// One item. Paths are bytes as the operating system gives them (not necessarily UTF-8), absolute,
// sorted.
struct Record {
  ItemId id = kNoItem;
  ContentHash content_hash{};
  std::uint64_t seq = 0;  // the library's sequence number when the item last changed
  std::vector<std::string>
      paths;           // every place the same bytes were found; may be empty after files vanish
  std::string format;  // "jpeg", "png", "webp", "gif", "tiff", "bmp", "heif", "avif", "jxl", "svg",
                       // "raw" (a camera's own format, whichever it is)
  std::uint64_t file_bytes = 0;
  std::int32_t width = 0;  // pixels, upright (EXIF orientation applied)
  std::int32_t height = 0;
  std::int64_t added_unix = 0;     // when the library first held it, seconds since 1970 UTC
  std::int64_t modified_unix = 0;  // the file's own modification time
  std::optional<std::int64_t>
      taken_unix;                     // EXIF DateTimeOriginal, read as UTC when it names no zone
  std::string camera;                 // EXIF make and model, "" when absent
  std::optional<Place> place;         // EXIF GPS
  std::uint64_t perceptual_hash = 0;  // 64-bit DCT hash; near copies differ in few bits
  PixelSource pixels_from = PixelSource::kPicture;
  // Spaces (SpaceInfo::number, ascending) in which the vector is of the thumbnail that the library
  // keeps, not of pixels_from; and in which a migration could make none.
  std::vector<std::uint32_t> spaces_by_thumbnail;
  std::vector<std::uint32_t> spaces_without;
  std::vector<std::string> tags;  // a person's own words, sorted
  std::string caption;            // a person's; "" when there is none
  std::optional<GeneratedCaption> generated_caption;
  std::map<std::string, FieldValue> fields;  // a person's own, by name: Library::SetFields
  friend bool operator==(const Record&, const Record&) = default;
};

// What searches and filters take for the item's caption: a person's, else a model's that is sure
// enough, else "".
ESPY_EXPORT const std::string& SearchedCaption(const Record& record);

}  // namespace espy

#endif  // ESPY_RECORD_H_
