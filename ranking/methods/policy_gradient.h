// Learning an order by the gradient of what it earns: pages are drawn by Plackett-Luce from linear
// scores s_i = w . x_i, and slots that earned more than expected become likelier.
//
//   REINFORCE      w <- w + a sum over k of d_k (G_k - b(k)) grad log pi(slot k | slots above)
//   actor-critic   the same with r_k + g v(k+1) - v(k) in the place of G_k - b(k)
//
// (Williams, 1992; sections 13.4 and 13.5; as MDPRank: Wei and others, SIGIR 2017.) An episode is a
// page, an action the candidate of a slot, G_k the discounted reward of slot k and those below it.
// The baseline and the critic are values of a slot, learned beside it.
#ifndef ESPY_RANKING_METHODS_POLICY_GRADIENT_H_
#define ESPY_RANKING_METHODS_POLICY_GRADIENT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "ranking/features.h"
#include "ranking/plackett_luce.h"

namespace espy::ranking {

// The gradient by the weights of sum over k of advantages[k] log pi(shown[k] | those above).
std::vector<double> PlackettLuceGradient(const FeatureRows& rows, std::span<const double> weights,
                                         std::span<const std::uint32_t> shown,
                                         std::span<const double> advantages);

class PolicyGradient {
 public:
  enum class Kind { kReinforce, kActorCritic };
  struct Options {
    Kind kind = Kind::kReinforce;
    double step = 0.05;
    double baseline_step = 0.05;
    double discount = 1;
  };
  PolicyGradient(std::vector<double> weights, std::size_t slots, const Options& options)
      : weights_(std::move(weights)), values_(slots + 1), options_(options) {}

  DrawnPage Draw(const FeatureRows& rows, Random* random) const;
  // What each slot of a page that Draw gave earned.
  void Learn(const FeatureRows& rows, std::span<const std::uint32_t> shown,
             std::span<const double> rewards);
  const std::vector<double>& weights() const { return weights_; }

 private:
  std::vector<double> weights_;
  std::vector<double> values_;  // by slot; beyond the last: 0
  Options options_;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_POLICY_GRADIENT_H_
