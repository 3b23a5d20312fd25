// One space's recall: what was measured, the effort that follows from it, and both on the disk.
//
// Threads: any. The effort is read by every search and costs an atomic load.
#ifndef ESPY_ENGINE_RECALL_METER_H_
#define ESPY_ENGINE_RECALL_METER_H_

#include <atomic>
#include <cstdint>
#include <mutex>

#include "base/env.h"
#include "storage/store.h"

namespace espy::recall {

class Meter {
 public:
  // Begins with what the store holds. The store must outlive its last Save.
  Meter(storage::Store* store, storage::SpaceNumber space, Env* env);

  // How many of the best rows an index looks for to answer with ten: a graph's ef.
  std::int64_t effort() const { return effort_.load(std::memory_order_relaxed); }
  // The same for k hits.
  std::int64_t EffortFor(std::int64_t k) const;

  // A search at `effort` found `found` of the `of` nearest, among `rows` vectors. Moves the effort
  // when that makes it sure. One that was made at another effort than today's says nothing.
  void Record(std::int64_t effort, std::uint64_t found, std::uint64_t of, double target,
              std::uint64_t rows);

  // Writes what is new, at most every few seconds unless `even_now`. A loss costs measurements.
  void Save(bool even_now);

  storage::RecallRow row() const;

 private:
  storage::Store* const store_;
  const storage::SpaceNumber space_;
  Env* const env_;
  std::atomic<std::int64_t> effort_;

  mutable std::mutex mutex_;
  storage::RecallRow row_;     // guarded by mutex_
  bool unsaved_ = false;       // guarded by mutex_
  std::int64_t saved_ns_ = 0;  // guarded by mutex_: on the monotonic clock
};

}  // namespace espy::recall

#endif  // ESPY_ENGINE_RECALL_METER_H_
