#include "ranking/linear_policy.h"

#include "base/check.h"
#include "ranking/products.h"

namespace espy::ranking {
namespace {

float LinearScore(std::span<const float> row, std::span<const double> weights) {
  double score = 0;
  for (std::size_t a = 0; a < row.size(); ++a) score += weights[a] * row[a];
  if (weights.size() == row.size()) return static_cast<float>(score);
  std::size_t i = row.size();
  ForEachProduct(row.size(),
                 [&](std::size_t a, std::size_t b) { score += weights[i++] * (row[a] * row[b]); });
  return static_cast<float>(score);
}

}  // namespace

LinearPolicy::LinearPolicy(FeatureSchema schema, std::vector<double> weights)
    : schema_(std::move(schema)), weights_(std::move(weights)) {
  ESPY_CHECK(HasWeights(schema_.columns.size(), weights_.size()),
             "a linear policy has a weight a column, and may have one a product");
}

void LinearPolicy::Score(const FeatureRows& rows, std::span<float> scores) const {
  ESPY_CHECK(rows.columns() == schema_.columns.size() && scores.size() == rows.rows(),
             "a policy is given rows of its own schema");
  for (std::size_t i = 0; i < rows.rows(); ++i) scores[i] = LinearScore(rows[i], weights_);
}

std::vector<float> LinearScores(const FeatureRows& rows, std::span<const double> weights) {
  std::vector<float> scores(rows.rows());
  for (std::size_t i = 0; i < rows.rows(); ++i) scores[i] = LinearScore(rows[i], weights);
  return scores;
}

}  // namespace espy::ranking
