// Off-policy estimates of one decision: what a target policy would have earned on data that a
// logging policy made.
//
//   DM     mean of sum_a pi(a|x) q(x,a)
//   IPS    mean of w r,                        w = pi(a|x) / pi_0(a|x)   (Horvitz, Thompson, 1952)
//   clipped IPS   min(w, clip) in w's place    (Ionides, 2008; Strehl and others, 2010)
//   SNIPS  sum of w r / sum of w               (Swaminathan and Joachims, NIPS 2015)
//   DR     mean of dm + w (r - q(x,a))         (Dudik, Langford and Li, ICML 2011)
//   switch-DR     DR where w <= clip, DM where it is above   (Wang, Agarwal and Dudik, ICML 2017)
#ifndef ESPY_RANKING_ESTIMATE_BANDIT_H_
#define ESPY_RANKING_ESTIMATE_BANDIT_H_

#include <span>
#include <vector>

namespace espy::ranking {

struct Decision {
  double reward = 0;
  double logged = 1;    // pi_0(a|x) of the action that was taken: above 0
  double target = 0;    // pi(a|x) of that action
  double expected = 0;  // q(x,a), the reward model's value of that action; 0 without a model
  // sum over actions of pi(a|x) q(x,a): the model's value of the target policy here.
  double expected_of_target = 0;
};

// One term for each decision; the estimate is their mean. SNIPS has no such terms.
std::vector<double> DirectTerms(std::span<const Decision> decisions);
// `clip`: weights above it count as it; infinity leaves them as they are.
std::vector<double> InverseTerms(std::span<const Decision> decisions, double clip);
std::vector<double> DoublyRobustTerms(std::span<const Decision> decisions, double clip);
std::vector<double> SwitchTerms(std::span<const Decision> decisions, double clip);

// 0 when no decision has any weight.
double SelfNormalized(std::span<const Decision> decisions);

std::vector<double> Weights(std::span<const Decision> decisions);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_ESTIMATE_BANDIT_H_
