#include "ranking/methods/listwise.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "ranking/linear_solve.h"
#include "ranking/products.h"

namespace espy::ranking {
namespace {

// The objective and its derivatives at w, where they are asked for.
class Objective {
 public:
  Objective(std::span<const ListwisePage> pages, const ListwiseOptions& options)
      : pages_(pages), options_(options), d_(options.prior.size()) {}

  double At(std::span<const double> w, std::vector<double>* gradient,
            std::vector<double>* curvature) const {
    double value = 0;
    if (gradient != nullptr) gradient->assign(d_, 0);
    if (curvature != nullptr) curvature->assign(d_ * d_, 0);
    for (const ListwisePage& page : pages_) value += OfPage(page, w, gradient, curvature);
    if (curvature != nullptr) {  // symmetric, and the pages filled one half
      for (std::size_t a = 0; a < d_; ++a) {
        for (std::size_t b = 0; b < a; ++b) (*curvature)[b * d_ + a] = (*curvature)[a * d_ + b];
      }
    }
    for (std::size_t a = 0; a < d_; ++a) {
      const double off = w[a] - options_.prior[a];
      value -= options_.ridge / 2 * off * off;
      if (gradient != nullptr) (*gradient)[a] -= options_.ridge * off;
      if (curvature != nullptr) (*curvature)[a * d_ + a] += options_.ridge;
    }
    return value;
  }

 private:
  // The gradient is sum of g (x - mean), the curvature (less) G cov(x), both under the softmax.
  double OfPage(const ListwisePage& page, std::span<const double> w, std::vector<double>* gradient,
                std::vector<double>* curvature) const {
    double gain = 0;
    for (const double g : page.gains) gain += g;
    if (gain <= 0) return 0;
    std::vector<float> wide;
    const FeatureRows rows = Widen(page.rows, &wide);
    const std::size_t n = rows.rows();
    std::vector<double> scores(n);
    double greatest = -INFINITY;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t a = 0; a < d_; ++a) scores[i] += w[a] * rows[i][a];
      greatest = std::max(greatest, scores[i]);
    }
    double sum = 0;
    for (const double score : scores) sum += std::exp(score - greatest);
    const double log_sum = greatest + std::log(sum);
    double value = 0;
    std::vector<double> mean(d_);
    std::vector<double> second(curvature != nullptr ? d_ * d_ : 0);
    for (std::size_t i = 0; i < n; ++i) {
      value += page.gains[i] * (scores[i] - log_sum);
      if (gradient == nullptr) continue;
      const double p = std::exp(scores[i] - log_sum);
      for (std::size_t a = 0; a < d_; ++a) {
        mean[a] += p * rows[i][a];
        (*gradient)[a] += page.gains[i] * rows[i][a];
        if (curvature == nullptr) continue;
        for (std::size_t b = 0; b <= a; ++b) {
          second[a * d_ + b] += p * rows[i][a] * rows[i][b];
        }
      }
    }
    if (gradient == nullptr) return value;
    for (std::size_t a = 0; a < d_; ++a) {
      (*gradient)[a] -= gain * mean[a];
      if (curvature == nullptr) continue;
      for (std::size_t b = 0; b <= a; ++b) {
        (*curvature)[a * d_ + b] += gain * (second[a * d_ + b] - mean[a] * mean[b]);
      }
    }
    return value;
  }

  FeatureRows Widen(const FeatureRows& rows, std::vector<float>* wide) const {
    if (rows.columns() == d_) return rows;
    wide->reserve(rows.rows() * d_);
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const std::vector<float> row = WithProducts(rows[i]);
      wide->insert(wide->end(), row.begin(), row.end());
    }
    return {*wide, d_};
  }

  std::span<const ListwisePage> pages_;
  const ListwiseOptions& options_;
  std::size_t d_;
};

}  // namespace

std::vector<double> LearnListwise(std::span<const ListwisePage> pages,
                                  const ListwiseOptions& options) {
  ESPY_CHECK(options.ridge > 0, "listwise learning: the ridge must be above 0");
  for (const ListwisePage& page : pages) {
    ESPY_CHECK(page.rows.rows() == page.gains.size() &&
                   (page.gains.empty() || HasWeights(page.rows.columns(), options.prior.size())),
               "listwise learning: a gain a candidate, and a prior weight a column (and product)");
  }
  const Objective objective(pages, options);
  std::vector<double> w = options.prior, gradient, curvature;
  double value = objective.At(w, &gradient, &curvature);
  for (int step = 0; step < options.most_steps; ++step) {
    const std::vector<double> direction = SolvePositive(curvature, gradient);
    double slope = 0;
    for (std::size_t a = 0; a < w.size(); ++a) slope += direction[a] * gradient[a];
    if (slope < 1e-12 * (1 + std::abs(value))) break;
    bool better = false;
    for (double length = 1; length > 1e-6 && !better; length /= 2) {
      std::vector<double> next = w;
      for (std::size_t a = 0; a < w.size(); ++a) next[a] += length * direction[a];
      const double reached = objective.At(next, nullptr, nullptr);
      if (reached < value + 1e-4 * length * slope) continue;
      w = std::move(next);
      better = true;
    }
    if (!better) break;
    value = objective.At(w, &gradient, &curvature);
  }
  return w;
}

}  // namespace espy::ranking
