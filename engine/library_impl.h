// What an open library holds, shared by the verbs (one file each). Nothing outside engine/ sees
// this.
//
// Locks, in the order in which they may be taken: fields_mutex, write_mutex, then space_mutex or
// state_mutex. The last three are not held while a model runs or a picture is read.
#ifndef ESPY_ENGINE_LIBRARY_IMPL_H_
#define ESPY_ENGINE_LIBRARY_IMPL_H_

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/env.h"
#include "encoders/encoder.h"
#include "engine/clicks/page_log.h"
#include "engine/clicks/ranker.h"
#include "engine/fields/table.h"
#include "engine/lull.h"
#include "engine/open_space.h"
#include "engine/recall/monitor.h"
#include "engine/stored_fields.h"
#include "engine/testing.h"
#include "engine/text_feed.h"
#include "espy/library.h"
#include "index/vector_index.h"
#include "storage/store.h"

namespace espy {

// What one search sees: records and one space's vectors, of the same sequence number. Immutable;
// the last holder frees it.
struct ReadState {
  std::shared_ptr<const storage::Snapshot> snapshot;
  std::shared_ptr<OpenSpace> space;            // null where records alone are read
  std::shared_ptr<const index::View> view;     // of that space
  std::shared_ptr<const fields::View> fields;  // null until a filter is first asked
};

// A transaction with what the indexes must learn of it.
struct Change {
  struct Vector {
    storage::SpaceNumber space = 0;
    ItemId item = kNoItem;
    std::vector<std::uint16_t> half;
  };
  storage::Transaction transaction;
  std::vector<Vector> vectors;
  std::vector<Vector> new_vectors;  // of items that had none before in their space
  std::vector<ItemId> forgotten;

  // Into the transaction and for the index of its space. `fp32` is the vector that `half` was
  // rounded from where the space keeps it, and else empty.
  void PutVector(storage::SpaceNumber space, ItemId item, std::vector<std::uint16_t> half,
                 std::span<const float> fp32 = {}) {
    if (fp32.empty()) {
      transaction.PutVector(space, item, half);
    } else {
      transaction.PutFp32Vector(space, item, fp32);
    }
    vectors.push_back({space, item, std::move(half)});
  }
};

inline constexpr char kFp32Vectors[] = "fp32";  // of OpenOptions::vectors

class Feeds;  // feeds.h
namespace rerank {
class PairMatcher;  // rerank/pair_matcher.h
}

class Library::Impl {
 public:
  Impl(std::string path, OpenOptions options, Env* env, testing::LibraryHooks hooks = {});
  ~Impl();

  // --- open.cc
  static Result<std::unique_ptr<Library>> Open(const std::string& path, const OpenOptions& options,
                                               const testing::LibraryHooks& hooks);
  static Impl& Of(Library& library) { return *library.impl_; }
  Status OpenStore();
  Status RequireWritable() const;

  // --- space.cc: the spaces, and which one is current
  // Made for options.model when the library has none yet and may be written.
  Result<std::shared_ptr<OpenSpace>> Current();
  // By number, id (the first digits suffice) or model; "" is the current one. InvalidArgument when
  // the name means several.
  Result<std::shared_ptr<OpenSpace>> SpaceNamed(const std::string& name);
  Result<storage::SpaceRow> FindSpaceRow(const std::string& name);
  std::shared_ptr<OpenSpace> Opened(const storage::SpaceRow& row);
  std::vector<std::shared_ptr<OpenSpace>> OpenSpaces();
  // Of the current space.
  Result<storage::SpaceRow> Space();
  Result<const encoders::Encoder*> EncoderFor(bool image, bool text);

  // --- migrate/: another model
  // One without a number is new.
  Result<storage::SpaceRow> SpaceForModel(const std::string& model);
  Result<storage::SpaceRow> PreviousSpaceRow();
  Result<std::shared_ptr<OpenSpace>> BeginMigration(storage::SpaceRow target);
  Result<MigrationReport> Migrate(const std::function<Result<storage::SpaceRow>()>& to,
                                  const MigrationOptions& migration_options,
                                  const ProgressFn& progress, std::stop_token stop);
  Status StartMigration(
      std::function<Result<MigrationReport>(const ProgressFn&, std::stop_token)> run);
  void StopMigration();
  Result<MigrationReport> WaitForMigration(const ProgressFn& progress, const std::stop_token& stop);
  // Durable, then visible: with write_mutex held.
  Status SwitchLocked(const OpenSpace& target, storage::SpaceRole role_of_previous);
  void CloseIndex(OpenSpace* space);  // unless it is current
  Status Drop(const storage::SpaceRow& row);
  std::vector<const Feeds*> running_feeds;  // guarded by write_mutex
  std::condition_variable_any feeds_done;   // one is gone from running_feeds

  // --- state.cc: views and commits
  Status OpenIndex();  // the current space's; once: later calls return at once
  // The newest state of a space (named as for SpaceNamed), with its index opened.
  Result<std::shared_ptr<const ReadState>> SearchState(const std::string& space = "");
  std::shared_ptr<const storage::Snapshot> RecordSnapshot();
  // Whether the item has a vector in the library's space; true when that cannot be told.
  bool HasVector(ItemId id);

  // --- fields.cc
  Status OpenFields();  // once; later calls return at once
  Result<FieldsAt> MakeFields(const std::stop_token& stop);
  // Whether what is stored of the fields is to be stored anew: when the library rests, or at once.
  bool FieldsAreDue(bool quiet);
  void WakeForFields();  // when it is, has the builder see to it
  Status StoreFields(const std::stop_token& stop);
  void StoreFieldsAtClose();
  Status ForgetFields();  // stored and in memory: the next filter reads the records
  // The newest state, with the fields there to be filtered.
  Result<std::shared_ptr<const ReadState>> FilterState();
  // Makes the change durable, then visible. Holds write_mutex throughout.
  Status Commit(Change change);
  // Record reads and writes that depend on each other (tag, path changes) happen under this lock.
  std::mutex& write_mutex() { return write_mutex_; }
  Status CommitLocked(Change change);  // with write_mutex held

  // --- refresh.cc
  Result<bool> Refresh();

  // --- upkeep.cc: what the builder does for the disk when the library rests
  bool UpkeepIsDue();
  Status KeepUp(const std::stop_token& stop);
  Result<std::uint64_t> LogHorizon();

  // --- device.cc
  // The GPU that segments are searched on; null where that is the CPU. Opened at the first call.
  std::shared_ptr<index::DeviceSearch> SearchDevice();
  // Of options.vram, 0 for what there is: the encoder's part, and the index's or a captioner's.
  std::uint64_t EncoderVram() const;
  std::uint64_t IndexVram() const;

  // --- background.cc
  void StartBackground();
  void StopBackground();
  // No builder runs while one lives; by one thread at a time. Before write_mutex.
  class BackgroundPause;
  void WakeBackground();
  // `quiet`: what is better done while the library rests, too.
  bool WaitForWork(std::unique_lock<std::mutex>* lock, const std::stop_token& stop);
  Status MaintainAll(bool quiet, const std::stop_token& stop);
  bool ConsolidationIsDue();
  Status ConsolidateSpace(index::VectorIndex* index, const std::stop_token& stop);
  Status MaintainSpace(OpenSpace* space, bool quiet, const std::stop_token& stop);
  Status WaitForBackground(const ProgressFn& progress, const std::stop_token& stop);
  Status WaitLocked(const ProgressFn& progress, const std::stop_token& stop,
                    std::unique_lock<std::mutex>* lock);  // with background_mutex_

  // --- limits.cc
  Status OpenLimits();  // reads those that are kept, keeps those that are given
  // Whether `bytes` more may be taken in: OpenOptions::disk_quota, memory_budget, the disk itself.
  Status RequireRoomLocked(std::uint64_t bytes);  // with write_mutex held
  std::uint64_t disk_quota() const { return disk_quota_; }
  std::uint64_t memory_budget() const { return memory_budget_; }
  bool auto_compact() const { return auto_compact_; }

  // --- forget.cc
  Status ForgetItems(const std::vector<Record>& records);

  // --- info.cc, verify.cc, rebuild.cc
  std::optional<index::IndexStats> Stats(const OpenSpace& space);  // none: its index is not open
  // recall@10 against exact search; -1 when there is too little to measure
  Result<double> MeasureRecall(const ReadState& state);
  Status VerifySpace(const storage::SpaceRow& row, VerifyReport* report, const ProgressFn& progress,
                     std::stop_token stop);
  Status VerifyFields(VerifyReport* report, const std::stop_token& stop);
  Status RepairVectors(VerifyReport* report);
  Status RebuildIndex(const storage::SpaceRow& row, const ProgressFn& progress,
                      std::stop_token stop);
  // The dead rows that were dropped.
  Result<std::uint64_t> CompactIndex(const storage::SpaceRow& row, std::stop_token stop);

  const std::string path;
  const OpenOptions options;
  Env* const env;
  const testing::LibraryHooks hooks;

  std::unique_ptr<storage::Store> store;        // constant after OpenStore
  std::unique_ptr<recall::Monitor> recall;      // likewise
  std::unique_ptr<TextFeed> words;              // likewise
  std::unique_ptr<StoredFields> stored_fields;  // likewise
  std::unique_ptr<clicks::PageLog> page_log;    // likewise
  std::unique_ptr<clicks::Ranker> ranker;       // likewise

  // --- clicks/
  storage::QueryId NewQueryId();
  // With write_mutex not held: similarity ranks again where it wins against the policy in use.
  Status CheckGuard();

  // --- search/rerank.cc
  // The one that is named, as for Caption; the last one named stays loaded.
  Result<std::shared_ptr<rerank::PairMatcher>> PairMatcherOf(const std::string& captioner);

  // --- search/terms.cc: terms as unit vectors of the state's space
  Result<std::vector<float>> EncodePicture(const std::string& picture_path, OpenSpace* space);
  Result<std::vector<float>> ItemVector(ItemId id, const ReadState& state);
  // `items` receives the item that the term names, if it names one.
  Result<std::vector<float>> TermVector(const QueryTerm& term, const ReadState& state,
                                        std::vector<ItemId>* items);
  // Up to 1024 items drawn at random, ascending.
  std::vector<ItemId> SampleItems(const ReadState& state);

 private:
  friend class espy::Library;
  index::IndexOptions IndexOptionsFor(const storage::SpaceRow& space);
  Status RequireModel(const storage::SpaceRow& current) const;
  std::shared_ptr<OpenSpace> OpenLocked(const storage::SpaceRow& row);  // with space_mutex_ held
  // With write_mutex held:
  Status FollowIndexLocked(OpenSpace* space, const storage::Snapshot& snapshot);
  Status OpenIndexLocked(OpenSpace* space);
  void CloseIndexLocked(OpenSpace* space);  // and with the builder stopped
  void RefreshStateLocked();
  // The items as they are in `snapshot` (null: in the store). By one thread at a time.
  Status UpdateFields(fields::Table* table, std::vector<ItemId> ids,
                      const storage::Snapshot* snapshot);
  Status CatchUpFields(fields::Table* table, std::uint64_t seq, const storage::Snapshot& snapshot);
  // The log above `applied`; from 0 on, every vector there is.
  Status ReplayLog(const OpenSpace& space, index::VectorIndex* index,
                   const storage::Snapshot& snapshot, std::uint64_t applied);
  // A change that is made becomes visible; and after memory did not suffice for that.
  void ShowLocked(const Change& change, std::uint64_t seq, std::vector<ItemId> touched);
  Status CatchUpLocked();

  std::uint64_t opened_seq_ = 0;                      // constant after OpenStore
  std::uint64_t disk_quota_ = 0, memory_budget_ = 0;  // constant after OpenLimits
  bool auto_compact_ = true;                          // constant after OpenLimits
  std::uint32_t next_slice_ = 0;                      // the builder's: of KeepUp
  std::uint64_t disk_known_ = 0;           // guarded by write_mutex_: bytes at the last look
  std::uint64_t disk_since_ = UINT64_MAX;  // guarded by write_mutex_: taken in since then

  std::mutex write_mutex_;
  std::atomic<bool> behind_{false};  // written under write_mutex_: views lack changes that are made
  std::mutex fields_mutex_;          // held while the table is made; before write_mutex_
  std::shared_ptr<fields::Table> fields_;  // guarded by write_mutex_
  std::atomic<bool> rest_waiting_{false};  // the builder has something to do at rest
  std::mutex state_mutex_;
  // Guarded by state_mutex_: of each space whose index is open; all of one snapshot.
  std::map<storage::SpaceNumber, std::shared_ptr<const ReadState>> states_;
  std::shared_ptr<const ReadState> state_;  // guarded by state_mutex_: the same without a space

  std::once_flag search_device_once_;
  std::shared_ptr<index::DeviceSearch> search_device_;  // constant after search_device_once_

  std::mutex space_mutex_;
  storage::SpaceNumber current_ = 0;  // guarded by space_mutex_; 0 until it is first needed
  std::map<storage::SpaceNumber, std::shared_ptr<OpenSpace>> open_spaces_;  // likewise

  std::mutex feedback_mutex_;
  struct Rate {
    std::int64_t minute = 0;
    int given = 0;
  };
  std::map<std::string, Rate> feedback_rates_;  // guarded by feedback_mutex_: by named client

  std::mutex pair_matcher_mutex_;
  std::shared_ptr<rerank::PairMatcher> pair_matcher_;  // guarded by pair_matcher_mutex_

  std::mutex sample_mutex_;
  std::vector<ItemId> sample_;  // guarded by sample_mutex_
  std::int64_t sample_of_ = 0;  // guarded by sample_mutex_: live rows when it was drawn

  std::mutex background_mutex_;
  std::condition_variable_any background_wake_;
  std::condition_variable_any background_idle_;
  bool background_requested_ = false;                 // guarded by background_mutex_
  std::stop_source consolidation_{std::nostopstate};  // guarded by background_mutex_: under way
  bool background_rest_ = false;     // guarded by background_mutex_: as if the library rested
  bool background_running_ = false;  // guarded by background_mutex_
  int background_waiters_ = 0;       // guarded by background_mutex_: for them it begins at once
  Lull lull_;                        // of the writers: the builder begins in it
  bool background_missing_ = false;  // guarded by background_mutex_: it could not be started
  Status background_status_;         // guarded by background_mutex_: of the last run
  std::mutex pause_mutex_;           // held by a BackgroundPause; guards background_
  std::jthread background_;

  std::mutex migration_mutex_;  // held through a migration, and while a space is dropped
  std::mutex migrating_mutex_;
  std::condition_variable_any migrating_changed_;
  bool migrating_ = false;       // guarded by migrating_mutex_: in the background
  Progress migration_progress_;  // guarded by migrating_mutex_
  std::optional<Result<MigrationReport>> migration_result_;  // guarded by migrating_mutex_
  std::jthread migration_thread_;                            // changed with migrating_mutex_ held
};

class Library::Impl::BackgroundPause {
 public:
  explicit BackgroundPause(Impl* library);
  ~BackgroundPause();
  BackgroundPause(const BackgroundPause&) = delete;
  BackgroundPause& operator=(const BackgroundPause&) = delete;

 private:
  Impl* const library_;
  const std::lock_guard<std::mutex> lock_;
};

// Converts between stored half precision and FP32; FP32 rows made from halves are renormalised to
// unit length.
std::vector<float> UnitFromHalf(std::span<const std::uint16_t> half);
std::vector<std::uint16_t> HalfFromUnit(std::span<const float> vector);
// Divides by the length; false when it is zero or not finite.
bool Normalize(std::span<float> vector);

}  // namespace espy

#endif  // ESPY_ENGINE_LIBRARY_IMPL_H_
