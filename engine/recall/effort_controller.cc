#include "engine/recall/effort_controller.h"

#include <algorithm>

namespace espy::recall {
namespace {

// What was too low among n vectors says nothing of half or twice as many.
bool StillHolds(const Effort& effort, std::uint64_t rows) {
  return effort.too_low > 0 && rows < 2 * effort.too_low_rows && 2 * rows > effort.too_low_rows;
}

}  // namespace

Effort EffortController::Next(const Effort& effort, const Window& window, double target,
                              std::uint64_t rows) {
  if (window.searches < kLeastSearches) return effort;
  const Interval sure = window.Bounds(kSure);
  Effort next = effort;
  if (!StillHolds(effort, rows)) next.too_low = 0;
  if (sure.high < target) {
    if (effort.effort >= kMost) return next;  // nothing is left to try
    next.too_low = std::max(next.too_low, effort.effort);
    next.too_low_rows = rows;
    next.effort = std::min(kMost, effort.effort * 3 / 2);
  } else if (sure.low > (target + 1) / 2) {
    // A step down is smaller than a step up: too slow costs a little time, too low costs answers.
    const std::int64_t lower = std::max(kLeast, effort.effort * 4 / 5);
    if (lower > next.too_low) next.effort = std::min(lower, effort.effort);
  }
  return next;
}

}  // namespace espy::recall
