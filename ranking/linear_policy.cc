#include "ranking/linear_policy.h"

#include "base/check.h"

namespace espy::ranking {
namespace {

float LinearScore(std::span<const float> row, std::span<const double> weights) {
  double score = 0;
  for (std::size_t a = 0; a < weights.size(); ++a) score += weights[a] * row[a];
  return static_cast<float>(score);
}

}  // namespace

LinearPolicy::LinearPolicy(FeatureSchema schema, std::vector<double> weights)
    : schema_(std::move(schema)), weights_(std::move(weights)) {
  ESPY_CHECK(weights_.size() == schema_.columns.size(), "a linear policy has a weight a column");
}

void LinearPolicy::Score(const FeatureRows& rows, std::span<float> scores) const {
  ESPY_CHECK(rows.columns() == weights_.size() && scores.size() == rows.rows(),
             "a policy is given rows of its own schema");
  for (std::size_t i = 0; i < rows.rows(); ++i) scores[i] = LinearScore(rows[i], weights_);
}

std::vector<float> LinearScores(const FeatureRows& rows, std::span<const double> weights) {
  std::vector<float> scores(rows.rows());
  for (std::size_t i = 0; i < rows.rows(); ++i) scores[i] = LinearScore(rows[i], weights);
  return scores;
}

}  // namespace espy::ranking
