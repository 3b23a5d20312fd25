// What gives back disk space bit by bit: the log's beginning, and files that hold dead values.
#include <rocksdb/convenience.h>
#include <rocksdb/write_batch.h>

#include <algorithm>

#include "base/status_macros.h"
#include "storage/keys.h"
#include "storage/rocks_store.h"
#include "storage/rows.h"

namespace espy::storage {

Status RocksStore::TrimLog(std::uint64_t begin) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  begin = std::min(begin, last_seq());  // the last is where whoever follows the log stands
  if (begin <= log_begin()) return Status::Ok();
  rocksdb::WriteBatch batch;
  // A range that is deleted is one row to a reader, until a compaction drops what is in it.
  ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.DeleteRange(db_->handle(kLog), Key64(0), Key64(begin))));
  ESPY_RETURN_IF_ERROR(
      db_->ToStatus(batch.Put(db_->handle(kMeta), kLogBeginKey, EncodeNumber(begin))));
  ESPY_RETURN_IF_ERROR(Write(&batch, options_.sync));
  log_begin_.store(begin, std::memory_order_release);
  // Files that hold nothing else go at once.
  const std::string from = Key64(0), to = Key64(begin);
  const rocksdb::Slice first(from), last(to);
  return db_->ToStatus(rocksdb::DeleteFilesInRange(db_->get(), db_->handle(kLog), &first, &last,
                                                   /*include_end=*/false));
}

Store::DeadSpace RocksStore::CountDead() {
  const std::shared_ptr<RocksDb> db = Db();
  DeadSpace space;
  // Of thumbnails alone: segments are few and long, and the builder drops them whole.
  std::uint64_t total = 0, dead = 0;
  rocksdb::ColumnFamilyHandle* handle = db->handle(kThumbnails);
  if ((*db)->GetIntProperty(handle, rocksdb::DB::Properties::kTotalBlobFileSize, &total) &&
      (*db)->GetIntProperty(handle, rocksdb::DB::Properties::kLiveBlobFileGarbageSize, &dead)) {
    space.dead = std::min(dead, total);
    space.total = total;
  }
  return space;
}

Status RocksStore::CompactSlice(std::uint32_t slice, std::uint32_t slices) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  if (slice >= slices) return Status::InvalidArgument("compact: there is no such part");
  // Items' numbers fill 63 bits evenly.
  const std::uint64_t width = (std::uint64_t{1} << 63) / slices;
  const std::string from = Key64(slice * width);
  const std::string to = slice + 1 == slices ? Key64(UINT64_MAX) : Key64((slice + 1) * width);
  const rocksdb::Slice begin(from), end(to);
  rocksdb::CompactRangeOptions compact;
  compact.exclusive_manual_compaction = false;
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  compact.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  compact.blob_garbage_collection_age_cutoff = 1.0;
  // All memtables at one point of the log, as everywhere (CompactAll).
  ESPY_RETURN_IF_ERROR(Flush());
  for (const Family family : {kThumbnails, kItems}) {
    ESPY_RETURN_IF_ERROR(
        db_->ToStatus((*db_)->CompactRange(compact, db_->handle(family), &begin, &end)));
  }
  return Status::Ok();
}

}  // namespace espy::storage
