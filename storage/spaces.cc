// Spaces: made, switched and dropped, each in one batch; the recall measured in them.
#include <algorithm>

#include "base/status_macros.h"
#include "storage/keys.h"
#include "storage/rocks_store.h"
#include "storage/rows.h"

namespace espy::storage {
namespace {

Status Named(const std::string& directory, const std::string& what, const Status& status) {
  return Status(status.code(),
                directory + ": " + what + ": " + status.message() + "; run `espy verify`");
}

}  // namespace

Result<std::vector<SpaceRow>> RocksStore::Spaces() {
  std::vector<SpaceRow> spaces;
  ESPY_RETURN_IF_ERROR(Scan(
      kMeta, kSpacePrefix, kSpacePrefix, nullptr,
      [&](std::string_view key, std::string_view value) -> Result<bool> {
        key.remove_prefix(kSpacePrefix.size());
        SpaceNumber number = 0;
        if (key.size() != 4 || !GetKey32(&key, &number)) {
          return Status::Corruption(directory_ + ": a space's key is damaged; run `espy verify`");
        }
        Result<SpaceRow> space = ParseSpace(number, value);
        if (!space.ok()) {
          return Named(directory_, "space " + std::to_string(number), space.status());
        }
        spaces.push_back(std::move(space).value());
        return true;
      }));
  return spaces;
}

Result<SpaceRow> RocksStore::SpaceAt(SpaceNumber space) {
  const std::shared_ptr<RocksDb> db = Db();
  const std::string what = "space " + std::to_string(space);
  rocksdb::PinnableSlice value;
  const Status read = db->Get(kMeta, SpaceKey(space), nullptr, what, &value);
  if (read.code() == StatusCode::kNotFound) {
    return Status::NotFound(what + ": is not in the library");
  }
  ESPY_RETURN_IF_ERROR(read);
  Result<SpaceRow> row = ParseSpace(space, value.ToStringView());
  if (!row.ok()) return Named(directory_, what, row.status());
  return row;
}

Result<SpaceNumber> RocksStore::SpaceIn(std::string_view key, const std::string& what) {
  const std::shared_ptr<RocksDb> db = Db();
  rocksdb::PinnableSlice value;
  ESPY_RETURN_IF_ERROR(db->Get(kMeta, key, nullptr, what, &value));
  const Result<std::uint64_t> number = ParseNumber(value.ToStringView());
  if (!number.ok()) return Named(directory_, what, number.status());
  return static_cast<SpaceNumber>(*number);
}

Result<SpaceNumber> RocksStore::CurrentSpace() {
  return SpaceIn(kCurrentSpaceKey, "current space");
}

Result<SpaceNumber> RocksStore::PreviousSpace() {
  return SpaceIn(kPreviousSpaceKey, "previous space");
}

Result<SpaceRow> RocksStore::AddSpace(const SpaceRow& row) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  if (row.dimension < 1 || row.dimension > static_cast<std::int64_t>(kMaxDimension)) {
    return Status::InvalidArgument("space " + row.space_id + ": dimension " +
                                   std::to_string(row.dimension) + " is not in 1 to " +
                                   std::to_string(kMaxDimension));
  }
  std::lock_guard lock(spaces_mutex_);
  ESPY_ASSIGN_OR_RETURN(const std::vector<SpaceRow> spaces, Spaces());
  SpaceRow added = row;
  added.number = spaces.empty() ? 1 : spaces.back().number + 1;
  const Result<SpaceNumber> next = SpaceIn(kNextSpaceKey, "next space");
  if (next.ok()) {
    added.number = std::max(added.number, *next);
  } else if (next.status().code() != StatusCode::kNotFound) {
    return next.status();
  }
  rocksdb::WriteBatch batch;
  ESPY_RETURN_IF_ERROR(
      db_->ToStatus(batch.Put(db_->handle(kMeta), SpaceKey(added.number), EncodeSpace(added))));
  if (spaces.empty()) {
    ESPY_RETURN_IF_ERROR(
        db_->ToStatus(batch.Put(db_->handle(kMeta), kCurrentSpaceKey, EncodeNumber(added.number))));
  }
  ESPY_RETURN_IF_ERROR(Write(&batch, options_.sync));
  return added;
}

Status RocksStore::SetSpaceRole(SpaceNumber space, SpaceRole role) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  std::lock_guard lock(spaces_mutex_);
  ESPY_ASSIGN_OR_RETURN(SpaceRow row, SpaceAt(space));
  if (row.role == role) return Status::Ok();
  row.role = role;
  rocksdb::WriteBatch batch;
  ESPY_RETURN_IF_ERROR(
      db_->ToStatus(batch.Put(db_->handle(kMeta), SpaceKey(space), EncodeSpace(row))));
  return Write(&batch, options_.sync);
}

Status RocksStore::SwitchSpace(SpaceNumber space, SpaceRole role_of_previous) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  std::lock_guard lock(spaces_mutex_);
  ESPY_ASSIGN_OR_RETURN(SpaceRow row, SpaceAt(space));
  ESPY_ASSIGN_OR_RETURN(const SpaceNumber current, CurrentSpace());
  if (current == space) return Status::Ok();
  ESPY_ASSIGN_OR_RETURN(SpaceRow previous, SpaceAt(current));
  row.role = SpaceRole::kKept;
  previous.role = role_of_previous;
  rocksdb::WriteBatch batch;
  rocksdb::ColumnFamilyHandle* meta = db_->handle(kMeta);
  ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.Put(meta, SpaceKey(space), EncodeSpace(row))));
  ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.Put(meta, SpaceKey(current), EncodeSpace(previous))));
  ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.Put(meta, kCurrentSpaceKey, EncodeNumber(space))));
  ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.Put(meta, kPreviousSpaceKey, EncodeNumber(current))));
  return Write(&batch, options_.sync);
}

Status RocksStore::DropSpace(SpaceNumber space) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  std::lock_guard lock(spaces_mutex_);
  ESPY_ASSIGN_OR_RETURN(const SpaceRow row, SpaceAt(space));
  ESPY_ASSIGN_OR_RETURN(const SpaceNumber current, CurrentSpace());
  if (current == space) {
    return Status::InvalidArgument("space " + row.space_id +
                                   ": is the current one; switch to another one first");
  }
  ESPY_ASSIGN_OR_RETURN(const std::vector<SpaceRow> spaces, Spaces());
  SpaceNumber next = spaces.back().number + 1;
  if (const auto before = SpaceIn(kNextSpaceKey, "next space"); before.ok()) {
    next = std::max(next, *before);
  }
  rocksdb::WriteBatch batch;
  rocksdb::ColumnFamilyHandle* meta = db_->handle(kMeta);
  ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.Delete(meta, SpaceKey(space))));
  ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.Delete(meta, RecallKey(space))));
  ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.Delete(meta, AdapterKey(space))));
  ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.Put(meta, kNextSpaceKey, EncodeNumber(next))));
  if (const auto previous = PreviousSpace(); previous.ok() && *previous == space) {
    ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.Delete(meta, kPreviousSpaceKey)));
  }
  const std::string begin = SpacePrefix(space), end = PrefixEnd(begin);
  for (const Family family : {kVectors, kSegments}) {
    ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.DeleteRange(db_->handle(family), begin, end)));
  }
  return Write(&batch, options_.sync);
}

Result<RecallRow> RocksStore::GetRecall(SpaceNumber space) {
  const std::shared_ptr<RocksDb> db = Db();
  rocksdb::PinnableSlice value;
  const std::string what = "recall of space " + std::to_string(space);
  ESPY_RETURN_IF_ERROR(db->Get(kMeta, RecallKey(space), nullptr, what, &value));
  Result<RecallRow> row = ParseRecall(value.ToStringView());
  if (!row.ok()) return Named(directory_, what, row.status());
  return row;
}

Status RocksStore::PutRecall(SpaceNumber space, const RecallRow& row) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  std::lock_guard lock(spaces_mutex_);
  ESPY_RETURN_IF_ERROR(SpaceAt(space).status());
  rocksdb::WriteBatch batch;
  ESPY_RETURN_IF_ERROR(
      db_->ToStatus(batch.Put(db_->handle(kMeta), RecallKey(space), EncodeRecall(row))));
  return Write(&batch, false);
}

Result<double> RocksStore::GetRecallTarget() {
  const std::shared_ptr<RocksDb> db = Db();
  rocksdb::PinnableSlice value;
  ESPY_RETURN_IF_ERROR(db->Get(kMeta, kRecallTargetKey, nullptr, "recall target", &value));
  const Result<std::uint64_t> millionths = ParseNumber(value.ToStringView());
  if (!millionths.ok()) return Named(directory_, "recall target", millionths.status());
  if (*millionths == 0 || *millionths >= 1'000'000) {
    return Status::Corruption(directory_ + ": recall target: is out of range; set it again");
  }
  return static_cast<double>(*millionths) * 1e-6;
}

Status RocksStore::PutRecallTarget(double target) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  const auto millionths = static_cast<std::uint64_t>(target * 1e6 + 0.5);
  rocksdb::WriteBatch batch;
  ESPY_RETURN_IF_ERROR(
      db_->ToStatus(batch.Put(db_->handle(kMeta), kRecallTargetKey, EncodeNumber(millionths))));
  return Write(&batch, options_.sync);
}

Status RocksStore::FreeDropped(SpaceNumber space) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  const std::string begin = SpacePrefix(space), end = PrefixEnd(begin);
  rocksdb::CompactRangeOptions compact;
  compact.exclusive_manual_compaction = false;
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  for (const Family family : {kVectors, kSegments}) {
    const rocksdb::Slice from(begin), to(end);
    ESPY_RETURN_IF_ERROR(
        db_->ToStatus((*db_)->CompactRange(compact, db_->handle(family), &from, &to)));
  }
  return Status::Ok();
}

}  // namespace espy::storage
