#include "ranking/methods/monte_carlo.h"

#include <algorithm>

namespace espy::ranking {

void MonteCarlo::Observe(const Transition& transition) {
  states_.emplace_back(transition.state.begin(), transition.state.end());
  rewards_.push_back(transition.reward);
}

void MonteCarlo::EndEpisode() {
  double gain = 0;
  for (std::size_t t = states_.size(); t-- > 0;) {
    gain = rewards_[t] + options_.discount * gain;
    const std::vector<double>& x = states_[t];
    const auto before = states_.begin() + static_cast<std::ptrdiff_t>(t);
    if (options_.visits == Visits::kFirst && std::find(states_.begin(), before, x) != before) {
      continue;
    }
    const double error = gain - Dot(weights_, x);
    if (options_.step > 0) {
      AddScaled(options_.step * error, x, weights_);
      continue;
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i] == 0) continue;
      counts_[i] += 1;
      weights_[i] += error * x[i] / counts_[i];
    }
  }
  states_.clear();
  rewards_.clear();
}

}  // namespace espy::ranking
