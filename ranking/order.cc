#include "ranking/order.h"

#include <algorithm>
#include <numeric>

namespace espy::ranking {

std::vector<std::uint32_t> OrderByScore(std::span<const float> scores) {
  std::vector<std::uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return scores[a] > scores[b]; });
  return order;
}

}  // namespace espy::ranking
