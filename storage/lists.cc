// Lists of an index that are read while searching: small chunks, so that RocksDB's block cache
// holds the lists that are asked for, and many rows by their ids. A list is written before the
// segment that it belongs to, and goes with it.
#include <memory>

#include "base/status_macros.h"
#include "storage/keys.h"
#include "storage/rocks_store.h"
#include "storage/rows.h"

namespace espy::storage {
namespace {

// So many rows are looked up one by one; more are met in passing.
constexpr std::size_t kFewRows = 64;
// Rows passed over before a seek is cheaper.
constexpr int kSteps = 16;

}  // namespace

Status RocksStore::PutListChunk(SpaceNumber space, std::uint64_t segment, std::uint32_t list,
                                std::uint32_t chunk, std::string_view bytes) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  rocksdb::WriteBatch batch;
  const std::string header = EncodeSegmentHeader(bytes);
  const std::string key = ListChunkKey(space, segment, list, chunk);
  const rocksdb::Slice key_part(key);
  const rocksdb::Slice value_parts[] = {header, bytes};
  ESPY_RETURN_IF_ERROR(
      db_->ToStatus(batch.Put(db_->handle(kSegments), rocksdb::SliceParts(&key_part, 1),
                              rocksdb::SliceParts(value_parts, 2))));
  // The mark by which a segment that was never finished is found and deleted.
  if (chunk == 0) {
    ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.Put(db_->handle(kSegments), MarkKey(space, segment),
                                                 EncodeSegmentHeader(std::string_view()))));
  }
  return Write(&batch, false);
}

Status RocksStore::GetList(SpaceNumber space, std::uint64_t segment, std::uint32_t list,
                           const std::function<Status(std::string_view)>& chunk,
                           const Snapshot* snapshot) {
  const std::shared_ptr<RocksDb> db = Db(snapshot);
  const std::string prefix = ListPrefix(space, segment, list);
  const std::string end = PrefixEnd(prefix);
  const rocksdb::Slice bound(end);
  rocksdb::ReadOptions read;
  read.verify_checksums = true;
  read.iterate_upper_bound = &bound;
  read.snapshot = snapshot == nullptr ? nullptr : snapshot->get();
  const std::unique_ptr<rocksdb::Iterator> at((*db)->NewIterator(read, db->handle(kSegments)));
  std::uint32_t next = 0;
  for (at->Seek(prefix); at->Valid(); at->Next(), ++next) {
    const std::string what =
        "list " + std::to_string(list) + " of segment " + std::to_string(segment);
    if (at->key() != ListChunkKey(space, segment, list, next)) {
      return Status::Corruption(directory_ + ": " + what +
                                ": a part is missing; run `espy rebuild`");
    }
    const Result<std::string_view> bytes = ParseSegmentValue(at->value().ToStringView());
    if (!bytes.ok()) {
      return Status(bytes.status().code(), directory_ + ": " + what + ": " +
                                               bytes.status().message() + "; run `espy rebuild`");
    }
    ESPY_RETURN_IF_ERROR(chunk(*bytes));
  }
  return db->ToStatus(at->status());
}

Status RocksStore::GetVectors(
    SpaceNumber space, std::span<const ItemId> ids,
    const std::function<void(std::size_t, std::span<const std::uint16_t>)>& row,
    const Snapshot* snapshot) {
  const std::shared_ptr<RocksDb> db = Db(snapshot);
  std::vector<std::uint16_t> half;
  if (ids.size() <= kFewRows) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const Status got = GetVector(space, ids[i], &half, snapshot);
      if (got.code() == StatusCode::kNotFound) continue;
      ESPY_RETURN_IF_ERROR(got);
      row(i, half);
    }
    return Status::Ok();
  }
  rocksdb::ReadOptions read;
  read.snapshot = snapshot == nullptr ? nullptr : snapshot->get();
  read.verify_checksums = true;
  read.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> at((*db)->NewIterator(read, db->handle(kVectors)));
  bool begun = false;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string key = VectorKey(space, ids[i]);
    int steps = 0;
    while (begun && at->Valid() && at->key().compare(key) < 0 && steps < kSteps) {
      at->Next();
      ++steps;
    }
    if (!begun || (at->Valid() && at->key().compare(key) < 0)) at->Seek(key);
    begun = true;
    if (!at->Valid()) break;
    if (at->key() != rocksdb::Slice(key)) continue;
    const Status parsed = ParseVector(at->value().ToStringView(), &half);
    if (!parsed.ok()) {
      return Status(parsed.code(), directory_ + ": vector of item " + FormatItemId(ids[i]) + ": " +
                                       parsed.message() + "; run `espy verify`");
    }
    row(i, half);
  }
  return db->ToStatus(at->status());
}

}  // namespace espy::storage
