// Store over RocksDB. Methods are divided by job: opening (rocks_store.cc), commit.cc, reads.cc,
// spaces.cc, segments.cc, verify.cc.
#ifndef ESPY_STORAGE_ROCKS_STORE_H_
#define ESPY_STORAGE_ROCKS_STORE_H_

#include <rocksdb/write_batch.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "storage/library_files.h"
#include "storage/rocks_db.h"
#include "storage/store.h"
#include "storage/testing.h"
#include "storage/transaction.h"

namespace espy::storage {

// Keeps the database open while it lives, so it may outlive the store.
class Snapshot {
 public:
  Snapshot(std::shared_ptr<RocksDb> db, const rocksdb::Snapshot* snapshot, std::uint64_t seq)
      : db_(std::move(db)), snapshot_(snapshot), seq_(seq) {}
  ~Snapshot() { (*db_)->ReleaseSnapshot(snapshot_); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  const rocksdb::Snapshot* get() const { return snapshot_; }
  const std::shared_ptr<RocksDb>& db() const { return db_; }
  std::uint64_t seq() const { return seq_; }

 private:
  std::shared_ptr<RocksDb> db_;  // guarded by db_mutex_ when read_only: Refresh exchanges it
  const rocksdb::Snapshot* snapshot_;
  std::uint64_t seq_;
};

// Names and sizes of the files that every write lengthens or replaces.
std::string FilesMark(const std::string& directory);
// The last sequence number that a database holds; 0 in a new one.
Result<std::uint64_t> LastSeqIn(const RocksDb& db);
// The first change that the log is to hold: 1 where it was never trimmed.
Result<std::uint64_t> LogBeginIn(const RocksDb& db);
// Whether the log holds each change from there up to `last`: reads its keys. It does not when a log
// file was removed while the database was being opened beside its writer.
Result<bool> HasEveryChange(const RocksDb& db, std::uint64_t last);

class RocksStore final : public Store {
 public:
  static Result<std::unique_ptr<Store>> Open(const std::string& directory,
                                             const StoreOptions& options,
                                             const testing::Hooks& hooks);
  ~RocksStore() override;

  const std::string& directory() const override { return directory_; }
  std::uint64_t last_seq() const override { return last_seq_.load(std::memory_order_acquire); }
  std::optional<LostChanges> lost() const override { return lost_; }
  Result<bool> Refresh() override;
  std::uint64_t log_begin() const override { return log_begin_.load(std::memory_order_acquire); }

  Result<std::uint64_t> Commit(Transaction transaction) override;

  std::shared_ptr<const Snapshot> TakeSnapshot() override;
  std::uint64_t SeqOf(const Snapshot& snapshot) const override { return snapshot.seq(); }

  Result<Record> GetItem(ItemId id, const Snapshot* snapshot) override;
  Result<std::vector<Record>> GetItems(std::span<const ItemId> ids,
                                       const Snapshot* snapshot) override;
  Result<ItemId> FindHash(const ContentHash& hash, const Snapshot* snapshot) override;
  Result<PathRow> GetPath(std::string_view path, const Snapshot* snapshot) override;
  Status GetVector(SpaceNumber space, ItemId id, std::vector<std::uint16_t>* half,
                   const Snapshot* snapshot) override;
  Result<std::vector<ItemId>> FindHashes(std::span<const ContentHash> hashes) override;
  Result<std::vector<PathRow>> FindPaths(std::span<const std::string_view> paths) override;
  Result<std::vector<bool>> HaveItems(std::span<const ItemId> ids) override;
  Result<std::string> GetThumbnail(ItemId id) override;
  Result<FailureRow> GetFailure(std::string_view path) override;

  Status ScanItems(const std::function<bool(const Record&)>& row, const Snapshot* snapshot,
                   ItemId after) override;
  Status ScanPaths(std::string_view prefix,
                   const std::function<bool(std::string_view, const PathRow&)>& row,
                   const Snapshot* snapshot) override;
  Status ScanVectors(SpaceNumber space,
                     const std::function<bool(ItemId, std::span<const std::uint16_t>)>& row,
                     const Snapshot* snapshot) override;
  Status GetFp32Vector(SpaceNumber space, ItemId id, std::vector<float>* vector,
                       const Snapshot* snapshot) override;
  Status ScanVectorsBetween(SpaceNumber space, ItemId first, ItemId last,
                            const std::function<bool(ItemId, std::span<const std::uint16_t>)>& row,
                            const Snapshot* snapshot) override;
  Status ScanLog(std::uint64_t after_seq, const std::function<bool(const LogEntry&)>& row,
                 const Snapshot* snapshot) override;
  Status ScanFailures(const std::function<bool(std::string_view, const FailureRow&)>& row) override;

  Result<Counts> Count(const Snapshot* snapshot) override;
  Result<std::uint64_t> CountVectors(SpaceNumber space, const Snapshot* snapshot) override;

  Result<std::vector<UserFieldRow>> UserFields() override;
  Result<std::string> TextLanguage() override;
  Status SetTextLanguage(std::string_view language) override;
  Result<std::vector<SpaceRow>> Spaces() override;
  Result<SpaceRow> AddSpace(const SpaceRow& row) override;
  Result<SpaceNumber> CurrentSpace() override;
  Result<SpaceNumber> PreviousSpace() override;
  Status SetSpaceRole(SpaceNumber space, SpaceRole role) override;
  Status SwitchSpace(SpaceNumber space, SpaceRole role_of_previous) override;
  Status DropSpace(SpaceNumber space) override;
  Status FreeDropped(SpaceNumber space) override;

  Result<RecallRow> GetRecall(SpaceNumber space) override;
  Status PutRecall(SpaceNumber space, const RecallRow& row) override;
  Result<double> GetRecallTarget() override;
  Status PutRecallTarget(double target) override;

  Result<AdapterRow> GetAdapter(SpaceNumber space) override;
  Status PutAdapter(SpaceNumber space, const AdapterRow& row) override;
  Status DeleteAdapter(SpaceNumber space) override;

  Result<PageRow> GetPage(QueryId query) override;
  Result<FeedbackRow> GetFeedback(QueryId query, ItemId item) override;
  Status ScanPages(QueryId after, const std::function<bool(const PageRow&)>& row,
                   const Snapshot* snapshot) override;
  Status ScanFeedback(QueryId after, const std::function<bool(const FeedbackRow&)>& row,
                      const Snapshot* snapshot) override;
  Status DropPages(QueryId before) override;
  Result<std::string> GetPolicy(std::uint64_t version) override;
  Result<std::vector<std::uint64_t>> ListPolicies() override;

  Result<std::uint64_t> GetSetting(std::string_view name) override;
  Status PutSetting(std::string_view name, std::uint64_t value) override;

  Status PutManifest(SpaceNumber space, std::string_view bytes,
                     std::span<const std::uint64_t> gone) override;
  Status DeleteSegments(SpaceNumber space) override;
  Result<std::string> GetManifest(SpaceNumber space) override;
  Status PutChunk(SpaceNumber space, std::uint64_t segment, std::uint32_t chunk,
                  std::string_view bytes) override;
  Status PutListChunk(SpaceNumber space, std::uint64_t segment, std::uint32_t list,
                      std::uint32_t chunk, std::string_view bytes) override;
  Status GetList(SpaceNumber space, std::uint64_t segment, std::uint32_t list,
                 const std::function<Status(std::string_view)>& chunk,
                 const Snapshot* snapshot) override;
  Status GetVectors(SpaceNumber space, std::span<const ItemId> ids,
                    const std::function<void(std::size_t, std::span<const std::uint16_t>)>& row,
                    const Snapshot* snapshot) override;
  Result<std::string> GetChunk(SpaceNumber space, std::uint64_t segment,
                               std::uint32_t chunk) override;
  Status DeleteSegment(SpaceNumber space, std::uint64_t segment) override;
  Result<std::vector<std::uint64_t>> ListSegments(SpaceNumber space) override;

  Result<BackupReport> Backup(const BackupOptions& options, const ProgressFn& progress,
                              const std::stop_token& stop) override;

  Status Flush() override;
  Status CompactAll() override;
  Status TrimLog(std::uint64_t begin) override;
  DeadSpace CountDead() override;
  Status CompactSlice(std::uint32_t slice, std::uint32_t slices) override;
  Result<std::vector<std::string>> Verify(bool repair) override;
  Result<std::uint64_t> DiskBytes() override;

 private:
  // A commit in the queue; lives on its caller's stack.
  struct Waiting {
    Transaction::State* state = nullptr;
    bool done = false;
    Status status;
    std::uint64_t last_seq = 0;
  };

  RocksStore(std::string directory, const StoreOptions& options)
      : directory_(std::move(directory)), options_(options) {}

  // `mark`: what ACKED said before.
  static Result<std::shared_ptr<RocksDb>> OpenDb(const std::string& directory,
                                                 const StoreOptions& options,
                                                 const testing::Hooks& hooks,
                                                 std::optional<std::uint64_t> mark);
  // What a read of this snapshot, or of the newest state, reads; hold it while values of it live.
  std::shared_ptr<RocksDb> Db(const Snapshot* snapshot = nullptr) const;
  Status ReadLastSeq();
  Status CheckAcked(std::uint64_t acked);
  Status RequireWritable() const;
  Status RequireSpace(std::uint64_t bytes) const;
  Status WriteGroup(const std::vector<Waiting*>& group);
  Result<SpaceRow> SpaceAt(SpaceNumber space);
  // meta's row of that name; NotFound carries `what`.
  Result<SpaceNumber> SpaceIn(std::string_view key, const std::string& what);
  // The one way to RocksDB's log; one thread at a time, or inside the commit queue's turn.
  Status Write(rocksdb::WriteBatch* batch, bool sync);
  // Calls row(key, value) for every key with the prefix, from `start` on; stops at false or at an
  // error.
  Status Scan(Family family, std::string_view start, std::string_view prefix,
              const Snapshot* snapshot,
              const std::function<Result<bool>(std::string_view, std::string_view)>& row);

  // Constant after opening.
  const std::string directory_;
  const StoreOptions options_;
  testing::Hooks hooks_;
  std::unique_ptr<LibraryLock> lock_;  // null when read_only
  std::unique_ptr<AckedMark> acked_;   // null when read_only or not synced
  std::shared_ptr<RocksDb> db_;
  std::optional<LostChanges> lost_;
  std::uint64_t flush_bytes_ = RocksDb::kMemtableBytes;

  mutable std::mutex db_mutex_;
  std::string seen_files_;    // guarded by db_mutex_: FilesMark when db_ was opened
  std::mutex refresh_mutex_;  // one Refresh at a time
  std::atomic<std::uint64_t> log_begin_{1};
  std::atomic<std::uint64_t> last_seq_{0};  // written by the leader of a group

  std::mutex queue_mutex_;
  std::condition_variable queue_turn_;
  std::deque<Waiting*> queue_;  // guarded by queue_mutex_
  bool leader_active_ = false;  // guarded by queue_mutex_

  std::mutex write_mutex_;     // held while RocksDB writes: commits, spaces and segments take turns
  bool broken_ = false;        // guarded by write_mutex_: memory ran out inside a write
  bool needs_resume_ = false;  // guarded by write_mutex_: the last write failed
  std::uint64_t unflushed_bytes_ = 0;  // guarded by write_mutex_: in memtables, roughly

  std::mutex spaces_mutex_;  // changes of spaces read, then write
};

}  // namespace espy::storage

#endif  // ESPY_STORAGE_ROCKS_STORE_H_
