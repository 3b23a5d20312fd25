#include "ranking/estimate/bandit.h"

#include <algorithm>

#include "base/check.h"

namespace espy::ranking {
namespace {

double WeightOf(const Decision& decision) {
  ESPY_CHECK(decision.logged > 0, "off-policy estimate: a taken action had no probability");
  return decision.target / decision.logged;
}

template <class Term>
std::vector<double> TermsOf(std::span<const Decision> decisions, const Term& term) {
  std::vector<double> terms;
  terms.reserve(decisions.size());
  for (const Decision& decision : decisions) terms.push_back(term(decision, WeightOf(decision)));
  return terms;
}

}  // namespace

std::vector<double> DirectTerms(std::span<const Decision> decisions) {
  return TermsOf(decisions, [](const Decision& d, double) { return d.expected_of_target; });
}

std::vector<double> InverseTerms(std::span<const Decision> decisions, double clip) {
  return TermsOf(decisions,
                 [&](const Decision& d, double w) { return std::min(w, clip) * d.reward; });
}

std::vector<double> DoublyRobustTerms(std::span<const Decision> decisions, double clip) {
  return TermsOf(decisions, [&](const Decision& d, double w) {
    return d.expected_of_target + std::min(w, clip) * (d.reward - d.expected);
  });
}

std::vector<double> SwitchTerms(std::span<const Decision> decisions, double clip) {
  return TermsOf(decisions, [&](const Decision& d, double w) {
    return d.expected_of_target + (w <= clip ? w * (d.reward - d.expected) : 0);
  });
}

double SelfNormalized(std::span<const Decision> decisions) {
  double weights = 0, rewards = 0;
  for (const Decision& decision : decisions) {
    weights += WeightOf(decision);
    rewards += WeightOf(decision) * decision.reward;
  }
  return weights > 0 ? rewards / weights : 0;
}

std::vector<double> Weights(std::span<const Decision> decisions) {
  return TermsOf(decisions, [](const Decision&, double w) { return w; });
}

}  // namespace espy::ranking
