// Opening, closing and snapshots.
#include "storage/rocks_store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "base/env.h"
#include "base/logging.h"
#include "base/status_macros.h"
#include "storage/keys.h"
#include "storage/log_tail.h"
#include "storage/manifest_mark.h"
#include "storage/rows.h"

namespace espy::storage {
namespace {

constexpr int kReaderAttempts = 10;
constexpr std::uint64_t kFlushAtCloseBytes = 4u << 20;

RocksDb::OpenOptions DbOptions(const StoreOptions& options, const testing::Hooks& hooks) {
  RocksDb::OpenOptions db;
  db.read_only = options.read_only;
  // A log that was cut off at its damage is shorter than the manifest may remember.
  db.check_log_sizes = !options.recover_tail;
  db.hooks = hooks;
  return db;
}

// Opens for reading under another way of treating damage, and says how far the library reaches so.
Result<std::uint64_t> ProbeLastSeq(const std::string& directory, int mode,
                                   const testing::Hooks& hooks) {
  RocksDb::OpenOptions probe;
  probe.read_only = true;
  probe.recovery_mode = mode;
  probe.hooks = hooks;
  ESPY_ASSIGN_OR_RETURN(const std::shared_ptr<RocksDb> db, RocksDb::Open(directory, probe));
  return LastSeqIn(*db);
}

// Which manifest is in use, and how long it is: a log is removed only after the manifest has grown.
std::string ManifestMark(const std::string& directory) {
  std::string current;
  std::ifstream(directory + "/db/CURRENT") >> current;
  std::error_code error;
  const auto size = std::filesystem::file_size(directory + "/db/" + current, error);
  return current + ' ' + (error ? "?" : std::to_string(size));
}

// How long a reader looks again at files that its writer replaces meanwhile: a few times, and as
// long as they are seen to move, some seconds.
class ReaderPatience {
 public:
  // False: no further look.
  bool Wait(bool moved) {
    const bool late = std::chrono::steady_clock::now() - began_ > kWhileMoving;
    if (++looks_ >= kReaderAttempts && (!moved || late)) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5 * std::min(looks_, kReaderAttempts)));
    return true;
  }

 private:
  static constexpr std::chrono::seconds kWhileMoving{20};
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  int looks_ = 0;
};

Status FilesMoved(const std::string& directory) {
  return Status::Unavailable(directory +
                             ": its writer replaced files at each look of some seconds; try again");
}

Status DamagedLog(const std::string& directory, const std::string& why) {
  return Status::Corruption(directory + ": the write-ahead log is damaged (" + why +
                            "); run `espy verify --repair`, which keeps every change before the "
                            "damage and says what was lost");
}

// Makes an empty database under another name, and renames it when all its column families are
// there: a program that is killed meanwhile leaves no library that readers would find incomplete.
Status MakeDb(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  const std::string unfinished = directory + kDbBeingMade;
  for (const std::string& leftover : {unfinished, directory + "/db"}) {
    fs::remove_all(leftover, error);  // neither holds data: InspectLibrary has looked
    if (error) return IoStatus(leftover, error.value());
  }
  RocksDb::OpenOptions make;
  make.create = true;
  ESPY_RETURN_IF_ERROR(RocksDb::Open(directory, make).status());
  fs::rename(unfinished, directory + "/db", error);
  if (error) return IoStatus(directory + "/db", error.value());
  return SyncDirectory(directory);
}

}  // namespace

Result<std::uint64_t> LastSeqIn(const RocksDb& db) {
  rocksdb::PinnableSlice value;
  const Status got = db.Get(kMeta, kLastSeqKey, nullptr, "last_seq", &value);
  if (got.code() == StatusCode::kNotFound) return std::uint64_t{0};
  ESPY_RETURN_IF_ERROR(got);
  return ParseNumber(value.ToStringView());
}

Result<std::uint64_t> LogBeginIn(const RocksDb& db) {
  rocksdb::PinnableSlice value;
  const Status got = db.Get(kMeta, kLogBeginKey, nullptr, "log_begin", &value);
  if (got.code() == StatusCode::kNotFound) return std::uint64_t{1};
  ESPY_RETURN_IF_ERROR(got);
  return ParseNumber(value.ToStringView());
}

Result<bool> HasEveryChange(const RocksDb& db, std::uint64_t last) {
  ESPY_ASSIGN_OR_RETURN(const std::uint64_t begin, LogBeginIn(db));
  const std::unique_ptr<rocksdb::Iterator> it(
      db->NewIterator(ScanOptions(nullptr), db.handle(kLog)));
  std::uint64_t changes = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++changes;
  ESPY_RETURN_IF_ERROR(db.ToStatus(it->status()));
  return begin + changes >= last + 1;
}

Result<std::unique_ptr<Store>> Store::Open(const std::string& directory,
                                           const StoreOptions& options) {
  return RocksStore::Open(directory, options, {});
}

namespace testing {
Result<std::unique_ptr<Store>> OpenWithHooks(const std::string& directory,
                                             const StoreOptions& options, const Hooks& hooks) {
  return RocksStore::Open(directory, options, hooks);
}
}  // namespace testing

Result<std::unique_ptr<Store>> RocksStore::Open(const std::string& directory,
                                                const StoreOptions& options,
                                                const testing::Hooks& hooks) {
  if (options.read_only && (options.create_if_missing || options.recover_tail)) {
    return Status::InvalidArgument(
        directory + ": a library open for reading only can be neither made nor mended");
  }
  ESPY_ASSIGN_OR_RETURN(LibraryState state, InspectLibrary(directory));
  if (state != LibraryState::kPresent && !options.create_if_missing) {
    return Status::NotFound(directory + ": there is no library here; `espy ingest` makes one");
  }
  std::unique_ptr<RocksStore> store(new RocksStore(directory, options));
  store->hooks_ = hooks;
  if (hooks.write_buffer_bytes > 0) store->flush_bytes_ = hooks.write_buffer_bytes;
  if (!options.read_only) {
    if (state == LibraryState::kAbsent) {
      std::error_code error;
      std::filesystem::create_directories(directory, error);
      if (error) return IoStatus(directory, error.value());
    }
    ESPY_ASSIGN_OR_RETURN(store->lock_, LibraryLock::Take(directory));
    // Another process may have made the library before the lock was ours.
    ESPY_ASSIGN_OR_RETURN(state, InspectLibrary(directory));
    if (state != LibraryState::kPresent) ESPY_RETURN_IF_ERROR(WriteFormat(directory));
  }
  if (state == LibraryState::kPresent) ESPY_RETURN_IF_ERROR(CheckManifest(directory));
  // Before the database is read: a writer beside a reader moves the mark after it has written the
  // log.
  const std::optional<std::uint64_t> mark = AckedMark::Read(directory);
  const std::uint64_t acked = mark.value_or(0);
  std::uint64_t reached = acked;
  if (options.recover_tail) {
    ESPY_RETURN_IF_ERROR(KeepDamagedLogs(directory));
    const Result<std::uint64_t> around = ProbeLastSeq(directory, 3, hooks);
    if (around.ok()) reached = std::max(reached, *around);
    ESPY_RETURN_IF_ERROR(CutDamage(directory));
  }
  if (state != LibraryState::kPresent) ESPY_RETURN_IF_ERROR(MakeDb(directory));
  std::uint64_t last = 0;
  // A writer that flushes between a reader's look at the manifest and its look for logs has removed
  // a log that the older manifest still counted on, and newer logs may be there: then the end is
  // missing, or something before the end.
  for (ReaderPatience patience;;) {
    const std::string manifest = ManifestMark(directory);
    if (options.read_only) store->seen_files_ = FilesMark(directory);
    ESPY_ASSIGN_OR_RETURN(store->db_, OpenDb(directory, options, hooks, mark));
    ESPY_ASSIGN_OR_RETURN(last, LastSeqIn(*store->db_));
    if (!options.read_only) break;
    bool whole = last >= acked;
    if (whole && ManifestMark(directory) != manifest) {
      ESPY_ASSIGN_OR_RETURN(whole, HasEveryChange(*store->db_, last));
    }
    if (whole) break;
    const bool moved = ManifestMark(directory) != manifest;
    if (!patience.Wait(moved)) {
      if (moved) return FilesMoved(directory);
      break;  // told below
    }
  }
  store->last_seq_.store(last, std::memory_order_release);
  // One that cannot be read is named by verify; nothing is trimmed then.
  const Result<std::uint64_t> log_begin = LogBeginIn(*store->db_);
  store->log_begin_.store(log_begin.ok() ? *log_begin : 1, std::memory_order_release);
  if (options.recover_tail) {
    if (reached > last) {
      store->lost_ = LostChanges{last + 1, reached};
      Log(LogLevel::kWarning, directory + ": changes " + std::to_string(last + 1) + " to " +
                                  std::to_string(reached) +
                                  " were lost with the damaged log; ingest the pictures again");
    }
  } else if (last < acked) {
    // Nothing has been written yet: what the log still holds is as it was.
    return DamagedLog(directory, "it ends at change " + std::to_string(last) + ", and " +
                                     std::to_string(acked) + " were acknowledged");
  }
  if (!options.read_only && options.sync) {
    ESPY_ASSIGN_OR_RETURN(store->acked_, AckedMark::Open(directory));
    store->acked_->Set(last);
  } else if (!options.read_only) {
    ESPY_RETURN_IF_ERROR(AckedMark::Remove(directory));
  }
  if (options.recover_tail)
    ESPY_RETURN_IF_ERROR(store->Flush());  // and so leave the damaged log behind
  return std::unique_ptr<Store>(std::move(store));
}

Result<std::shared_ptr<RocksDb>> RocksStore::OpenDb(const std::string& directory,
                                                    const StoreOptions& options,
                                                    const testing::Hooks& hooks,
                                                    std::optional<std::uint64_t> mark) {
  RocksDb::OpenOptions db_options = DbOptions(options, hooks);
  std::string manifest = ManifestMark(directory);
  Result<std::shared_ptr<RocksDb>> db = RocksDb::Open(directory, db_options);
  // A writer may replace files between a reader's look at the manifest and its opening them.
  for (ReaderPatience patience; !db.ok() && options.read_only;) {
    const bool moved = ManifestMark(directory) != manifest;
    if (!patience.Wait(moved)) {
      if (moved) return FilesMoved(directory);
      break;
    }
    manifest = ManifestMark(directory);
    db = RocksDb::Open(directory, db_options);
  }
  if (db.ok() || db.status().code() != StatusCode::kCorruption || options.recover_tail) return db;
  // A power cut may tear what was being written. Nothing is behind it, and all that was
  // acknowledged is before it: then it is what a crash leaves, and no damage.
  if (mark && options.read_only) {
    const Result<std::uint64_t> before = ProbeLastSeq(directory, 2, hooks);
    const Result<std::uint64_t> around = ProbeLastSeq(directory, 3, hooks);
    if (before.ok() && around.ok() && *before >= *mark && *around == *before) {
      db_options.recovery_mode = 2;
      return RocksDb::Open(directory, db_options);
    }
  }
  if (mark && !options.read_only) {
    std::string cut;
    ESPY_RETURN_IF_ERROR(CutTornTail(directory, &cut));
    const Result<std::uint64_t> last = ProbeLastSeq(directory, 0, hooks);
    if (!cut.empty() && last.ok() && *last >= *mark) {
      Log(LogLevel::kWarning, directory +
                                  ": the end of its write-ahead log was torn while it was being "
                                  "written; nothing acknowledged was in it");
      ForgetCut(directory, cut);
      return RocksDb::Open(directory, db_options);
    }
    if (!cut.empty()) ESPY_RETURN_IF_ERROR(UndoCut(directory, cut));
  }
  // Damage in the log alone has a remedy of its own; it is the log if reading around the damage
  // works.
  if (ProbeLastSeq(directory, 3, hooks).ok()) return DamagedLog(directory, db.status().message());
  return db;
}

RocksStore::~RocksStore() {
  if (db_ == nullptr || options_.read_only) return;
  // What the log holds is replayed at the next opening; a long log is worth writing out now. If
  // that fails the log still holds it all.
  if (unflushed_bytes_ > kFlushAtCloseBytes) [[maybe_unused]]
    const Status ignored = Flush();
}

std::shared_ptr<const Snapshot> RocksStore::TakeSnapshot() {
  const std::shared_ptr<RocksDb> db = Db();
  const rocksdb::Snapshot* snapshot = (*db)->GetSnapshot();
  rocksdb::PinnableSlice value;
  std::uint64_t seq = 0;
  if (db->Get(kMeta, kLastSeqKey, snapshot, "last_seq", &value).ok()) {
    if (const Result<std::uint64_t> parsed = ParseNumber(value.ToStringView()); parsed.ok()) {
      seq = *parsed;
    }
  }
  return std::make_shared<const Snapshot>(db, snapshot, seq);
}

Status RocksStore::Flush() {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  std::lock_guard lock(write_mutex_);  // no commit in between: all families at one point of the log
  unflushed_bytes_ = 0;
  return db_->ToStatus((*db_)->Flush(rocksdb::FlushOptions(), db_->own_handles()));
}

Status RocksStore::CompactAll() {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  rocksdb::CompactRangeOptions compact;
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  compact.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  compact.blob_garbage_collection_age_cutoff = 1.0;
  // Compacting writes out the memtable of its family alone. All of them are written out before, so
  // that there is little to be ahead with, and after, so that none is.
  ESPY_RETURN_IF_ERROR(Flush());
  for (rocksdb::ColumnFamilyHandle* handle : db_->own_handles()) {
    ESPY_RETURN_IF_ERROR(db_->ToStatus((*db_)->CompactRange(compact, handle, nullptr, nullptr)));
  }
  return Flush();
}

Result<std::uint64_t> RocksStore::DiskBytes() {
  Env* env = Env::Default();
  std::uint64_t bytes = 0;
  std::vector<std::string> folders = {directory_};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    const Result<std::vector<std::string>> names = env->ListDirectory(folder);
    if (!names.ok() && folder == directory_) return names.status();
    for (std::size_t i = 0; names.ok() && i < names->size(); ++i) {
      const std::string path = folder + "/" + (*names)[i];
      const Result<FileFacts> facts = env->Stat(path);
      if (!facts.ok()) continue;  // a file that compaction removes meanwhile counts nothing
      if (facts->kind == FileFacts::Kind::kDirectory) folders.push_back(path);
      if (facts->kind == FileFacts::Kind::kFile) bytes += facts->size;
    }
  }
  return bytes;
}

}  // namespace espy::storage
