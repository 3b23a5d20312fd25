// A learned policy as bytes: what it weighs, which features it is a function of, the clicks that
// two of those features look back on, and what it was learned and judged on.
#ifndef ESPY_RANKING_POLICY_FILE_H_
#define ESPY_RANKING_POLICY_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "espy/status.h"
#include "ranking/click_history.h"
#include "ranking/features.h"
#include "ranking/linear_policy.h"
#include "ranking/stop.h"

namespace espy::ranking {

struct PolicyFacts {
  std::int64_t learned_unix = 0;
  std::string space;             // id of the vector space; "" where it looked at none
  std::uint64_t learned_on = 0;  // pages
  std::uint64_t judged_on = 0;   // held-out pages
  double value = 0;              // estimated reward a page, of this policy on the held-out pages
  double value_before = 0;       // of what ranked before, on the same pages
  double gain = 0, gain_lower = 0, gain_upper = 0;  // of their difference, with its bounds
  bool operator==(const PolicyFacts&) const = default;
};

// Where lists end, of the questions that have words or of those that have none.
struct PolicyStop {
  bool phrases = true;
  StopModel model;
  StopRecord record;
  bool operator==(const PolicyStop&) const = default;
};

struct LearnedPolicy {
  FeatureSchema schema;
  std::vector<double> weights;  // of the columns, or of those and their products
  ClickHistory history;
  PolicyFacts facts;
  std::vector<PolicyStop> stops;  // at most one of each kind

  std::unique_ptr<LinearPolicy> Linear() const {
    return std::make_unique<LinearPolicy>(schema, weights);
  }
};

inline constexpr std::size_t kMostPolicyBytes = 64u << 20;

std::string EncodePolicy(const LearnedPolicy& policy);
// InvalidArgument for a policy of another schema than `schema`, Unsupported for a newer layout,
// Corruption for bytes that are not whole.
Result<LearnedPolicy> ParsePolicy(std::string_view bytes, const FeatureSchema& schema);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_POLICY_FILE_H_
