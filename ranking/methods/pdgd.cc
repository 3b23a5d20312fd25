#include "ranking/methods/pdgd.h"

#include <algorithm>
#include <cmath>

namespace espy::ranking {
namespace {

// A page's candidates with weights exp(s - greatest), and how probable it is as it stands and with
// two slots exchanged.
class DrawnSlots {
 public:
  DrawnSlots(std::span<const double> scores, std::span<const std::uint32_t> shown)
      : shown_(shown), scores_(scores), weights_(scores.size()) {
    const double greatest = *std::max_element(scores_.begin(), scores_.end());
    double sum = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      weights_[i] = std::exp(scores_[i] - greatest);
      sum += weights_[i];
    }
    for (const std::uint32_t candidate : shown) {
      left_.push_back(std::max(sum, 1e-300));
      sum -= weights_[candidate];
    }
  }

  double score(std::size_t slot) const { return scores_[shown_[slot]]; }
  // P(exchanged) / (P(page) + P(exchanged)). The numerators are the same; of the denominators those
  // between the two slots differ by what the two weigh apart.
  double Exchanged(std::size_t above, std::size_t below) const {
    const double apart = weights_[shown_[below]] - weights_[shown_[above]];
    double log_ratio = 0;  // of P(page) to P(exchanged)
    for (std::size_t k = above + 1; k <= below; ++k) {
      log_ratio += std::log(std::max(left_[k] - apart, 1e-300) / left_[k]);
    }
    return 1 / (1 + std::exp(log_ratio));
  }

 private:
  std::span<const std::uint32_t> shown_;
  std::span<const double> scores_;
  std::vector<double> weights_;
  std::vector<double> left_;  // by slot: the weights that could have stood there
};

}  // namespace

std::vector<double> PdgdCoefficients(std::span<const double> scores,
                                     std::span<const std::uint32_t> shown,
                                     const std::vector<bool>& clicked) {
  std::vector<double> coefficients(shown.size());
  std::size_t seen = 0;  // slots
  for (std::size_t k = 0; k < shown.size(); ++k) {
    if (clicked[k]) seen = std::min(k + 2, shown.size());
  }
  if (seen == 0) return coefficients;
  const DrawnSlots page(scores, shown);
  for (std::size_t c = 0; c < seen; ++c) {
    if (!clicked[c]) continue;
    for (std::size_t u = 0; u < seen; ++u) {
      if (clicked[u]) continue;
      const double sigmoid = 1 / (1 + std::exp(page.score(u) - page.score(c)));
      const double scale = page.Exchanged(std::min(c, u), std::max(c, u)) * sigmoid * (1 - sigmoid);
      coefficients[c] += scale;
      coefficients[u] -= scale;
    }
  }
  return coefficients;
}

std::vector<double> PdgdGradient(const FeatureRows& rows, std::span<const double> weights,
                                 std::span<const std::uint32_t> shown,
                                 const std::vector<bool>& clicked) {
  std::vector<double> scores(rows.rows()), gradient(weights.size());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (std::size_t a = 0; a < weights.size(); ++a) scores[i] += weights[a] * rows[i][a];
  }
  const std::vector<double> coefficients = PdgdCoefficients(scores, shown, clicked);
  for (std::size_t k = 0; k < shown.size(); ++k) {
    for (std::size_t a = 0; a < weights.size(); ++a) {
      gradient[a] += coefficients[k] * rows[shown[k]][a];
    }
  }
  return gradient;
}

}  // namespace espy::ranking
