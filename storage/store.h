// The truth: every record, path, vector, thumbnail and failure of a library, with the log of their
// changes, in RocksDB.
//
// Writes go through a Transaction: what it holds becomes visible together and gets consecutive
// sequence numbers, in one WriteBatch, synced as the durability asks. Reads take a Snapshot, which
// never changes, or nullptr for the newest state. Key layout: docs/FORMATS.md. Threads: any method
// from any thread; commits queue behind each other.
#ifndef ESPY_STORAGE_STORE_H_
#define ESPY_STORAGE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espy/backup.h"
#include "espy/ingest.h"
#include "espy/record.h"
#include "espy/status.h"
#include "espy/train.h"
#include "storage/clicks.h"

namespace espy::storage {

// The format that this program writes; a library with a greater number is refused.
inline constexpr std::uint32_t kFormatVersion = 1;

inline constexpr std::string_view kDefaultTextLanguage = "english";

// A space's number inside one library: small, given once, never reused.
using SpaceNumber = std::uint32_t;

// No model's: under this number the parts of the filters' columns are kept as segments are.
inline constexpr SpaceNumber kColumnsSpace = 0;

// What a space that is not current is to the library.
enum class SpaceRole : std::uint8_t {
  kKept = 0,     // answers when it is asked; new pictures get no vector in it
  kFilling = 1,  // a migration gives every item a vector in it; new pictures get theirs at once
  kFed = 2,      // was current; new pictures still get a vector in it
};

struct SpaceRow {
  SpaceNumber number = 0;
  std::string model;      // name at the time the space was made
  std::string space_id;   // what makes vectors comparable: see encoders::EncoderInfo
  std::string directory;  // where the model was found last
  std::int64_t dimension = 0;
  SpaceRole role = SpaceRole::kKept;  // means nothing while it is current
  bool fp32 = false;                  // its vectors are kept in FP32, not in FP16
  friend bool operator==(const SpaceRow&, const SpaceRow&) = default;
};

// What was known of the file at a path when it was taken: unchanged facts mean unread bytes.
struct PathRow {
  ItemId item = kNoItem;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t inode = 0;
  // The item was taken by its EXIF thumbnail: an ingest that wants whole pictures reads it again.
  bool from_thumbnail = false;
  friend bool operator==(const PathRow&, const PathRow&) = default;
};

// A file that could not be taken, keyed by its path.
struct FailureRow {
  StatusCode code = StatusCode::kIoError;
  std::string message;
  std::int64_t when_unix = 0;
  std::uint32_t attempts = 0;
  std::uint64_t size = 0;  // of the file then: a changed file is tried again
  std::int64_t modified_ns = 0;
  friend bool operator==(const FailureRow&, const FailureRow&) = default;
};

enum class ChangeKind : std::uint8_t {
  kPutItem = 1,
  kPutVector = 2,
  kForget = 3,
  kFeedback = 4,  // to a page, about the item
  kPolicy = 5,    // another policy ranks
};

struct LogEntry {
  std::uint64_t seq = 0;
  ChangeKind kind = ChangeKind::kPutItem;
  ItemId item = kNoItem;
  SpaceNumber space = 0;  // for kPutVector
};

// A name that items hold, or held, values under, with the type of those values.
struct UserFieldRow {
  std::string name;
  UserFieldType type = UserFieldType::kText;
  friend bool operator==(const UserFieldRow&, const UserFieldRow&) = default;
};

// Measured recall of a space's index, and the effort that it is searched with. Shares and squares
// as recall::Window sums them; zeros: nothing measured.
struct RecallRow {
  std::uint64_t effort = 0;
  std::uint64_t too_low = 0, too_low_rows = 0;  // an effort that missed the target, and among what
  std::uint64_t searches = 0, wanted = 0, shares = 0, squares = 0;
  std::uint64_t sampled = 0;  // searches measured in the space's life
  std::int64_t measured_unix = 0;
  friend bool operator==(const RecallRow&, const RecallRow&) = default;
};

// What the phrases asked of a space go through.
struct AdapterRow {
  AdapterInfo info;
  std::string weights;  // not looked at here: training/adapter.h
};

class Snapshot;  // a point in the store's history; shared, released by the last holder

// Changes that become visible together. Build it in one thread, then hand it to Store::Commit.
class Transaction {
 public:
  Transaction();
  ~Transaction();
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) noexcept;

  // The record whole (new or changed), and its content hash keyed to it. record.seq is set by the
  // commit. Each path in record.paths needs its row from PutPath, and each that the item no longer
  // has DeletePath, in the same transaction.
  // The names and types of its user fields are noted beside it: Store::UserFields.
  void PutItem(const Record& record);
  void PutPath(std::string_view path, const PathRow& row);
  void DeletePath(std::string_view path);
  // A unit vector of the space's dimension in FP16.
  void PutVector(SpaceNumber space, ItemId item, std::span<const std::uint16_t> half);
  // The same in FP32, for a space that keeps them so. Readers of FP16 get it rounded to nearest.
  void PutFp32Vector(SpaceNumber space, ItemId item, std::span<const float> vector);
  // For repair: a vector that cannot be right. Not in the log, so the index must be made again.
  void DropVector(SpaceNumber space, ItemId item);
  void PutThumbnail(ItemId item, std::string_view jpeg);
  // Record, hash, paths, thumbnail and the vectors in `spaces`.
  void Forget(const Record& record, std::span<const SpaceNumber> spaces);
  // Of a name that no item holds a value of this type under any more.
  void DropUserField(const UserFieldRow& row);
  // A page that was shown: no change of its own.
  void PutPage(const PageRow& row);
  void PutFeedback(const FeedbackRow& row);
  // A policy as bytes (not looked at here: ranking/policy_file.h), and which one ranks from here
  // on; 0: similarity does.
  void PutPolicy(std::uint64_t version, std::string_view bytes);
  void UsePolicy(std::uint64_t version);
  void PutFailure(std::string_view path, const FailureRow& row);
  void DeleteFailure(std::string_view path);

  std::size_t changes() const;  // that take a sequence number
  std::size_t bytes() const;    // roughly, of the batch

  struct State;
  const std::vector<LogEntry>& log() const;  // seq is 0 until committed

 private:
  friend class RocksStore;
  std::unique_ptr<State> state_;
};

struct StoreOptions {
  bool create_if_missing = false;
  bool read_only = false;
  bool sync = true;
  // After a damaged write-ahead log was reported: open with what is intact; lost() says what was
  // lost. The damaged files are kept in damaged/ beside db/.
  bool recover_tail = false;
};

// Acknowledged changes that StoreOptions::recover_tail could not bring back.
struct LostChanges {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // at least: the damage may hide later ones
};

class Store {
 public:
  // `directory` is the library's own (LOCK, FORMAT and db/ lie in it).
  static Result<std::unique_ptr<Store>> Open(const std::string& directory,
                                             const StoreOptions& options);
  virtual ~Store() = default;

  virtual const std::string& directory() const = 0;
  virtual std::uint64_t last_seq() const = 0;           // of the last commit acknowledged
  virtual std::optional<LostChanges> lost() const = 0;  // after recover_tail, when something was

  // A store that is open for reading goes on to what another process's writer has acknowledged by
  // now; false: it stands there already. Snapshots stay what they are, and reads of one are of it.
  // After an error it stands where it stood. A writer's store is always at its own end.
  virtual Result<bool> Refresh() = 0;

  // The log holds every change from this number on; see TrimLog.
  virtual std::uint64_t log_begin() const = 0;

  // Applies the transaction; returns its last sequence number (its first is that minus changes()
  // plus 1; one without changes returns last_seq()). On return the change is as durable as
  // StoreOptions::sync says, and visible to readers no earlier than that. Transactions that arrive
  // while one is being synced share the next sync. After an error nothing of it is visible; it can
  // be committed again once the cause is gone (a full disk), or after opening the library again (a
  // disk that failed to sync: what it holds must be read back before more is promised).
  virtual Result<std::uint64_t> Commit(Transaction transaction) = 0;

  virtual std::shared_ptr<const Snapshot> TakeSnapshot() = 0;
  virtual std::uint64_t SeqOf(const Snapshot& snapshot) const = 0;

  // Absent rows are NotFound, rows that do not parse Corruption. GetItems answers in the order of
  // `ids`; one that is absent makes the whole call NotFound.
  virtual Result<Record> GetItem(ItemId id, const Snapshot* snapshot = nullptr) = 0;
  virtual Result<std::vector<Record>> GetItems(std::span<const ItemId> ids,
                                               const Snapshot* snapshot = nullptr) = 0;
  virtual Result<ItemId> FindHash(const ContentHash& hash, const Snapshot* snapshot = nullptr) = 0;
  virtual Result<PathRow> GetPath(std::string_view path, const Snapshot* snapshot = nullptr) = 0;
  virtual Status GetVector(SpaceNumber space, ItemId id, std::vector<std::uint16_t>* half,
                           const Snapshot* snapshot = nullptr) = 0;
  // Many at once, newest state: kNoItem, a row without an item, false for what is absent.
  virtual Result<std::vector<ItemId>> FindHashes(std::span<const ContentHash> hashes) = 0;
  virtual Result<std::vector<PathRow>> FindPaths(std::span<const std::string_view> paths) = 0;
  virtual Result<std::vector<bool>> HaveItems(std::span<const ItemId> ids) = 0;
  virtual Result<std::string> GetThumbnail(ItemId id) = 0;
  virtual Result<FailureRow> GetFailure(std::string_view path) = 0;

  // Scans, in order of key; the callback returns false to stop. Items begin behind `after`.
  virtual Status ScanItems(const std::function<bool(const Record&)>& row,
                           const Snapshot* snapshot = nullptr, ItemId after = kNoItem) = 0;
  virtual Status ScanPaths(std::string_view prefix,
                           const std::function<bool(std::string_view, const PathRow&)>& row,
                           const Snapshot* snapshot = nullptr) = 0;
  virtual Status ScanVectors(SpaceNumber space,
                             const std::function<bool(ItemId, std::span<const std::uint16_t>)>& row,
                             const Snapshot* snapshot = nullptr) = 0;
  // The same for items in [first, last].
  virtual Status ScanVectorsBetween(
      SpaceNumber space, ItemId first, ItemId last,
      const std::function<bool(ItemId, std::span<const std::uint16_t>)>& row,
      const Snapshot* snapshot = nullptr) = 0;
  virtual Status ScanLog(std::uint64_t after_seq, const std::function<bool(const LogEntry&)>& row,
                         const Snapshot* snapshot = nullptr) = 0;
  virtual Status ScanFailures(
      const std::function<bool(std::string_view, const FailureRow&)>& row) = 0;

  // By type, then name. A name stands there twice when items that came from elsewhere disagree.
  virtual Result<std::vector<UserFieldRow>> UserFields() = 0;

  struct Counts {
    std::uint64_t items = 0, paths = 0, failures = 0, picture_bytes = 0;
  };
  virtual Result<Counts> Count(const Snapshot* snapshot = nullptr) = 0;

  virtual Result<std::uint64_t> CountVectors(SpaceNumber space,
                                             const Snapshot* snapshot = nullptr) = 0;

  // Spaces, in order of number. AddSpace gives the number; the first one added is current until
  // SwitchSpace.
  virtual Result<std::vector<SpaceRow>> Spaces() = 0;
  virtual Result<SpaceRow> AddSpace(const SpaceRow& row) = 0;
  virtual Result<SpaceNumber> CurrentSpace() = 0;   // NotFound in a new library
  virtual Result<SpaceNumber> PreviousSpace() = 0;  // NotFound when none was current before
  virtual Status SetSpaceRole(SpaceNumber space, SpaceRole role) = 0;
  // In one batch: `space` is current, and what was current is the previous one, with that role.
  virtual Status SwitchSpace(SpaceNumber space, SpaceRole role_of_previous) = 0;
  // In one batch: the space with its vectors and segments is gone. Its number is not given again.
  // InvalidArgument for the current one. Its place on the disk comes back by compaction, or at once
  // by FreeDropped.
  virtual Status DropSpace(SpaceNumber space) = 0;
  virtual Status FreeDropped(SpaceNumber space) = 0;

  // Recall: not synced, since a loss costs measurements only. NotFound: nothing was measured (the
  // space, when it was dropped); no target was set. A target is in (0, 1).
  virtual Result<RecallRow> GetRecall(SpaceNumber space) = 0;
  virtual Status PutRecall(SpaceNumber space, const RecallRow& row) = 0;
  virtual Result<double> GetRecallTarget() = 0;
  virtual Status PutRecallTarget(double target) = 0;

  // NotFound: there is none (the space, when it was dropped). No change of what the library holds,
  // and without a sequence number.
  virtual Result<AdapterRow> GetAdapter(SpaceNumber space) = 0;
  virtual Status PutAdapter(SpaceNumber space, const AdapterRow& row) = 0;
  virtual Status DeleteAdapter(SpaceNumber space) = 0;

  // Pages, feedback and policies: NotFound when there is none. Scans go in order of query, from the
  // first above `after`; a row that does not parse is passed over, and Verify tells.
  virtual Result<PageRow> GetPage(QueryId query) = 0;
  virtual Result<FeedbackRow> GetFeedback(QueryId query, ItemId item) = 0;
  virtual Status ScanPages(QueryId after, const std::function<bool(const PageRow&)>& row,
                           const Snapshot* snapshot = nullptr) = 0;
  virtual Status ScanFeedback(QueryId after, const std::function<bool(const FeedbackRow&)>& row,
                              const Snapshot* snapshot = nullptr) = 0;
  // Pages and feedback of queries below `before` are gone.
  virtual Status DropPages(QueryId before) = 0;
  virtual Result<std::string> GetPolicy(std::uint64_t version) = 0;
  virtual Result<std::vector<std::uint64_t>> ListPolicies() = 0;

  // Numbers that are kept with the library under a name of one's own, such as limits; 0 when there
  // is none. They are no change of what it holds and have no sequence number.
  virtual Result<std::uint64_t> GetSetting(std::string_view name) = 0;
  virtual Status PutSetting(std::string_view name, std::uint64_t value) = 0;
  // The language whose stems words are looked up by; kDefaultTextLanguage until it is set. Not
  // checked here: the text index knows the languages.
  virtual Result<std::string> TextLanguage() = 0;
  virtual Status SetTextLanguage(std::string_view language) = 0;

  // Segments: bytes in checksummed chunks under (space, segment), and one manifest a space,
  // replaced whole. Chunks are at most 4 MiB and are synced no later than the next manifest of
  // their space.
  // In the same batch the segments in `gone` are deleted; their place on the disk comes back by
  // later compactions.
  virtual Status PutManifest(SpaceNumber space, std::string_view bytes,
                             std::span<const std::uint64_t> gone = {}) = 0;
  // The manifest and all segments of a space that stays; likewise.
  virtual Status DeleteSegments(SpaceNumber space) = 0;
  virtual Result<std::string> GetManifest(SpaceNumber space) = 0;  // NotFound when there is none
  virtual Status PutChunk(SpaceNumber space, std::uint64_t segment, std::uint32_t chunk,
                          std::string_view bytes) = 0;
  virtual Result<std::string> GetChunk(SpaceNumber space, std::uint64_t segment,
                                       std::uint32_t chunk) = 0;
  // And its lists.
  virtual Status DeleteSegment(SpaceNumber space, std::uint64_t segment) = 0;
  virtual Result<std::vector<std::uint64_t>> ListSegments(SpaceNumber space) = 0;

  // Lists of a segment that are read while searching, in chunks small enough for the block cache
  // (under 4,096 bytes); synced no later than the next manifest. GetList gives a list's chunks in
  // their order, none when there is no such list.
  virtual Status PutListChunk(SpaceNumber space, std::uint64_t segment, std::uint32_t list,
                              std::uint32_t chunk, std::string_view bytes) = 0;
  virtual Status GetList(SpaceNumber space, std::uint64_t segment, std::uint32_t list,
                         const std::function<Status(std::string_view)>& chunk,
                         const Snapshot* snapshot = nullptr) = 0;
  // In FP32: as it is kept, or widened.
  virtual Status GetFp32Vector(SpaceNumber space, ItemId id, std::vector<float>* vector,
                               const Snapshot* snapshot = nullptr) = 0;
  // Vectors of `ids`, which ascend; those that are not there are passed over.
  virtual Status GetVectors(
      SpaceNumber space, std::span<const ItemId> ids,
      const std::function<void(std::size_t, std::span<const std::uint16_t>)>& row,
      const Snapshot* snapshot = nullptr) = 0;

  // A generation of all that the store holds at one moment, into a backup folder; commits go on
  // beside it. A store that is open for reading only backs up what another process's writer has
  // acknowledged by then.
  virtual Result<BackupReport> Backup(const BackupOptions& options, const ProgressFn& progress,
                                      const std::stop_token& stop) = 0;

  // Free-standing maintenance.
  virtual Status Flush() = 0;
  virtual Status CompactAll() = 0;
  // Deletes the log's changes before `begin`, but for the last of all, and remembers that it did.
  // Nobody may need them: not an index whose applied number is below begin - 1. Going back is not
  // possible, and no error.
  virtual Status TrimLog(std::uint64_t begin) = 0;
  // Values that no row refers to, in files with others that rows do refer to: only rewriting those
  // gives the place back.
  struct DeadSpace {
    std::uint64_t dead = 0, total = 0;  // bytes
  };
  virtual DeadSpace CountDead() = 0;
  // Rewrites one of `slices` parts of the items' rows and values, about as much as the whole
  // divided by slices.
  virtual Status CompactSlice(std::uint32_t slice, std::uint32_t slices) = 0;
  // Reads every block of every file against its checksum and every row against its parser and its
  // references (paths to items, hashes to items, log). Sentences about what is wrong. `repair`
  // mends what follows from other rows (paths, hashes), removes what nobody can read or reach, and
  // fills the log; after it, the index must be made again.
  virtual Result<std::vector<std::string>> Verify(bool repair) = 0;
  virtual Result<std::uint64_t> DiskBytes() = 0;
};

}  // namespace espy::storage

#endif  // ESPY_STORAGE_STORE_H_
