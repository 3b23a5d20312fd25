// Point reads, scans and counts.
#include <algorithm>

#include "base/status_macros.h"
#include "storage/keys.h"
#include "storage/rocks_store.h"
#include "storage/rows.h"

namespace espy::storage {
namespace {

const rocksdb::Snapshot* Of(const Snapshot* snapshot) {
  return snapshot == nullptr ? nullptr : snapshot->get();
}

std::string ItemName(ItemId id) { return "item " + FormatItemId(id); }

// A parser's status with the row that it speaks of.
Status Named(const std::string& directory, std::string_view what, const Status& status) {
  if (status.ok()) return status;
  return Status(status.code(), directory + ": " + std::string(what) + ": " + status.message() +
                                   "; run `espy verify`");
}

}  // namespace

Result<Record> RocksStore::GetItem(ItemId id, const Snapshot* snapshot) {
  const std::shared_ptr<RocksDb> db = Db(snapshot);
  rocksdb::PinnableSlice value;
  ESPY_RETURN_IF_ERROR(db->Get(kItems, Key64(id), Of(snapshot), ItemName(id), &value));
  Result<Record> record = ParseRecord(id, value.ToStringView());
  if (!record.ok()) return Named(directory_, ItemName(id), record.status());
  return record;
}

Result<std::vector<Record>> RocksStore::GetItems(std::span<const ItemId> ids,
                                                 const Snapshot* snapshot) {
  const std::shared_ptr<RocksDb> db = Db(snapshot);
  const std::size_t n = ids.size();
  std::vector<std::string> keys(n);
  std::vector<rocksdb::Slice> slices(n);
  for (std::size_t i = 0; i < n; ++i) slices[i] = keys[i] = Key64(ids[i]);
  std::vector<rocksdb::PinnableSlice> values(n);
  std::vector<rocksdb::Status> statuses(n);
  rocksdb::ReadOptions read;
  read.snapshot = Of(snapshot);
  (*db)->MultiGet(read, db->handle(kItems), n, slices.data(), values.data(), statuses.data());
  std::vector<Record> records;
  records.reserve(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (statuses[i].IsNotFound()) {
      return Status::NotFound(ItemName(ids[i]) + ": is not in the library");
    }
    ESPY_RETURN_IF_ERROR(db->ToStatus(statuses[i]));
    Result<Record> record = ParseRecord(ids[i], values[i].ToStringView());
    if (!record.ok()) return Named(directory_, ItemName(ids[i]), record.status());
    records.push_back(std::move(record).value());
  }
  return records;
}

Result<ItemId> RocksStore::FindHash(const ContentHash& hash, const Snapshot* snapshot) {
  const std::shared_ptr<RocksDb> db = Db(snapshot);
  rocksdb::PinnableSlice value;
  const std::string what = "content " + FormatContentHash(hash);
  ESPY_RETURN_IF_ERROR(db->Get(kHashes, HashKey(hash), Of(snapshot), what, &value));
  Result<ItemId> id = ParseItemRef(value.ToStringView());
  if (!id.ok()) return Named(directory_, what, id.status());
  return id;
}

Result<PathRow> RocksStore::GetPath(std::string_view path, const Snapshot* snapshot) {
  const std::shared_ptr<RocksDb> db = Db(snapshot);
  rocksdb::PinnableSlice value;
  ESPY_RETURN_IF_ERROR(db->Get(kPaths, path, Of(snapshot), path, &value));
  Result<PathRow> row = ParsePathRow(value.ToStringView());
  if (!row.ok()) return Named(directory_, path, row.status());
  return row;
}

Status RocksStore::GetVector(SpaceNumber space, ItemId id, std::vector<std::uint16_t>* half,
                             const Snapshot* snapshot) {
  const std::shared_ptr<RocksDb> db = Db(snapshot);
  rocksdb::PinnableSlice value;
  ESPY_RETURN_IF_ERROR(
      db->Get(kVectors, VectorKey(space, id), Of(snapshot), "vector of " + ItemName(id), &value));
  return Named(directory_, "vector of " + ItemName(id), ParseVector(value.ToStringView(), half));
}

Status RocksStore::GetFp32Vector(SpaceNumber space, ItemId id, std::vector<float>* vector,
                                 const Snapshot* snapshot) {
  rocksdb::PinnableSlice value;
  ESPY_RETURN_IF_ERROR(
      db_->Get(kVectors, VectorKey(space, id), Of(snapshot), "vector of " + ItemName(id), &value));
  return Named(directory_, "vector of " + ItemName(id),
               ParseFp32Vector(value.ToStringView(), vector));
}

Result<std::string> RocksStore::GetThumbnail(ItemId id) {
  const std::shared_ptr<RocksDb> db = Db();
  rocksdb::PinnableSlice value;
  ESPY_RETURN_IF_ERROR(
      db->Get(kThumbnails, Key64(id), nullptr, "thumbnail of " + ItemName(id), &value));
  const Result<std::string_view> jpeg = ParseThumbnail(value.ToStringView());
  if (!jpeg.ok()) return Named(directory_, "thumbnail of " + ItemName(id), jpeg.status());
  return std::string(*jpeg);
}

Result<FailureRow> RocksStore::GetFailure(std::string_view path) {
  const std::shared_ptr<RocksDb> db = Db();
  rocksdb::PinnableSlice value;
  ESPY_RETURN_IF_ERROR(db->Get(kJournal, path, nullptr, path, &value));
  Result<FailureRow> row = ParseFailure(value.ToStringView());
  if (!row.ok()) return Named(directory_, path, row.status());
  return row;
}

Status RocksStore::Scan(
    Family family, std::string_view start, std::string_view prefix, const Snapshot* snapshot,
    const std::function<Result<bool>(std::string_view, std::string_view)>& row) {
  const std::shared_ptr<RocksDb> db = Db(snapshot);
  if (db->handle(family) == nullptr) return Status::Ok();
  rocksdb::ReadOptions read = ScanOptions(Of(snapshot));
  const std::string end = PrefixEnd(std::string(prefix));
  const rocksdb::Slice end_slice(end);
  if (!end.empty()) read.iterate_upper_bound = &end_slice;
  const std::unique_ptr<rocksdb::Iterator> it((*db)->NewIterator(read, db->handle(family)));
  for (it->Seek(std::max(start, prefix)); it->Valid(); it->Next()) {
    ESPY_ASSIGN_OR_RETURN(const bool more,
                          row(it->key().ToStringView(), it->value().ToStringView()));
    if (!more) return Status::Ok();
  }
  return db->ToStatus(it->status());
}

Status RocksStore::ScanItems(const std::function<bool(const Record&)>& row,
                             const Snapshot* snapshot, ItemId after) {
  if (after == UINT64_MAX) return Status::Ok();
  const std::string start = after == kNoItem ? std::string() : Key64(after + 1);
  return Scan(
      kItems, start, {}, snapshot,
      [&](std::string_view key, std::string_view value) -> Result<bool> {
        ItemId id = kNoItem;
        if (!ParseKey64(key, &id)) {
          return Status::Corruption(directory_ + ": an item's key is damaged; run `espy verify`");
        }
        const Result<Record> record = ParseRecord(id, value);
        if (!record.ok()) return Named(directory_, ItemName(id), record.status());
        return row(*record);
      });
}

Status RocksStore::ScanPaths(std::string_view prefix,
                             const std::function<bool(std::string_view, const PathRow&)>& row,
                             const Snapshot* snapshot) {
  return Scan(kPaths, prefix, prefix, snapshot,
              [&](std::string_view key, std::string_view value) -> Result<bool> {
                const Result<PathRow> path = ParsePathRow(value);
                if (!path.ok()) return Named(directory_, key, path.status());
                return row(key, *path);
              });
}

Status RocksStore::ScanVectors(
    SpaceNumber space, const std::function<bool(ItemId, std::span<const std::uint16_t>)>& row,
    const Snapshot* snapshot) {
  return ScanVectorsBetween(space, 0, UINT64_MAX, row, snapshot);
}

Status RocksStore::ScanVectorsBetween(
    SpaceNumber space, ItemId first, ItemId last,
    const std::function<bool(ItemId, std::span<const std::uint16_t>)>& row,
    const Snapshot* snapshot) {
  std::vector<std::uint16_t> half;
  return Scan(
      kVectors, VectorKey(space, first), SpacePrefix(space), snapshot,
      [&](std::string_view key, std::string_view value) -> Result<bool> {
        SpaceNumber number = 0;
        ItemId id = kNoItem;
        if (!ParseVectorKey(key, &number, &id)) {
          return Status::Corruption(directory_ + ": a vector's key is damaged; run `espy verify`");
        }
        if (id > last) return false;
        const Status parsed = ParseVector(value, &half);
        if (!parsed.ok()) return Named(directory_, "vector of " + ItemName(id), parsed);
        return row(id, half);
      });
}

Status RocksStore::ScanLog(std::uint64_t after_seq, const std::function<bool(const LogEntry&)>& row,
                           const Snapshot* snapshot) {
  if (after_seq == UINT64_MAX) return Status::Ok();
  return Scan(
      kLog, Key64(after_seq + 1), {}, snapshot,
      [&](std::string_view key, std::string_view value) -> Result<bool> {
        std::uint64_t seq = 0;
        if (!ParseKey64(key, &seq)) {
          return Status::Corruption(directory_ + ": a log key is damaged; run `espy verify`");
        }
        const Result<LogEntry> entry = ParseLogEntry(seq, value);
        if (!entry.ok()) {
          return Named(directory_, "change " + std::to_string(seq), entry.status());
        }
        return row(*entry);
      });
}

Status RocksStore::ScanFailures(
    const std::function<bool(std::string_view, const FailureRow&)>& row) {
  return Scan(kJournal, {}, {}, nullptr,
              [&](std::string_view key, std::string_view value) -> Result<bool> {
                const Result<FailureRow> failure = ParseFailure(value);
                if (!failure.ok()) return Named(directory_, key, failure.status());
                return row(key, *failure);
              });
}

Result<Store::Counts> RocksStore::Count(const Snapshot* snapshot) {
  Counts counts;
  ESPY_RETURN_IF_ERROR(ScanItems(
      [&](const Record& record) {
        ++counts.items;
        counts.picture_bytes += record.file_bytes;
        return true;
      },
      snapshot, kNoItem));
  const auto count = [](std::uint64_t* rows) {
    return [rows](std::string_view, std::string_view) -> Result<bool> {
      ++*rows;
      return true;
    };
  };
  ESPY_RETURN_IF_ERROR(Scan(kPaths, {}, {}, snapshot, count(&counts.paths)));
  ESPY_RETURN_IF_ERROR(Scan(kJournal, {}, {}, snapshot, count(&counts.failures)));
  return counts;
}

Result<std::vector<UserFieldRow>> RocksStore::UserFields() {
  std::vector<UserFieldRow> fields;
  ESPY_RETURN_IF_ERROR(
      Scan(kMeta, kUserFieldPrefix, kUserFieldPrefix, nullptr,
           [&](std::string_view key, std::string_view) -> Result<bool> {
             key.remove_prefix(kUserFieldPrefix.size());
             if (key.size() < 2 || key[0] < 0 || key[0] > static_cast<char>(UserFieldType::kText)) {
               return true;  // of a later program
             }
             fields.push_back({std::string(key.substr(1)), static_cast<UserFieldType>(key[0])});
             return true;
           }));
  return fields;
}

Result<std::uint64_t> RocksStore::GetSetting(std::string_view name) {
  const std::shared_ptr<RocksDb> db = Db();
  rocksdb::PinnableSlice value;
  const std::string key = std::string(kSettingPrefix).append(name);
  const Status got = db->Get(kMeta, key, nullptr, key, &value);
  if (got.code() == StatusCode::kNotFound) return std::uint64_t{0};
  ESPY_RETURN_IF_ERROR(got);
  const Result<std::uint64_t> number = ParseNumber(value.ToStringView());
  if (!number.ok()) return Named(directory_, key, number.status());
  return number;
}

Status RocksStore::PutSetting(std::string_view name, std::uint64_t value) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  rocksdb::WriteBatch batch;
  ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.Put(
      db_->handle(kMeta), std::string(kSettingPrefix).append(name), EncodeNumber(value))));
  return Write(&batch, options_.sync);
}

Result<std::uint64_t> RocksStore::CountVectors(SpaceNumber space, const Snapshot* snapshot) {
  std::uint64_t vectors = 0;
  const std::string prefix = SpacePrefix(space);
  ESPY_RETURN_IF_ERROR(Scan(kVectors, prefix, prefix, snapshot,
                            [&](std::string_view, std::string_view) -> Result<bool> {
                              ++vectors;
                              return true;
                            }));
  return vectors;
}

}  // namespace espy::storage
