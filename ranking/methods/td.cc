#include "ranking/methods/td.h"

namespace espy::ranking {

void TdLambda::Observe(const Transition& transition) {
  const double decay = options_.discount * options_.lambda;
  for (std::size_t i = 0; i < trace_.size(); ++i) {
    trace_[i] *= decay;
    if (options_.traces == Traces::kReplacing && transition.state[i] == 1) {
      trace_[i] = 1;
    } else {
      trace_[i] += transition.state[i];
    }
  }
  const double after = transition.next.empty() ? 0 : Dot(weights_, transition.next);
  const double error =
      transition.reward + options_.discount * after - Dot(weights_, transition.state);
  AddScaled(options_.step * transition.importance * error, trace_, weights_);
}

void NStepTd::UpdateOldest(double after) {
  double gain = after;
  for (std::size_t i = rewards_.size(); i-- > 0;) gain = rewards_[i] + options_.discount * gain;
  const std::vector<double>& x = states_.front();
  AddScaled(options_.step * (gain - Dot(weights_, x)), x, weights_);
  states_.erase(states_.begin());
  rewards_.erase(rewards_.begin());
}

void NStepTd::Observe(const Transition& transition) {
  states_.emplace_back(transition.state.begin(), transition.state.end());
  rewards_.push_back(transition.reward);
  if (states_.size() < options_.n || transition.next.empty()) return;
  UpdateOldest(Dot(weights_, transition.next));
}

void NStepTd::EndEpisode() {
  while (!states_.empty()) UpdateOldest(0);
}

}  // namespace espy::ranking
