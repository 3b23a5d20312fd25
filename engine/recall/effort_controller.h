// How hard a space's index looks (the ef of a graph, for ten hits), moved so that the recall
// measured holds a target. A pure function of what was measured.
//
// It moves only when the measurement is sure: up when recall is surely below the target, down when
// it is surely above the middle between the target and 1. What lies between is left alone. An
// effort that was found too low is remembered, and is not gone down to again while the library has
// about the size that it had. So every second thought costs a remembered effort that is higher than
// the one before, there are only so many between the limits, and it comes to rest.
#ifndef ESPY_ENGINE_RECALL_EFFORT_CONTROLLER_H_
#define ESPY_ENGINE_RECALL_EFFORT_CONTROLLER_H_

#include <cstdint>

#include "engine/recall/window.h"

namespace espy::recall {

struct Effort {
  std::int64_t effort = 128;
  std::int64_t too_low = 0;        // the highest found too low; 0: none
  std::uint64_t too_low_rows = 0;  // how many vectors there were then
  friend bool operator==(const Effort&, const Effort&) = default;
};

class EffortController {
 public:
  static constexpr std::int64_t kLeast = 16;
  static constexpr std::int64_t kMost = 2048;
  // Fewer searches than this say too little, whatever they say.
  static constexpr std::uint64_t kLeastSearches = 30;
  // A window of more forgets its older half: index and questions change.
  static constexpr std::uint64_t kMostSearches = 1000;
  // Standard deviations at which a measurement is sure. It is looked at again and again, so more
  // than the 1.96 of one look.
  static constexpr double kSure = 3.0;

  // `target` in (0, 1). The window is of searches at effort.effort, over `rows` vectors.
  static Effort Next(const Effort& effort, const Window& window, double target, std::uint64_t rows);
};

}  // namespace espy::recall

#endif  // ESPY_ENGINE_RECALL_EFFORT_CONTROLLER_H_
