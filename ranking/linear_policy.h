// A score that is a weighted sum of features, or of features and their products.
#ifndef ESPY_RANKING_LINEAR_POLICY_H_
#define ESPY_RANKING_LINEAR_POLICY_H_

#include <span>
#include <utility>
#include <vector>

#include "ranking/policy.h"

namespace espy::ranking {

// The sum of each row's columns times their weights, rounded to float once. With ProductColumns()
// of them the weights are also those of the row's products (products.h).
std::vector<float> LinearScores(const FeatureRows& rows, std::span<const double> weights);

class LinearPolicy final : public Policy {
 public:
  // A weight for each of the schema's columns, or for each of those and of their products.
  LinearPolicy(FeatureSchema schema, std::vector<double> weights);

  std::string_view kind() const override {
    return weights_.size() == schema_.columns.size() ? "linear" : "quadratic";
  }
  const FeatureSchema& schema() const override { return schema_; }
  void Score(const FeatureRows& rows, std::span<float> scores) const override;

  const std::vector<double>& weights() const { return weights_; }

 private:
  FeatureSchema schema_;
  std::vector<double> weights_;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_LINEAR_POLICY_H_
