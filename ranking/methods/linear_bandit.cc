#include "ranking/methods/linear_bandit.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace espy::ranking {

LinearBandit::LinearBandit(std::size_t columns, const Options& options)
    : columns_(columns), options_(options), inverse_(columns * columns), b_(columns) {
  ESPY_CHECK(options.prior.empty() || options.prior.size() == columns,
             "a bandit's prior has a weight a column");
  for (std::size_t i = 0; i < columns; ++i) {
    inverse_[i * columns + i] = 1 / options.ridge;
    if (!options.prior.empty()) b_[i] = options.ridge * options.prior[i];
  }
}

std::vector<double> LinearBandit::Theta() const {
  std::vector<double> theta(columns_);
  for (std::size_t i = 0; i < columns_; ++i) {
    for (std::size_t j = 0; j < columns_; ++j) theta[i] += inverse_[i * columns_ + j] * b_[j];
  }
  return theta;
}

std::vector<float> LinearBandit::Scores(const FeatureRows& rows, Random* random) const {
  std::vector<double> theta = Theta();
  if (options_.kind == Kind::kThompson) {
    // t = theta + v L z, L the Cholesky factor of A^-1 and z standard normal.
    std::vector<double> l = inverse_, z(columns_);
    for (double& x : z) x = random->Normal();
    for (std::size_t j = 0; j < columns_; ++j) {
      for (std::size_t k = 0; k < j; ++k)
        l[j * columns_ + j] -= l[j * columns_ + k] * l[j * columns_ + k];
      l[j * columns_ + j] = std::sqrt(std::max(l[j * columns_ + j], 0.0));
      for (std::size_t i = j + 1; i < columns_; ++i) {
        for (std::size_t k = 0; k < j; ++k) {
          l[i * columns_ + j] -= l[i * columns_ + k] * l[j * columns_ + k];
        }
        l[i * columns_ + j] =
            l[j * columns_ + j] > 0 ? l[i * columns_ + j] / l[j * columns_ + j] : 0;
      }
    }
    for (std::size_t i = 0; i < columns_; ++i) {
      for (std::size_t k = 0; k <= i; ++k) theta[i] += options_.width * l[i * columns_ + k] * z[k];
    }
  }
  std::vector<float> scores(rows.rows());
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    double score = 0, variance = 0;
    for (std::size_t i = 0; i < columns_; ++i) {
      score += theta[i] * rows[r][i];
      if (options_.kind != Kind::kUcb) continue;
      for (std::size_t j = 0; j < columns_; ++j) {
        variance += rows[r][i] * inverse_[i * columns_ + j] * rows[r][j];
      }
    }
    if (options_.kind == Kind::kUcb) score += options_.width * std::sqrt(std::max(variance, 0.0));
    scores[r] = static_cast<float>(score);
  }
  return scores;
}

std::vector<float> LinearBandit::MeanScores(const FeatureRows& rows) const {
  const std::vector<double> theta = Theta();
  std::vector<float> scores(rows.rows());
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    double score = 0;
    for (std::size_t i = 0; i < columns_; ++i) score += theta[i] * rows[r][i];
    scores[r] = static_cast<float>(score);
  }
  return scores;
}

void LinearBandit::Learn(std::span<const float> row, double reward) {
  std::vector<double> ax(columns_);
  double scale = 1;
  for (std::size_t i = 0; i < columns_; ++i) {
    for (std::size_t j = 0; j < columns_; ++j) ax[i] += inverse_[i * columns_ + j] * row[j];
    scale += row[i] * ax[i];
  }
  for (std::size_t i = 0; i < columns_; ++i) {
    for (std::size_t j = 0; j < columns_; ++j) inverse_[i * columns_ + j] -= ax[i] * ax[j] / scale;
    b_[i] += reward * row[i];
  }
}

}  // namespace espy::ranking
