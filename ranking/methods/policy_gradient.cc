#include "ranking/methods/policy_gradient.h"

#include <algorithm>
#include <cmath>

#include "ranking/linear_policy.h"

namespace espy::ranking {

std::vector<double> PlackettLuceGradient(const FeatureRows& rows, std::span<const double> weights,
                                         std::span<const std::uint32_t> shown,
                                         std::span<const double> advantages) {
  const std::vector<float> scores = LinearScores(rows, weights);
  const double greatest = scores.empty() ? 0 : *std::max_element(scores.begin(), scores.end());
  // Sums of exp(s) and exp(s) x over what is left, from which placed candidates are taken away.
  std::vector<double> left(rows.rows()), gradient(weights.size());
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = std::exp(scores[i] - greatest);
  for (std::size_t k = 0; k < shown.size(); ++k) {
    double sum = 0;
    std::vector<double> mean(weights.size());
    for (std::size_t i = 0; i < left.size(); ++i) {
      sum += left[i];
      for (std::size_t a = 0; a < weights.size(); ++a) mean[a] += left[i] * rows[i][a];
    }
    if (sum <= 0) break;  // what is left is beyond the least double
    for (std::size_t a = 0; a < weights.size(); ++a) {
      gradient[a] += advantages[k] * (rows[shown[k]][a] - mean[a] / sum);
    }
    left[shown[k]] = 0;
  }
  return gradient;
}

DrawnPage PolicyGradient::Draw(const FeatureRows& rows, Random* random) const {
  return DrawPlackettLuce(LinearScores(rows, weights_), values_.size() - 1, 1, random);
}

void PolicyGradient::Learn(const FeatureRows& rows, std::span<const std::uint32_t> shown,
                           std::span<const double> rewards) {
  const std::size_t n = shown.size();
  std::vector<double> gains(n + 1), advantages(n);
  for (std::size_t k = n; k-- > 0;) gains[k] = rewards[k] + options_.discount * gains[k + 1];
  double scale = 1;
  for (std::size_t k = 0; k < n; ++k) {
    const double after = k + 1 < n ? values_[k + 1] : 0;
    const double toward =
        options_.kind == Kind::kReinforce ? gains[k] : rewards[k] + options_.discount * after;
    const double error = toward - values_[k];
    advantages[k] = scale * error;
    scale *= options_.discount;
    values_[k] += options_.baseline_step * error;
  }
  const std::vector<double> gradient = PlackettLuceGradient(rows, weights_, shown, advantages);
  for (std::size_t a = 0; a < weights_.size(); ++a) weights_[a] += options_.step * gradient[a];
}

}  // namespace espy::ranking
