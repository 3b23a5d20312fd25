// Recall of the searches that people make: a share of them is searched again, exactly, on the same
// view, by a thread of its own, while nothing else is going on.
//
// A search pays for a counter; one that is drawn also for a copy of its query. The thread waits
// until no search and no ingest has run for a moment; what it cannot keep up with is forgotten.
#ifndef ESPY_ENGINE_RECALL_MONITOR_H_
#define ESPY_ENGINE_RECALL_MONITOR_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "base/env.h"
#include "engine/recall/meter.h"
#include "index/vector_index.h"

namespace espy::recall {

class Monitor {
 public:
  // `share` of searches is drawn; 0: none is.
  Monitor(double share, double target, Env* env);
  ~Monitor();  // saves what was measured
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Something that should have the machine to itself, while it lives.
  class Activity {
   public:
    explicit Activity(Monitor* monitor) : monitor_(monitor) { ++monitor_->active_; }
    ~Activity();
    Activity(const Activity&) = delete;
    Activity& operator=(const Activity&) = delete;

   private:
    Monitor* const monitor_;
  };

  // A search that found `found` (best first). Those that were exact anyway, or among some items
  // only, are left out. `keeps` is what the view reads from.
  void Consider(const std::shared_ptr<Meter>& meter, std::span<const float> query,
                const index::SearchParams& params, std::span<const index::Candidate> found,
                const std::shared_ptr<const index::View>& view, std::shared_ptr<const void> keeps);

  // The parts of it: whether a search counts and is drawn, and one that was.
  bool Draws(const Meter& meter, const index::SearchParams& params);
  struct Probe {
    std::shared_ptr<Meter> meter;
    std::int64_t effort = 0;
    std::uint64_t rows = 0;
    std::vector<std::uint64_t> found;                              // of the ten best
    std::function<Result<std::vector<index::Candidate>>()> exact;  // as many as were looked for
  };
  void Offer(Probe probe);

  double target() const { return target_.load(std::memory_order_relaxed); }
  void SetTarget(double target) { target_.store(target, std::memory_order_relaxed); }

  // Until what was drawn so far is measured or forgotten. For tests.
  void Settle();

 private:
  bool Draw();
  bool WaitForQuiet(const std::stop_token& stop);
  void Run(const std::stop_token& stop);
  void Measure(const Probe& probe);

  const double share_;
  const double phase_;  // so that short runs are drawn from too
  Env* const env_;
  std::atomic<double> target_;
  std::atomic<std::uint64_t> searches_{0};
  std::atomic<int> active_{0};
  std::atomic<std::int64_t> active_until_ns_{0};

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Probe> probes_;                 // guarded by mutex_
  bool measuring_ = false;                   // guarded by mutex_
  std::set<std::shared_ptr<Meter>> meters_;  // the thread's
  std::jthread thread_;                      // started with mutex_ held, at the first probe
};

}  // namespace espy::recall

#endif  // ESPY_ENGINE_RECALL_MONITOR_H_
