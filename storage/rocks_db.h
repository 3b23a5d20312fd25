// A library's RocksDB, opened: its column families, options and errors. Only storage/*.cc includes
// this.
#ifndef ESPY_STORAGE_ROCKS_DB_H_
#define ESPY_STORAGE_ROCKS_DB_H_

#include <rocksdb/db.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"
#include "storage/store.h"
#include "storage/testing.h"

namespace espy::storage {

// The column families of format 1. Their names are on disk; the numbers are not. From kLater on a
// library may lack them: a writer makes them, to a reader they are empty.
enum Family : std::size_t {
  kItems,
  kPaths,
  kHashes,
  kVectors,
  kLog,
  kSegments,
  kThumbnails,
  kJournal,
  kMeta,
  kLater,
  kClicks = kLater,
  kFamilies
};
std::string_view FamilyName(Family family);

// The database and its handles; closed when the last holder (the store, a snapshot, a running scan)
// lets go.
// A new database, until every column family is in it: below the library's directory.
inline constexpr const char* kDbBeingMade = "/db.new";

class RocksDb {
 public:
  // Of all families together; then they are written out.
  static constexpr std::uint64_t kMemtableBytes = 32u << 20;

  struct OpenOptions {
    bool create = false;  // makes it as kDbBeingMade; the caller gives it its name when it is whole
    bool read_only = false;
    // 0: a damaged log is refused, except for a record cut short at its very end. 2: it is read up
    // to the damage. 3: around the damage, to learn what was there; for reading only.
    int recovery_mode = 0;
    bool check_log_sizes = true;  // against those that the manifest remembers of closed logs
    testing::Hooks hooks;
  };
  static Result<std::shared_ptr<RocksDb>> Open(const std::string& directory,
                                               const OpenOptions& options);
  ~RocksDb();
  RocksDb(const RocksDb&) = delete;
  RocksDb& operator=(const RocksDb&) = delete;

  rocksdb::DB* operator->() const { return db_.get(); }
  rocksdb::DB* get() const { return db_.get(); }
  rocksdb::ColumnFamilyHandle* handle(Family family) const { return handles_[family]; }
  std::vector<rocksdb::ColumnFamilyHandle*> own_handles() const;

  // Makes the database writable again after a write failed. RocksDB does so by writing its
  // memtables out and beginning a new log. With nothing in them it would keep the log that failed,
  // and trips over that, and with some of them waiting to be written out it may wait for ever: then
  // only opening the library again helps, and this says so.
  Status Resume();
  bool log_broken() const { return log_broken_; }

  // Reads one row; NotFound carries `what` ("item 00ab...").
  Status Get(Family family, const rocksdb::Slice& key, const rocksdb::Snapshot* snapshot,
             std::string_view what, rocksdb::PinnableSlice* value) const;

  // Many rows at once; a value that is absent is left empty.
  Status MultiGet(Family family, const std::vector<rocksdb::Slice>& keys,
                  std::vector<rocksdb::PinnableSlice>* values) const;

  // A status of RocksDB as one of ours, with the directory and what to do.
  Status ToStatus(const rocksdb::Status& status) const { return ToStatus(status, directory_); }
  static Status ToStatus(const rocksdb::Status& status, const std::string& directory);

 private:
  RocksDb() = default;

  std::string directory_;
  std::atomic<bool> log_broken_{false};  // set by RocksDB's threads
  std::unique_ptr<rocksdb::Env> env_;    // around the file system that notes MANIFESTs
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilies> handles_{};
  std::vector<rocksdb::ColumnFamilyHandle*>
      all_handles_;  // with those of rooms this program does not know
};

// Reads one column family in key order; blocks are checked against their checksums, and left out of
// the cache.
rocksdb::ReadOptions ScanOptions(const rocksdb::Snapshot* snapshot);

}  // namespace espy::storage

#endif  // ESPY_STORAGE_ROCKS_DB_H_
