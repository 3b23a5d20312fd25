// What an open library holds, shared by the verbs (one file each). Nothing outside engine/ sees
// this.
//
// Locks, in the order in which they may be taken: fields_mutex, write_mutex, state_mutex. The last
// two are not held while a model runs or a file is read.
#ifndef ESPY_ENGINE_LIBRARY_IMPL_H_
#define ESPY_ENGINE_LIBRARY_IMPL_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/env.h"
#include "encoders/encoder.h"
#include "engine/fields/table.h"
#include "engine/index_store.h"
#include "engine/testing.h"
#include "engine/text_feed.h"
#include "espy/library.h"
#include "index/vector_index.h"
#include "storage/store.h"

namespace espy {

// What one search sees: records and vectors of the same sequence number. Immutable; the last holder
// frees it.
struct ReadState {
  std::shared_ptr<const storage::Snapshot> snapshot;
  std::shared_ptr<const index::View> view;     // null until the index is first needed
  std::shared_ptr<const fields::View> fields;  // null until a filter is first asked
};

// A transaction with what the index must learn of it.
struct Change {
  storage::Transaction transaction;
  std::vector<std::pair<ItemId, std::vector<std::uint16_t>>>
      vectors;  // FP16 rows of the current space
  std::vector<std::pair<ItemId, std::vector<std::uint16_t>>>
      new_vectors;  // of items that had none before
  std::vector<ItemId> forgotten;
};

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

  // --- space.cc: the current model
  // The library's space; made for options.model when the library has none yet and may be written.
  Result<storage::SpaceRow> Space();
  // The space's encoder, loaded at the first call. Which tower is asked for decides what is read.
  Result<const encoders::Encoder*> EncoderFor(bool image, bool text);

  // --- state.cc: views and commits
  Status OpenIndex();  // once; later calls return at once
  // The newest state, with the index opened.
  Result<std::shared_ptr<const ReadState>> SearchState();
  std::shared_ptr<const storage::Snapshot> RecordSnapshot();
  // Whether the item has a vector in the library's space; true when that cannot be told.
  bool HasVector(ItemId id);

  // --- fields.cc
  Status OpenFields();  // once; later calls return at once
  // The newest state, with the fields there to be filtered.
  Result<std::shared_ptr<const ReadState>> FilterState();
  // Makes the change durable, then visible. Holds write_mutex throughout.
  Status Commit(Change change);
  // Record reads and writes that depend on each other (tag, path changes) happen under this lock.
  std::mutex& write_mutex() { return write_mutex_; }
  Status CommitLocked(Change change);  // with write_mutex held

  // --- device.cc
  // The GPU that segments are searched on; null where that is the CPU. Opened at the first call.
  std::shared_ptr<index::DeviceSearch> SearchDevice();
  // Of options.vram, 0 for what there is: the encoder's part of it, and the index's.
  std::uint64_t EncoderVram() const;
  std::uint64_t IndexVram() const;

  // --- background.cc
  void StartBackground();
  void StopBackground();
  void WakeBackground();
  Status WaitForBackground(const ProgressFn& progress, const std::stop_token& stop);

  // --- limits.cc
  Status OpenLimits();  // reads those that are kept, keeps those that are given
  // Whether `bytes` more may be taken in: OpenOptions::disk_quota, memory_budget, the disk itself.
  Status RequireRoomLocked(std::uint64_t bytes);  // with write_mutex held
  std::uint64_t disk_quota() const { return disk_quota_; }
  std::uint64_t memory_budget() const { return memory_budget_; }

  // --- forget.cc
  Status ForgetItems(const std::vector<Record>& records);

  // --- info.cc, verify.cc, rebuild.cc
  index::IndexStats Stats();
  Result<double>
  MeasureRecall();  // recall@10 against exact search; -1 when there is too little to measure
  Status VerifyIndex(VerifyReport* report, const ProgressFn& progress, std::stop_token stop);
  Status RepairVectors(VerifyReport* report);
  Status RebuildIndex(const ProgressFn& progress, std::stop_token stop);
  Status CompactIndex(std::stop_token stop);

  const std::string path;
  const OpenOptions options;
  Env* const env;
  const testing::LibraryHooks hooks;

  std::unique_ptr<storage::Store> store;  // constant after OpenStore
  std::unique_ptr<TextFeed> words;        // likewise

  // --- search/terms.cc, search/records.cc, space.cc: terms as unit vectors
  // A phrase's is remembered: people ask the same thing again with another filter.
  Result<std::vector<float>> EncodeText(const std::string& text);
  Result<std::vector<float>> EncodePicture(const std::string& picture_path);
  Result<std::vector<float>> ItemVector(ItemId id, const ReadState& state);
  // `items` receives the item that the term names, if it names one.
  Result<std::vector<float>> TermVector(const QueryTerm& term, const ReadState& state,
                                        std::vector<ItemId>* items);
  float Probability(float cosine);  // negative when the model has no calibration
  // Up to 1024 items drawn at random, ascending.
  std::vector<ItemId> SampleItems(const ReadState& state);

 private:
  friend class espy::Library;
  index::IndexOptions IndexOptionsFor(const storage::SpaceRow& space);
  Status OpenIndexLocked();   // with write_mutex held
  void RefreshStateLocked();  // with write_mutex held
  // The items as they are in `snapshot` now (null: in the store); with write_mutex held.
  Status UpdateFieldsLocked(fields::Table* table, std::vector<ItemId> ids,
                            const storage::Snapshot* snapshot);
  Status ReplayLog(index::VectorIndex* index, const storage::Snapshot& snapshot);

  std::uint64_t disk_quota_ = 0, memory_budget_ = 0;  // constant after OpenLimits
  std::uint64_t disk_known_ = 0;           // guarded by write_mutex_: bytes at the last look
  std::uint64_t disk_since_ = UINT64_MAX;  // guarded by write_mutex_: taken in since then

  std::mutex write_mutex_;
  std::unique_ptr<IndexStore> segment_store_;  // guarded by write_mutex_ until set, then constant
  std::shared_ptr<index::VectorIndex> index_;  // replaced under both locks (Rebuild)
  std::mutex fields_mutex_;                    // held while the table is made; before write_mutex_
  std::shared_ptr<fields::Table> fields_;      // guarded by write_mutex_
  std::mutex state_mutex_;
  std::shared_ptr<const ReadState> state_;  // guarded by state_mutex_

  std::once_flag search_device_once_;
  std::shared_ptr<index::DeviceSearch> search_device_;  // constant after search_device_once_

  std::mutex space_mutex_;
  std::unique_ptr<storage::SpaceRow> space_;    // guarded by space_mutex_ until set, then constant
  std::unique_ptr<encoders::Encoder> encoder_;  // likewise

  std::mutex text_mutex_;
  std::unordered_map<std::string, std::vector<float>> text_cache_;  // guarded by text_mutex_

  std::mutex sample_mutex_;
  std::vector<ItemId> sample_;  // guarded by sample_mutex_
  std::int64_t sample_of_ = 0;  // guarded by sample_mutex_: live rows when it was drawn

  std::mutex background_mutex_;
  std::condition_variable_any background_wake_;
  std::condition_variable_any background_idle_;
  bool background_requested_ = false;  // guarded by background_mutex_
  bool background_running_ = false;    // guarded by background_mutex_
  Status background_status_;           // guarded by background_mutex_: of the last run
  std::jthread background_;
};

// Converts between stored half precision and FP32; FP32 rows made from halves are renormalised to
// unit length.
std::vector<float> UnitFromHalf(std::span<const std::uint16_t> half);
std::vector<std::uint16_t> HalfFromUnit(std::span<const float> vector);
// Divides by the length; false when it is zero or not finite.
bool Normalize(std::span<float> vector);

}  // namespace espy

#endif  // ESPY_ENGINE_LIBRARY_IMPL_H_
