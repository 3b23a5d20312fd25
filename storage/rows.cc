#include "storage/rows.h"

#include <algorithm>
#include <iterator>

#include "base/crc32c.h"
#include "base/status_macros.h"
#include "storage/fields.h"
#include "storage/row_version.h"

namespace espy::storage {
namespace {

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
