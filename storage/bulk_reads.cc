// Reads of many rows at once: what an import asks of a thousand items before it writes them.
#include "base/status_macros.h"
#include "storage/keys.h"
#include "storage/rocks_store.h"
#include "storage/rows.h"

namespace espy::storage {

Status RocksDb::MultiGet(Family family, const std::vector<rocksdb::Slice>& keys,
                         std::vector<rocksdb::PinnableSlice>* values) const {
  std::vector<rocksdb::Status> statuses(keys.size());
  // PinnableSlice moves badly: the caller's are filled where they are.
  db_->MultiGet(rocksdb::ReadOptions(), handles_[family], keys.size(), keys.data(), values->data(),
                statuses.data());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) {
      (*values)[i].Reset();
      continue;
    }
    ESPY_RETURN_IF_ERROR(ToStatus(statuses[i]));
  }
  return Status::Ok();
}

Result<std::vector<ItemId>> RocksStore::FindHashes(std::span<const ContentHash> hashes) {
  const std::shared_ptr<RocksDb> db = Db();
  std::vector<rocksdb::Slice> keys;
  keys.reserve(hashes.size());
  for (const ContentHash& hash : hashes) {
    keys.emplace_back(reinterpret_cast<const char*>(hash.data()), hash.size());
  }
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  ESPY_RETURN_IF_ERROR(db->MultiGet(kHashes, keys, &values));
  std::vector<ItemId> ids(hashes.size(), kNoItem);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].empty()) continue;
    const Result<ItemId> id = ParseItemRef(values[i].ToStringView());
    if (!id.ok()) return FindHash(hashes[i], nullptr).status();  // says where the damage is
    ids[i] = *id;
  }
  return ids;
}

Result<std::vector<PathRow>> RocksStore::FindPaths(std::span<const std::string_view> paths) {
  const std::shared_ptr<RocksDb> db = Db();
  std::vector<rocksdb::Slice> keys(paths.begin(), paths.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  ESPY_RETURN_IF_ERROR(db->MultiGet(kPaths, keys, &values));
  std::vector<PathRow> rows(paths.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].empty()) continue;
    Result<PathRow> row = ParsePathRow(values[i].ToStringView());
    if (!row.ok()) return GetPath(paths[i], nullptr).status();
    rows[i] = *row;
  }
  return rows;
}

Result<std::vector<bool>> RocksStore::HaveItems(std::span<const ItemId> ids) {
  const std::shared_ptr<RocksDb> db = Db();
  std::vector<std::string> bytes;
  bytes.reserve(ids.size());
  for (const ItemId id : ids) bytes.push_back(Key64(id));
  std::vector<rocksdb::Slice> keys(bytes.begin(), bytes.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  ESPY_RETURN_IF_ERROR(db->MultiGet(kItems, keys, &values));
  std::vector<bool> have(ids.size());
  for (std::size_t i = 0; i < values.size(); ++i) have[i] = !values[i].empty();
  return have;
}

}  // namespace espy::storage
