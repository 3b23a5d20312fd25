#include "storage/rocks_db.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <map>

#include "base/logging.h"
#include "base/status_macros.h"
#include "storage/library_files.h"
#include "storage/manifest_mark.h"

namespace espy::storage {
namespace {

constexpr std::array<std::string_view, kFamilies> kNames = {
    "items",    "paths",      "hashes",  "vectors", "log",
    "segments", "thumbnails", "journal", "meta",    "clicks"};

// Memory: block cache 32 MB + memtables 32 MB (they are flushed together at that size) + one of
// each being flushed or compacted (at most 32 MB more) + file buffers and indexes: under 150 MB for
// any library.
constexpr std::size_t kBlockCacheBytes = 32u << 20;
constexpr std::uint64_t kFileBytes = 32u << 20;
constexpr std::uint64_t kBlobFileBytes = 64u << 20;

// RocksDB's warnings go to Espy's log hook. Its own LOG file would lie on the library's disk, and
// when that disk is full, Debian's build of RocksDB stops the program at the first line that it
// cannot write there.
class HookLogger final : public rocksdb::Logger {
 public:
  explicit HookLogger(rocksdb::InfoLogLevel level) : rocksdb::Logger(level) {}
  using rocksdb::Logger::Logv;
  __attribute__((format(printf, 2, 0))) void Logv(const char* format, va_list values) override {
    char line[1024];
    std::vsnprintf(line, sizeof(line), format, values);
    Log(LogLevel::kInfo, std::string("rocksdb: ") + line);
  }
};

rocksdb::DBOptions MakeDbOptions(const RocksDb::OpenOptions& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = options.create;
  // A column family is listed in a checksummed manifest, so one that is missing was never made:
  // creation stopped short.
  db.create_missing_column_families = !options.read_only;
  db.paranoid_checks = true;
  db.track_and_verify_wals_in_manifest = options.check_log_sizes;
  db.wal_recovery_mode = static_cast<rocksdb::WALRecoveryMode>(options.recovery_mode);
  db.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  // Memtables are written out by the store, all families at one point of the log (commit.cc). No
  // limit here may do so for one family alone, which would then be ahead of the others.
  db.db_write_buffer_size = 0;
  db.max_total_wal_size = 1u << 30;
  // Every file stays open: a reader beside a writer keeps what the writer deletes.
  db.max_open_files = -1;
  db.max_background_jobs = 2;
  db.max_file_opening_threads = 2;
  // Quick to open and close: no statistics are read, and what the log holds is not written a second
  // time.
  db.skip_stats_update_on_db_open = true;
  db.avoid_flush_during_recovery = true;
  db.avoid_flush_during_shutdown = true;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  // In a database that is being made everything is missing, and RocksDB says so of each file.
  db.info_log = std::make_shared<HookLogger>(options.create ? rocksdb::InfoLogLevel::FATAL_LEVEL
                                                            : rocksdb::InfoLogLevel::WARN_LEVEL);
  db.max_manifest_file_size = 4u << 20;
  db.bytes_per_sync = 1u << 20;
  // It would set aside as much as a memtable may hold, 280 MB, for every log.
  db.allow_fallocate = false;
  return db;
}

// LZ4 where RocksDB was built with it. A build without reads no library that was written with it,
// and says so.
rocksdb::CompressionType Packing() {
  const std::vector<rocksdb::CompressionType> known = rocksdb::GetSupportedCompressions();
  const bool has = std::find(known.begin(), known.end(), rocksdb::kLZ4Compression) != known.end();
  return has ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

rocksdb::ColumnFamilyOptions MakeFamilyOptions(std::string_view name,
                                               const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = name == "vectors" ? 32u << 10 : 8u << 10;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;

  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.write_buffer_size = 8 * RocksDb::kMemtableBytes;
  family.target_file_size_base = kFileBytes;
  family.max_bytes_for_level_base = 4 * kFileBytes;
  family.level_compaction_dynamic_level_bytes = true;
  if (name == "items" || name == "paths" || name == "hashes") {
    // What is taken in is looked for first, and seldom there: half a megabyte of filter answers.
    family.memtable_whole_key_filtering = true;
    family.memtable_prefix_bloom_size_ratio = 0.002;
  }
  // Vectors, hashes, JPEGs and graphs do not compress. Records, paths and the log do: a block of
  // them is unpacked in a few microseconds.
  const bool repeats = name == "items" || name == "paths" || name == "log" || name == "journal";
  family.compression = repeats ? Packing() : rocksdb::kNoCompression;
  if (name == "thumbnails" || name == "segments") {
    // Large values lie in blob files, so that compaction moves only their keys.
    family.enable_blob_files = true;
    family.min_blob_size = 4096;
    family.blob_file_size = kBlobFileBytes;
    // A blob file goes when nothing refers to it; CompactAll rewrites half-empty
    // ones, upkeep and DeleteSegment those that are dead in part (upkeep.cc, segments.cc).
    family.enable_blob_garbage_collection = true;
    family.blob_garbage_collection_age_cutoff = 0.0;
  }
  return family;
}

// RocksDB would probe a full disk by itself every few seconds, and refuse until then. Here the next
// commit asks: it is the moment at which someone wants to know.
class ErrorListener final : public rocksdb::EventListener {
 public:
  explicit ErrorListener(std::atomic<bool>* log_broken) : log_broken_(log_broken) {}
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status*) override {
    if (reason == rocksdb::BackgroundErrorReason::kWriteCallback) *log_broken_ = true;
  }

 private:
  std::atomic<bool>* const log_broken_;
};

Status Try(const rocksdb::Status& status, const std::string& directory) {
  return RocksDb::ToStatus(status, directory);
}

}  // namespace

std::string_view FamilyName(Family family) { return kNames[family]; }

Status RocksDb::ToStatus(const rocksdb::Status& status, const std::string& directory) {
  if (status.ok()) return Status::Ok();
  const std::string why = directory + "/db: " + status.ToString();
  if (status.IsPathNotFound()) {
    return Status::Corruption(why + "; a file is missing: restore the library from a backup");
  }
  if (status.IsNotFound()) return Status::NotFound(why);
  if (status.IsCorruption()) {
    return Status::Corruption(why +
                              "; run `espy verify` to see how much is damaged, then restore "
                              "the library from a backup or ingest the pictures again");
  }
  if (status.IsNoSpace()) {
    return Status::IoError(why + "; free space on the disk that holds " + directory +
                           ", then run it again");
  }
  if (status.IsIOError()) {
    return Status::IoError(why + "; check the disk and permissions of " + directory +
                           ", then run it again");
  }
  if (status.IsBusy() || status.IsTimedOut() || status.IsTryAgain() ||
      status.IsShutdownInProgress()) {
    return Status::Unavailable(why + "; run it again");
  }
  if (status.IsNotSupported()) return Status::Unsupported(why);
  if (status.IsMemoryLimit()) return Status::ResourceExhausted(why);
  if (status.IsInvalidArgument()) {
    return Status::Corruption(why +
                              "; its files do not belong together: restore the library from "
                              "a backup");
  }
  return Status::IoError(why + "; run it again");
}

Result<std::shared_ptr<RocksDb>> RocksDb::Open(const std::string& directory,
                                               const OpenOptions& options) {
  std::shared_ptr<RocksDb> self(new RocksDb());
  self->directory_ = directory;
  const std::string path = directory + (options.create ? kDbBeingMade : "/db");

  rocksdb::DBOptions db_options = MakeDbOptions(options);
  db_options.max_bgerror_resume_count = 0;
  db_options.listeners.push_back(std::make_shared<ErrorListener>(&self->log_broken_));
  auto files = std::static_pointer_cast<rocksdb::FileSystem>(options.hooks.file_system);
  if (files == nullptr) files = rocksdb::FileSystem::Default();
  if (!options.create && !options.read_only) files = NoteManifests(directory, files);
  self->env_ = rocksdb::NewCompositeEnv(files);
  db_options.env = self->env_.get();

  std::vector<std::string> names;
  if (!options.create) {
    ESPY_RETURN_IF_ERROR(Try(rocksdb::DB::ListColumnFamilies(db_options, path, &names), directory));
    // Families are made one by one, all before the first change is acknowledged. A writer makes the
    // rest; to a reader such a library is not there yet.
    const auto made = [&](std::string_view name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    const bool all_made = std::all_of(kNames.begin(), kNames.begin() + kLater, made);
    if (options.read_only && !all_made && AckedMark::Read(directory).value_or(0) == 0) {
      return Status::NotFound(directory +
                              ": there is no library here yet, its making was interrupted; "
                              "`espy ingest` makes it");
    }
  }
  const auto* const wanted = options.read_only ? kNames.begin() + kLater : kNames.end();
  for (const auto* name = kNames.begin(); name != wanted; ++name) {
    if (std::find(names.begin(), names.end(), *name) == names.end()) names.emplace_back(*name);
  }
  if (std::find(names.begin(), names.end(), rocksdb::kDefaultColumnFamilyName) == names.end()) {
    names.push_back(rocksdb::kDefaultColumnFamilyName);
  }

  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.reserve(names.size());
  for (const std::string& name : names) families.emplace_back(name, MakeFamilyOptions(name, cache));

  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      options.read_only
          ? rocksdb::DB::OpenForReadOnly(db_options, path, families, &self->all_handles_, &db)
          : rocksdb::DB::Open(db_options, path, families, &self->all_handles_, &db);
  ESPY_RETURN_IF_ERROR(Try(opened, directory));
  self->db_.reset(db);
  for (rocksdb::ColumnFamilyHandle* handle : self->all_handles_) {
    const auto* found = std::find(kNames.begin(), kNames.end(), handle->GetName());
    if (found != kNames.end()) self->handles_[found - kNames.begin()] = handle;
  }
  return self;
}

RocksDb::~RocksDb() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : all_handles_) {
    [[maybe_unused]] const rocksdb::Status ignored = db_->DestroyColumnFamilyHandle(handle);
  }
  [[maybe_unused]] const rocksdb::Status ignored = db_->Close();
}

Status RocksDb::Resume() {
  std::uint64_t entries = 0;
  if (log_broken_ && (!db_->GetAggregatedIntProperty(
                          rocksdb::DB::Properties::kNumEntriesActiveMemTable, &entries) ||
                      entries == 0)) {
    return Status::IoError(
        directory_ + "/db: its log could not be written; close the library, then run it again");
  }
  // A flush that was scheduled before the error and began after it leaves its memtable in RocksDB's
  // queue and nobody to take it out: Resume would wait for that memtable for ever.
  for (rocksdb::ColumnFamilyHandle* handle : own_handles()) {
    std::uint64_t pending = 0;
    if (db_->GetIntProperty(handle, rocksdb::DB::Properties::kMemTableFlushPending, &pending) &&
        pending != 0) {
      return Status::IoError(
          directory_ +
          "/db: its tables could not be written; close the library, then run it again");
    }
  }
  ESPY_RETURN_IF_ERROR(ToStatus(db_->Resume()));
  log_broken_ = false;
  return Status::Ok();
}

std::vector<rocksdb::ColumnFamilyHandle*> RocksDb::own_handles() const {
  std::vector<rocksdb::ColumnFamilyHandle*> own(handles_.begin(), handles_.end());
  std::erase(own, nullptr);  // those that a reader's library lacks
  return own;
}

Status RocksDb::Get(Family family, const rocksdb::Slice& key, const rocksdb::Snapshot* snapshot,
                    std::string_view what, rocksdb::PinnableSlice* value) const {
  const auto absent = [&] {
    return Status::NotFound(std::string(what) + ": is not in the library");
  };
  if (handles_[family] == nullptr) return absent();
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;
  const rocksdb::Status status = db_->Get(read, handles_[family], key, value);
  if (status.IsNotFound()) return absent();
  return ToStatus(status);
}

rocksdb::ReadOptions ScanOptions(const rocksdb::Snapshot* snapshot) {
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;
  read.verify_checksums = true;
  read.fill_cache = false;
  read.readahead_size = 1u << 20;
  return read;
}

}  // namespace espy::storage
