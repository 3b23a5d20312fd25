// Segments and manifests: bytes whose length and CRC-32C are checked before anyone reads them. A
// chunk is not synced by itself: the manifest that names it is, and the log carries both in their
// order.
#include "base/status_macros.h"
#include "storage/keys.h"
#include "storage/rocks_store.h"
#include "storage/rows.h"

namespace espy::storage {
namespace {

Status PutSegmentRow(const RocksDb& db, rocksdb::WriteBatch* batch, const std::string& key,
                     std::string_view bytes) {
  const std::string header = EncodeSegmentHeader(bytes);
  const rocksdb::Slice key_part(key);
  const rocksdb::Slice value_parts[] = {header, bytes};
  return db.ToStatus(batch->Put(db.handle(kSegments), rocksdb::SliceParts(&key_part, 1),
                                rocksdb::SliceParts(value_parts, 2)));
}

Result<std::string> GetSegmentRow(const RocksDb& db, const std::string& directory,
                                  const std::string& key, const std::string& what) {
  rocksdb::PinnableSlice value;
  ESPY_RETURN_IF_ERROR(db.Get(kSegments, key, nullptr, what, &value));
  const Result<std::string_view> bytes = ParseSegmentValue(value.ToStringView());
  if (!bytes.ok()) {
    return Status(bytes.status().code(), directory + ": " + what + ": " + bytes.status().message() +
                                             "; run `espy rebuild`");
  }
  return std::string(*bytes);
}

Status DeleteSegmentRows(const RocksDb& db, rocksdb::WriteBatch* batch, SpaceNumber space,
                         std::uint64_t segment) {
  for (const std::string& prefix : {SegmentPrefix(space, segment), ListsPrefix(space, segment)}) {
    ESPY_RETURN_IF_ERROR(
        db.ToStatus(batch->DeleteRange(db.handle(kSegments), prefix, PrefixEnd(prefix))));
  }
  return db.ToStatus(batch->Delete(db.handle(kSegments), MarkKey(space, segment)));
}

std::string ChunkName(std::uint64_t segment, std::uint32_t chunk) {
  return "chunk " + std::to_string(chunk) + " of segment " + std::to_string(segment);
}

}  // namespace

Status RocksStore::PutManifest(SpaceNumber space, std::string_view bytes,
                               std::span<const std::uint64_t> gone) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  rocksdb::WriteBatch batch;
  for (const std::uint64_t segment : gone) {
    ESPY_RETURN_IF_ERROR(DeleteSegmentRows(*db_, &batch, space, segment));
  }
  ESPY_RETURN_IF_ERROR(PutSegmentRow(*db_, &batch, ManifestKey(space), bytes));
  return Write(&batch, options_.sync);
}

Status RocksStore::DeleteSegments(SpaceNumber space) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  rocksdb::WriteBatch batch;
  const std::string begin = SpacePrefix(space);
  ESPY_RETURN_IF_ERROR(
      db_->ToStatus(batch.DeleteRange(db_->handle(kSegments), begin, PrefixEnd(begin))));
  return Write(&batch, options_.sync);
}

Result<std::string> RocksStore::GetManifest(SpaceNumber space) {
  const std::shared_ptr<RocksDb> db = Db();
  return GetSegmentRow(*db, directory_, ManifestKey(space),
                       "manifest of space " + std::to_string(space));
}

Status RocksStore::PutChunk(SpaceNumber space, std::uint64_t segment, std::uint32_t chunk,
                            std::string_view bytes) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  if (bytes.size() > kMaxChunkBytes) {
    return Status::InvalidArgument(ChunkName(segment, chunk) + ": is longer than 4 MiB");
  }
  rocksdb::WriteBatch batch;
  ESPY_RETURN_IF_ERROR(PutSegmentRow(*db_, &batch, ChunkKey(space, segment, chunk), bytes));
  ESPY_RETURN_IF_ERROR(PutSegmentRow(*db_, &batch, MarkKey(space, segment), {}));
  return Write(&batch, false);
}

Result<std::string> RocksStore::GetChunk(SpaceNumber space, std::uint64_t segment,
                                         std::uint32_t chunk) {
  const std::shared_ptr<RocksDb> db = Db();
  return GetSegmentRow(*db, directory_, ChunkKey(space, segment, chunk), ChunkName(segment, chunk));
}

Status RocksStore::DeleteSegment(SpaceNumber space, std::uint64_t segment) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  rocksdb::WriteBatch batch;
  ESPY_RETURN_IF_ERROR(DeleteSegmentRows(*db_, &batch, space, segment));
  ESPY_RETURN_IF_ERROR(Write(&batch, false));
  // The family holds few and long rows, so that nothing would compact it; this drops blob files
  // that are wholly dead. RocksDB writes the family's memtable out first: all of them are, so that
  // none is ahead of the others, which a damaged log could then not be read up to.
  ESPY_RETURN_IF_ERROR(Flush());
  rocksdb::CompactRangeOptions compact;
  compact.exclusive_manual_compaction = false;
  // Down to the last level, so that what died is counted; keys alone are written again.
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  rocksdb::ColumnFamilyHandle* handle = db_->handle(kSegments);
  ESPY_RETURN_IF_ERROR(db_->ToStatus((*db_)->CompactRange(compact, handle, nullptr, nullptr)));
  // Blob files that are dead in part: what lives in them is written again once a third is dead, so
  // two bytes at most for each that is given back.
  std::uint64_t total = 0, dead = 0;
  if (!(*db_)->GetIntProperty(handle, rocksdb::DB::Properties::kTotalBlobFileSize, &total) ||
      !(*db_)->GetIntProperty(handle, rocksdb::DB::Properties::kLiveBlobFileGarbageSize, &dead) ||
      dead * 3 < total) {
    return Status::Ok();
  }
  compact.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  compact.blob_garbage_collection_age_cutoff = 1.0;
  return db_->ToStatus((*db_)->CompactRange(compact, handle, nullptr, nullptr));
}

Result<std::vector<std::uint64_t>> RocksStore::ListSegments(SpaceNumber space) {
  std::vector<std::uint64_t> segments;
  const std::string prefix = MarkPrefix(space);
  ESPY_RETURN_IF_ERROR(Scan(kSegments, prefix, prefix, nullptr,
                            [&](std::string_view key, std::string_view) -> Result<bool> {
                              SpaceNumber of = 0;
                              std::uint64_t segment = 0;
                              if (!ParseMarkKey(key, &of, &segment)) {
                                return Status::Corruption(
                                    directory_ +
                                    ": a segment's mark is damaged; run `espy rebuild`");
                              }
                              segments.push_back(segment);
                              return true;
                            }));
  return segments;
}

}  // namespace espy::storage
