#include "ranking/plackett_luce.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace espy::ranking {
namespace {

// The candidates that are not placed yet, in similarity order, with weights exp((s - max) / T) of
// the greatest score among them: the sum is at least 1, whatever the scores are.
class Left {
 public:
  Left(std::span<const float> scores, double temperature)
      : scores_(scores), temperature_(temperature), placed_(scores.size(), false) {
    ESPY_CHECK(temperature > 0, "Plackett-Luce: the temperature must be above 0");
  }

  double Weigh() {
    float greatest = -INFINITY;
    for (std::size_t i = 0; i < scores_.size(); ++i) {
      if (!placed_[i]) greatest = std::max(greatest, scores_[i]);
    }
    weights_.assign(scores_.size(), 0);
    double sum = 0;
    for (std::size_t i = 0; i < scores_.size(); ++i) {
      if (placed_[i]) continue;
      weights_[i] = std::exp((static_cast<double>(scores_[i]) - greatest) / temperature_);
      sum += weights_[i];
    }
    return sum;
  }
  bool placed(std::size_t i) const { return placed_[i]; }
  double weight(std::size_t i) const { return weights_[i]; }
  void Place(std::size_t i) { placed_[i] = true; }

 private:
  std::span<const float> scores_;
  double temperature_;
  std::vector<bool> placed_;
  std::vector<double> weights_;
};

}  // namespace

DrawnPage DrawPlackettLuce(std::span<const float> scores, std::size_t slots, double temperature,
                           Random* random) {
  DrawnPage page;
  Left left(scores, temperature);
  for (std::size_t slot = 0; slot < std::min(slots, scores.size()); ++slot) {
    const double sum = left.Weigh();
    double point = random->Uniform() * sum;
    std::size_t chosen = scores.size();
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (left.placed(i) || left.weight(i) == 0) continue;
      chosen = i;  // the last one with any weight takes what rounding leaves
      if (point < left.weight(i)) break;
      point -= left.weight(i);
    }
    page.shown.push_back(static_cast<std::uint32_t>(chosen));
    page.propensities.push_back(left.weight(chosen) / sum);
    left.Place(chosen);
  }
  return page;
}

std::vector<double> PlackettLucePropensities(std::span<const float> scores,
                                             std::span<const std::uint32_t> shown,
                                             double temperature) {
  std::vector<double> propensities;
  Left left(scores, temperature);
  for (const std::uint32_t candidate : shown) {
    ESPY_CHECK(candidate < scores.size() && !left.placed(candidate),
               "Plackett-Luce: a page names a candidate twice, or one that there is not");
    const double sum = left.Weigh();
    propensities.push_back(left.weight(candidate) / sum);
    left.Place(candidate);
  }
  return propensities;
}

}  // namespace espy::ranking
