// A page that shows the best, but for a few slots in which something further down gets its chance.
#ifndef ESPY_RANKING_BOUNDED_EXPLORATION_H_
#define ESPY_RANKING_BOUNDED_EXPLORATION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "ranking/plackett_luce.h"

namespace espy::ranking {

struct Exploration {
  std::size_t slots = 0;   // at most so many of a page; 0: none
  std::size_t within = 0;  // explored candidates are among the first so many of the order
  double chance = 0.1;     // that a slot explores, while some are left to explore; in [0, 1)
};

// Fills min(slots, order.size()) slots from `order`, best first. A slot that explores takes any one
// of the candidates within reach that are neither placed nor next in the order, each as probably;
// every other slot takes the next. So a candidate below `within` never moves up, and whether a slot
// explored can be seen on the page: its probability, given the slots above, is exact.
DrawnPage DrawExploring(std::span<const std::uint32_t> order, std::size_t slots,
                        const Exploration& exploration, Random* random);

// The probability of each slot of such a page given those above it; 0 for one that cannot be.
std::vector<double> ExploringPropensities(std::span<const std::uint32_t> order,
                                          std::span<const std::uint32_t> shown,
                                          const Exploration& exploration);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_BOUNDED_EXPLORATION_H_
