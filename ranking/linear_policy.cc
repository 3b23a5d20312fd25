#include "ranking/linear_policy.h"

#include "base/check.h"

namespace espy::ranking {

LinearPolicy::LinearPolicy(FeatureSchema schema, std::vector<double> weights)
    : schema_(std::move(schema)), weights_(std::move(weights)) {
  ESPY_CHECK(weights_.size() == schema_.columns.size(), "a linear policy has a weight a column");
}

void LinearPolicy::Score(const FeatureRows& rows, std::span<float> scores) const {
  ESPY_CHECK(rows.columns() == weights_.size() && scores.size() == rows.rows(),
             "a policy is given rows of its own schema");
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    double score = 0;
    for (std::size_t j = 0; j < weights_.size(); ++j) score += weights_[j] * rows[i][j];
    scores[i] = static_cast<float>(score);
  }
}

}  // namespace espy::ranking
