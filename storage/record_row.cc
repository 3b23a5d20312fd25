// Rows of `items`: an item's record.
#include <algorithm>
#include <cstring>

#include "base/status_macros.h"
#include "storage/fields.h"
#include "storage/generated_caption.h"
#include "storage/row_version.h"
#include "storage/rows.h"
#include "storage/user_fields.h"

namespace espy::storage {

std::string EncodeRecord(const Record& record) {
  std::string out = Begin();
  PutFixed(&out, record.seq);
  PutBytesField(
      &out, 1,
      {reinterpret_cast<const char*>(record.content_hash.data()), record.content_hash.size()});
  for (const std::string& path : record.paths) PutBytesField(&out, 2, path);
  if (!record.format.empty()) PutBytesField(&out, 3, record.format);
  PutNumberField(&out, 4, record.file_bytes);
  PutSignedField(&out, 5, record.width);
  PutSignedField(&out, 6, record.height);
  PutSignedField(&out, 7, record.added_unix);
  PutSignedField(&out, 8, record.modified_unix);
  if (record.taken_unix.has_value()) {
    std::string taken;
    PutFixed(&taken, *record.taken_unix);
    PutBytesField(&out, 9, taken);
  }
  if (!record.camera.empty()) PutBytesField(&out, 10, record.camera);
  if (record.place.has_value()) {
    std::string place;
    PutFixed(&place, record.place->latitude);
    PutFixed(&place, record.place->longitude);
    PutBytesField(&out, 11, place);
  }
  if (record.perceptual_hash != 0) {
    std::string hash;
    PutFixed(&hash, record.perceptual_hash);
    PutBytesField(&out, 12, hash);
  }
  for (const std::string& tag : record.tags) PutBytesField(&out, 13, tag);
  if (!record.caption.empty()) PutBytesField(&out, 14, record.caption);
  PutNumberField(&out, 15, static_cast<std::uint64_t>(record.pixels_from));
  for (const auto& [name, value] : record.fields) {
    PutBytesField(&out, 16, EncodeUserField(name, value));
  }
  if (record.generated_caption) {
    PutBytesField(&out, 17, EncodeGeneratedCaption(*record.generated_caption));
  }
  for (const SpaceNumber space : record.spaces_by_thumbnail) PutNumberField(&out, 20, space);
  for (const SpaceNumber space : record.spaces_without) PutNumberField(&out, 21, space);
  return out;
}

void SetRecordSeq(char* value, std::uint64_t seq) { std::memcpy(value + 1, &seq, sizeof(seq)); }

Result<Record> ParseRecord(ItemId id, std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  Record record;
  record.id = id;
  if (!GetFixed(&value, &record.seq)) return Damaged("sequence number is cut short");
  bool has_hash = false;
  for (Field field; !value.empty();) {
    if (!GetField(&value, &field)) return Damaged("fields are cut short");
    std::string_view bytes = field.bytes;
    if (field.IsBytes(1)) {
      if (bytes.size() != record.content_hash.size())
        return Damaged("content hash is not 32 bytes");
      std::copy(bytes.begin(), bytes.end(), record.content_hash.begin());
      has_hash = true;
    } else if (field.IsBytes(2)) {
      record.paths.emplace_back(bytes);
    } else if (field.IsBytes(3)) {
      record.format = bytes;
    } else if (field.IsNumber(4)) {
      record.file_bytes = field.value;
    } else if (field.IsNumber(5) || field.IsNumber(6)) {
      const std::int64_t pixels = UnZigZag(field.value);
      if (pixels < 0 || pixels > std::numeric_limits<std::int32_t>::max()) {
        return Damaged("width or height is out of range");
      }
      (field.number == 5 ? record.width : record.height) = static_cast<std::int32_t>(pixels);
    } else if (field.IsNumber(7)) {
      record.added_unix = UnZigZag(field.value);
    } else if (field.IsNumber(8)) {
      record.modified_unix = UnZigZag(field.value);
    } else if (field.IsBytes(9)) {
      std::int64_t taken = 0;
      if (bytes.size() != sizeof(taken) || !GetFixed(&bytes, &taken)) {
        return Damaged("time taken is not 8 bytes");
      }
      record.taken_unix = taken;
    } else if (field.IsBytes(10)) {
      record.camera = bytes;
    } else if (field.IsBytes(11)) {
      Place place;
      if (bytes.size() != 16 || !GetFixed(&bytes, &place.latitude) ||
          !GetFixed(&bytes, &place.longitude)) {
        return Damaged("place is not 16 bytes");
      }
      record.place = place;
    } else if (field.IsBytes(12)) {
      if (bytes.size() != 8 || !GetFixed(&bytes, &record.perceptual_hash)) {
        return Damaged("perceptual hash is not 8 bytes");
      }
    } else if (field.IsBytes(13)) {
      record.tags.emplace_back(bytes);
    } else if (field.IsBytes(14)) {
      record.caption = bytes;
    } else if (field.IsNumber(15) &&
               field.value <= static_cast<std::uint64_t>(PixelSource::kImported)) {
      record.pixels_from = static_cast<PixelSource>(field.value);
    } else if (field.IsBytes(16) && !ParseUserField(bytes, &record.fields)) {
      return Damaged("user field is damaged");
    } else if (field.IsBytes(17)) {
      ESPY_ASSIGN_OR_RETURN(record.generated_caption, ParseGeneratedCaption(bytes));
    } else if (field.IsNumber(20) || field.IsNumber(21)) {
      SpaceNumber space = 0;
      if (!Narrow(field.value, &space) || space == 0) return Damaged("space is out of range");
      (field.number == 20 ? record.spaces_by_thumbnail : record.spaces_without).push_back(space);
    }
  }
  if (!has_hash) return Damaged("content hash is missing");
  return record;
}

}  // namespace espy::storage
