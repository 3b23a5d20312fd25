#include "ranking/methods/network_q.h"

#include <algorithm>
#include <limits>

#include "ranking/methods/transition.h"

namespace espy::ranking {
namespace {

double Greatest(const Network& network, const ActionFeatures& state) {
  double best = -std::numeric_limits<double>::infinity();
  for (std::size_t a = 0; a < state.actions(); ++a) best = std::max(best, network.Value(state[a]));
  return best;
}

}  // namespace

std::size_t NetworkQ::Choose(const ActionFeatures& state, Random* random) const {
  if (random->Uniform() < options_.epsilon) return random->Below(state.actions());
  std::vector<std::size_t> best;  // equal values are drawn among, as they are at the beginning
  double greatest = 0;
  for (std::size_t a = 0; a < state.actions(); ++a) {
    const double value = network_.Value(state[a]);
    if (best.empty() || value > greatest) {
      best.clear();
      greatest = value;
    }
    if (value == greatest) best.push_back(a);
  }
  return best[random->Below(best.size())];
}

void NetworkQ::Learn(std::span<const double> features, double reward, const ActionFeatures& next,
                     Random* random) {
  Remembered lived{{features.begin(), features.end()}, reward, next};
  if (memory_.size() < options_.memory) {
    memory_.push_back(std::move(lived));
  } else {
    memory_[steps_ % options_.memory] = std::move(lived);
  }
  for (std::size_t i = 0; i < options_.together; ++i) {
    const Remembered& drawn = memory_[random->Below(memory_.size())];
    const double after = drawn.next.actions() == 0 ? 0 : Greatest(target_, drawn.next);
    const double error = drawn.reward + options_.discount * after - network_.Value(drawn.features);
    AddScaled(options_.step * error, network_.Gradient(drawn.features), network_.weights());
  }
  if (++steps_ % options_.target_every == 0) target_ = network_;
}

}  // namespace espy::ranking
