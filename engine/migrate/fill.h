// Vectors for a list of items, as threads and queues:
//
//   items -> picture_reader -> [pictures] -> encode in batches -> [rows] -> commit
//
// Each transaction is whole, so a run that is stopped or killed has lost only what was under way. A
// picture that fails is a row: it is journalled, and its record notes the space that it lacks.
#ifndef ESPY_ENGINE_MIGRATE_FILL_H_
#define ESPY_ENGINE_MIGRATE_FILL_H_

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bounded_queue.h"
#include "engine/library_impl.h"
#include "engine/migrate/picture_reader.h"
#include "engine/migrate/wanted.h"
#include "espy/migrate.h"

namespace espy::migrate {

class Fill {
 public:
  // Counts into the report. `encoder` is the space's.
  Fill(Library::Impl* library, storage::SpaceRow space, const encoders::Encoder* encoder,
       const MigrationOptions& options, std::stop_token stop, MigrationReport* report);
  ~Fill();

  // OK also when it was stopped. Progress is called on this thread; `done` counts from `before`.
  Status Run(const std::vector<Wanted>& wanted, std::uint64_t before, const ProgressFn& progress);

  // Items that are done with and were given no new vector: failed, or kept by their thumbnail.
  // After Run.
  const std::set<ItemId>& settled() const { return settled_; }

 private:
  struct Row {
    ItemId id = kNoItem;
    Status failure;
    bool settled = false;  // nothing better than what is there
    bool by_thumbnail = false;
    std::vector<std::uint16_t> half;
    std::vector<float> fp32;  // where the space keeps it
  };

  void RunStage(void (Fill::*stage)());
  void EncodeStage();
  void CommitStage();
  Row RowOf(const PictureReader::Picture& picture) const;
  Status Commit(std::vector<Row> rows);
  Status CommitRow(Row row, Change* change);
  void Fail(const Record& record, const Status& why, Change* change);
  void OfferRow(Row row);
  void SetFatal(Status status);

  Library::Impl* const library_;
  const storage::SpaceRow space_;
  const encoders::Encoder* const encoder_;
  const MigrationOptions& options_;
  const std::stop_token caller_stop_;
  std::stop_source stop_;          // requested by the caller's stop or by a fatal error
  MigrationReport* const report_;  // the commit stage's while threads run
  std::set<ItemId> settled_;       // likewise

  std::unique_ptr<PictureReader> reader_;  // while it runs
  BoundedQueue<Row> rows_;
  std::atomic<std::uint64_t> done_{0};

  std::mutex mutex_;
  std::condition_variable finished_cv_;
  bool finished_ = false;  // guarded by mutex_
  Status fatal_;           // guarded by mutex_
};

}  // namespace espy::migrate

#endif  // ESPY_ENGINE_MIGRATE_FILL_H_
