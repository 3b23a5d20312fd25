// When background work begins: in a pause of the writers, and after a while in any case. A burst of
// changes then has the cores to itself, and what it left behind is worked off together: one index
// of five segments' rows in place of five and a merge.
//
// Threads: any.
#ifndef ESPY_ENGINE_LULL_H_
#define ESPY_ENGINE_LULL_H_

#include <algorithm>
#include <atomic>
#include <chrono>

namespace espy {

class Lull {
 public:
  using Clock = std::chrono::steady_clock;

  // Writers that commit batch after batch are at most some tens of milliseconds apart.
  static constexpr std::chrono::milliseconds kPause{100};
  // Bounds what a search meets meanwhile: rows that are searched exactly, words to catch up with.
  static constexpr std::chrono::milliseconds kLongest{2000};

  void Changed() {
    last_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  }

  // How long work that is due since `due` should wait; zero or less: no longer.
  Clock::duration Left(Clock::time_point due) const {
    const Clock::time_point last{Clock::duration(last_.load(std::memory_order_relaxed))};
    return std::min(last + Clock::duration(kPause), due + Clock::duration(kLongest)) - Clock::now();
  }

 private:
  std::atomic<Clock::rep> last_{0};
};

}  // namespace espy

#endif  // ESPY_ENGINE_LULL_H_
