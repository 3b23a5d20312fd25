// Whatever orders candidates: similarity, a linear function, a network.
#ifndef ESPY_RANKING_POLICY_H_
#define ESPY_RANKING_POLICY_H_

#include <span>
#include <string_view>

#include "ranking/features.h"

namespace espy::ranking {

// A policy scores; the order is by score, best first, and equal scores stay in similarity order. A
// stochastic page is drawn from the scores by a sampler (Plackett-Luce, bounded exploration), which
// knows the propensity of each slot that it fills. Immutable once made: threads share it freely.
class Policy {
 public:
  virtual ~Policy() = default;

  virtual std::string_view kind() const = 0;  // "linear", "quadratic"
  virtual const FeatureSchema& schema() const = 0;
  // scores[i] of rows[i]; rows.columns() is the schema's. Finite for finite features.
  virtual void Score(const FeatureRows& rows, std::span<float> scores) const = 0;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_POLICY_H_
