#include "engine/search/cutoff.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace espy::search {

double NormalQuantile(double p) {
  // Halving: the distribution function is monotone, and this is asked once a search.
  double low = -40, high = 40;
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::numbers::sqrt2) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

std::optional<float> ChanceScore(std::span<const float> background, std::int64_t items) {
  constexpr std::size_t kLeast = 16;
  if (background.size() < kLeast || items < 2) return std::nullopt;
  std::vector<float> scores(background.begin(), background.end());
  std::sort(scores.begin(), scores.end());
  const double median = scores[scores.size() / 2];
  // 15.87 % of a normal distribution lies more than one standard deviation below its middle.
  const double low = scores[static_cast<std::size_t>(0.1587 * static_cast<double>(scores.size()))];
  const double spread = median - low;
  if (!(spread > 0)) return std::nullopt;
  const double z = NormalQuantile(1.0 - 1.0 / static_cast<double>(items));
  return static_cast<float>(median + z * spread);
}

}  // namespace espy::search
