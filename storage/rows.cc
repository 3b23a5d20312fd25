#include "storage/rows.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "base/crc32c.h"
#include "base/half.h"
#include "base/status_macros.h"
#include "storage/fields.h"
#include "storage/generated_caption.h"
#include "storage/user_fields.h"

namespace espy::storage {
namespace {

constexpr char kRowVersion = 1;
constexpr char kFp32Version = 2;  // of a vector

bool IsFp32(std::string_view vector) { return !vector.empty() && vector.front() == kFp32Version; }

// Takes the version byte; every row begins with one.
Status TakeVersion(std::string_view* value) {
  if (value->empty()) return Status::Corruption("the value is empty");
  const auto version = static_cast<std::uint8_t>(value->front());
  if (version == 0) return Status::Corruption("the value's version is 0");
  if (version > kRowVersion) {
    return Status::Unsupported("the value has version " + std::to_string(version) +
                               ", and this program knows " + std::to_string(kRowVersion));
  }
  value->remove_prefix(1);
  return Status::Ok();
}

Status Damaged(const char* what) { return Status::Corruption(std::string("its ") + what); }

std::string Begin() { return std::string(1, kRowVersion); }

// Fits a parsed number into a narrower field.
template <class T>
bool Narrow(std::uint64_t from, T* to) {
  if (from > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return false;
  *to = static_cast<T>(from);
  return true;
}

// The codes as they are stored: their numbers here may not change, whatever the enum does.
constexpr StatusCode kStoredCodes[] = {StatusCode::kOk,
                                       StatusCode::kNotFound,
                                       StatusCode::kInvalidArgument,
                                       StatusCode::kCorruption,
                                       StatusCode::kIoError,
                                       StatusCode::kUnsupported,
                                       StatusCode::kResourceExhausted,
                                       StatusCode::kUnavailable,
                                       StatusCode::kCancelled};

}  // namespace

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

std::string EncodePathRow(const PathRow& row) {
  std::string out = Begin();
  PutNumberField(&out, 1, row.item);
  PutNumberField(&out, 2, row.size);
  PutSignedField(&out, 3, row.modified_ns);
  PutNumberField(&out, 4, row.inode);
  PutNumberField(&out, 5, row.from_thumbnail ? 1 : 0);
  return out;
}

Result<PathRow> ParsePathRow(std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  PathRow row;
  for (Field field; !value.empty();) {
    if (!GetField(&value, &field)) return Damaged("fields are cut short");
    if (field.IsNumber(1)) row.item = field.value;
    if (field.IsNumber(2)) row.size = field.value;
    if (field.IsNumber(3)) row.modified_ns = UnZigZag(field.value);
    if (field.IsNumber(4)) row.inode = field.value;
    if (field.IsNumber(5)) row.from_thumbnail = field.value != 0;
  }
  return row;
}

std::string EncodeItemRef(ItemId id) {
  std::string out = Begin();
  PutFixed(&out, id);
  return out;
}

Result<ItemId> ParseItemRef(std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  ItemId id = kNoItem;
  if (value.size() != sizeof(id) || !GetFixed(&value, &id)) return Damaged("item is not 8 bytes");
  return id;
}

std::string EncodeVector(std::span<const std::uint16_t> half) {
  std::string out;
  out.reserve(1 + half.size_bytes());
  out.push_back(kRowVersion);
  out.append(reinterpret_cast<const char*>(half.data()), half.size_bytes());
  return out;
}

std::string EncodeFp32Vector(std::span<const float> vector) {
  std::string out;
  out.reserve(1 + vector.size_bytes());
  out.push_back(kFp32Version);
  out.append(reinterpret_cast<const char*>(vector.data()), vector.size_bytes());
  return out;
}

Status ParseVector(std::string_view value, std::vector<std::uint16_t>* half) {
  if (IsFp32(value)) {
    std::vector<float> vector;
    ESPY_RETURN_IF_ERROR(ParseFp32Vector(value, &vector));
    half->resize(vector.size());
    FloatToHalf(vector.data(), vector.size(), half->data());
    return Status::Ok();
  }
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  if (value.empty() || value.size() % 2 != 0 || value.size() / 2 > kMaxDimension) {
    return Damaged("length is not that of a vector");
  }
  half->resize(value.size() / 2);
  std::memcpy(half->data(), value.data(), value.size());
  return Status::Ok();
}

Status ParseFp32Vector(std::string_view value, std::vector<float>* vector) {
  if (!IsFp32(value)) {
    std::vector<std::uint16_t> half;
    ESPY_RETURN_IF_ERROR(ParseVector(value, &half));
    vector->resize(half.size());
    HalfToFloat(half.data(), half.size(), vector->data());
    return Status::Ok();
  }
  value.remove_prefix(1);
  if (value.empty() || value.size() % 4 != 0 || value.size() / 4 > kMaxDimension) {
    return Damaged("length is not that of a vector");
  }
  vector->resize(value.size() / 4);
  std::memcpy(vector->data(), value.data(), value.size());
  return Status::Ok();
}

std::string EncodeThumbnail(std::string_view jpeg) { return Begin().append(jpeg); }

Result<std::string_view> ParseThumbnail(std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  return value;
}

std::string EncodeFailure(const FailureRow& row) {
  std::string out = Begin();
  const auto* code = std::find(std::begin(kStoredCodes), std::end(kStoredCodes), row.code);
  PutNumberField(&out, 1, static_cast<std::uint64_t>(code - std::begin(kStoredCodes)));
  PutBytesField(&out, 2, row.message);
  PutSignedField(&out, 3, row.when_unix);
  PutNumberField(&out, 4, row.attempts);
  PutNumberField(&out, 5, row.size);
  PutSignedField(&out, 6, row.modified_ns);
  return out;
}

Result<FailureRow> ParseFailure(std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  FailureRow row;
  row.code = StatusCode::kOk;
  for (Field field; !value.empty();) {
    if (!GetField(&value, &field)) return Damaged("fields are cut short");
    if (field.IsNumber(1)) {
      if (field.value >= std::size(kStoredCodes)) return Damaged("status code is unknown");
      row.code = kStoredCodes[field.value];
    }
    if (field.IsBytes(2)) row.message = field.bytes;
    if (field.IsNumber(3)) row.when_unix = UnZigZag(field.value);
    if (field.IsNumber(4) && !Narrow(field.value, &row.attempts)) {
      return Damaged("number of attempts is out of range");
    }
    if (field.IsNumber(5)) row.size = field.value;
    if (field.IsNumber(6)) row.modified_ns = UnZigZag(field.value);
  }
  return row;
}

std::string EncodeLogEntry(const LogEntry& entry) {
  std::string out = Begin();
  PutNumberField(&out, 1, static_cast<std::uint64_t>(entry.kind));
  PutNumberField(&out, 2, entry.item);
  PutNumberField(&out, 3, entry.space);
  return out;
}

Result<LogEntry> ParseLogEntry(std::uint64_t seq, std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  LogEntry entry;
  entry.seq = seq;
  std::uint64_t kind = 0;
  for (Field field; !value.empty();) {
    if (!GetField(&value, &field)) return Damaged("fields are cut short");
    if (field.IsNumber(1)) kind = field.value;
    if (field.IsNumber(2)) entry.item = field.value;
    if (field.IsNumber(3) && !Narrow(field.value, &entry.space)) {
      return Damaged("space is out of range");
    }
  }
  if (kind < 1 || kind > 5) return Damaged("kind of change is unknown");
  entry.kind = static_cast<ChangeKind>(kind);
  return entry;
}

std::string EncodeSpace(const SpaceRow& row) {
  std::string out = Begin();
  PutBytesField(&out, 1, row.model);
  PutBytesField(&out, 2, row.space_id);
  PutBytesField(&out, 3, row.directory);
  PutNumberField(&out, 4, static_cast<std::uint64_t>(row.dimension));
  PutNumberField(&out, 5, static_cast<std::uint64_t>(row.role));
  PutNumberField(&out, 6, row.fp32 ? 1 : 0);
  return out;
}

Result<SpaceRow> ParseSpace(SpaceNumber number, std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  SpaceRow row;
  row.number = number;
  for (Field field; !value.empty();) {
    if (!GetField(&value, &field)) return Damaged("fields are cut short");
    if (field.IsBytes(1)) row.model = field.bytes;
    if (field.IsBytes(2)) row.space_id = field.bytes;
    if (field.IsBytes(3)) row.directory = field.bytes;
    if (field.IsNumber(4)) {
      if (field.value > kMaxDimension) return Damaged("dimension is out of range");
      row.dimension = static_cast<std::int64_t>(field.value);
    }
    // A role that this program does not know asks nothing of it.
    if (field.IsNumber(5) && field.value <= static_cast<std::uint64_t>(SpaceRole::kFed)) {
      row.role = static_cast<SpaceRole>(field.value);
    }
    if (field.IsNumber(6)) row.fp32 = field.value == 1;
  }
  if (row.dimension == 0) return Damaged("dimension is missing");
  return row;
}

std::string EncodeRecall(const RecallRow& row) {
  std::string out = Begin();
  PutNumberField(&out, 1, row.effort);
  PutNumberField(&out, 2, row.too_low);
  PutNumberField(&out, 3, row.too_low_rows);
  PutNumberField(&out, 4, row.searches);
  PutNumberField(&out, 5, row.wanted);
  PutNumberField(&out, 6, row.shares);
  PutNumberField(&out, 7, row.squares);
  PutNumberField(&out, 8, row.sampled);
  PutSignedField(&out, 9, row.measured_unix);
  return out;
}

Result<RecallRow> ParseRecall(std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  RecallRow row;
  std::uint64_t* const numbers[] = {&row.effort, &row.too_low, &row.too_low_rows, &row.searches,
                                    &row.wanted, &row.shares,  &row.squares,      &row.sampled};
  for (Field field; !value.empty();) {
    if (!GetField(&value, &field)) return Damaged("fields are cut short");
    if (field.is_bytes) continue;
    if (field.number >= 1 && field.number <= std::size(numbers)) {
      *numbers[field.number - 1] = field.value;
    }
    if (field.IsNumber(9)) row.measured_unix = UnZigZag(field.value);
  }
  // A million searches at most, of a million hits each, found whole at most: no sum overflows.
  constexpr std::uint64_t kMost = 1'000'000, kUnit = 10'000;
  if (row.effort > kMost || row.too_low > kMost || row.searches > kMost ||
      row.wanted > row.searches * kMost || row.shares > row.searches * kUnit ||
      row.squares > row.shares * kUnit) {
    return Damaged("sums are out of range");
  }
  return row;
}

std::string EncodeAdapter(const AdapterRow& row) {
  std::string out = Begin();
  PutSignedField(&out, 1, row.info.trained_unix);
  PutNumberField(&out, 2, row.info.pairs);
  PutNumberField(&out, 3, row.info.held_out);
  PutNumberField(&out, 4, static_cast<std::uint64_t>(row.info.before * 1e6 + 0.5));
  PutNumberField(&out, 5, static_cast<std::uint64_t>(row.info.after * 1e6 + 0.5));
  PutBytesField(&out, 6, row.weights);
  return out;
}

Result<AdapterRow> ParseAdapter(std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  AdapterRow row;
  for (Field field; !value.empty();) {
    if (!GetField(&value, &field)) return Damaged("fields are cut short");
    if (field.IsNumber(1)) row.info.trained_unix = UnZigZag(field.value);
    if (field.IsNumber(2)) row.info.pairs = field.value;
    if (field.IsNumber(3)) row.info.held_out = field.value;
    for (const auto& [number, rank] : {std::pair(4u, &row.info.before), {5u, &row.info.after}}) {
      if (!field.IsNumber(number)) continue;
      if (field.value > 1'000'000) return Damaged("a rank is out of range");
      *rank = static_cast<double>(field.value) * 1e-6;
    }
    if (field.IsBytes(6)) row.weights = std::string(field.bytes);
  }
  return row;
}

std::string EncodeNumber(std::uint64_t value) {
  std::string out = Begin();
  PutFixed(&out, value);
  return out;
}

Result<std::uint64_t> ParseNumber(std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  std::uint64_t number = 0;
  if (value.size() != sizeof(number) || !GetFixed(&value, &number)) {
    return Damaged("number is not 8 bytes");
  }
  return number;
}

std::string EncodeSegmentHeader(std::string_view bytes) {
  std::string out = Begin();
  PutFixed(&out, static_cast<std::uint32_t>(bytes.size()));
  PutFixed(&out, Crc32c(bytes));
  return out;
}

Result<std::string_view> ParseSegmentValue(std::string_view value) {
  ESPY_RETURN_IF_ERROR(TakeVersion(&value));
  std::uint32_t length = 0, crc = 0;
  if (!GetFixed(&value, &length) || !GetFixed(&value, &crc)) return Damaged("header is cut short");
  if (length != value.size()) return Damaged("length differs from its header");
  if (crc != Crc32c(value)) return Damaged("checksum differs from its header");
  return value;
}

}  // namespace espy::storage
