#include "engine/search/cutoff.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace espy::search {
namespace {

double Median(std::vector<double>* values) {
  const auto middle = values->begin() + static_cast<std::ptrdiff_t>(values->size() / 2);
  std::nth_element(values->begin(), middle, values->end());
  return *middle;
}

}  // namespace

std::optional<float> StandOutScore(std::span<const float> background,
                                   std::span<const float> ranking, std::int64_t items,
                                   double chance) {
  constexpr std::size_t kLeast = 16;
  if (background.size() < kLeast || ranking.empty()) return std::nullopt;
  std::vector<double> values(background.begin(), background.end());
  const double median = Median(&values);
  for (double& value : values) value = std::abs(value - median);
  const double spread = 1.4826 * Median(&values);
  if (!(spread > 0)) return std::nullopt;
  std::size_t last = 0;  // ranks that stand out
  for (std::size_t i = 0; i < ranking.size(); ++i) {
    const double z = (static_cast<double>(ranking[i]) - median) / spread;
    const double by_chance = static_cast<double>(items) * 0.5 * std::erfc(z / std::numbers::sqrt2);
    if (by_chance <= chance * static_cast<double>(i + 1)) last = i + 1;
  }
  return last > 0 ? ranking[last - 1]
                  : std::nextafter(ranking[0], std::numeric_limits<float>::infinity());
}

std::size_t BestExpectedF1(std::span<const float> probabilities) {
  constexpr float kLeastBest = 0.1f;
  if (probabilities.empty() || !(probabilities[0] >= kLeastBest)) return 0;
  double all = 0;
  for (const float p : probabilities) all += p >= kLeastCounted ? p : 0;
  double sum = 0, best = 0;
  std::size_t cut = 0;
  for (std::size_t i = 0; i < probabilities.size() && probabilities[i] >= kLeastCounted; ++i) {
    sum += probabilities[i];
    const double f1 = 2 * sum / (static_cast<double>(i + 1) + all);
    if (f1 <= best) continue;
    best = f1;
    cut = i + 1;
  }
  return cut;
}

}  // namespace espy::search
