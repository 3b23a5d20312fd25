#include "ranking/methods/control.h"

#include <algorithm>
#include <set>

#include "ranking/methods/transition.h"

namespace espy::ranking {
namespace {

// The places of the greatest of n values.
template <class ValueAt>
std::vector<std::size_t> Greatest(std::size_t n, const ValueAt& value_at) {
  std::vector<std::size_t> places;
  double best = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double value = value_at(i);
    if (places.empty() || value > best) {
      places.assign(1, i);
      best = value;
    } else if (value == best) {
      places.push_back(i);
    }
  }
  return places;
}

}  // namespace

ActionFeatures ActionFeatures::Table(std::size_t n, std::size_t first, std::size_t actions) {
  std::vector<double> values(n * actions);
  for (std::size_t action = 0; action < actions; ++action) values[action * n + first + action] = 1;
  return {std::move(values), n};
}

double Control::Value(std::span<const double> features) const {
  const double value = Dot(first_, features);
  if (options_.kind != ControlKind::kDoubleQ) return value;
  return (value + Dot(second_, features)) / 2;
}

std::size_t Control::Choose(const ActionFeatures& state, Random* random) const {
  if (random->Uniform() < options_.epsilon) return random->Below(state.actions());
  const auto best = Greatest(state.actions(), [&](std::size_t a) { return Value(state[a]); });
  return best[random->Below(best.size())];
}

double Control::Probability(const ActionFeatures& state, std::size_t action) const {
  const auto best = Greatest(state.actions(), [&](std::size_t a) { return Value(state[a]); });
  const bool is_best = std::find(best.begin(), best.end(), action) != best.end();
  return options_.epsilon / static_cast<double>(state.actions()) +
         (is_best ? (1 - options_.epsilon) / static_cast<double>(best.size()) : 0);
}

double Control::After(const ActionFeatures& next, std::size_t next_action,
                      bool update_first) const {
  if (next.actions() == 0) return 0;
  const auto first = [&](std::size_t a) { return Dot(first_, next[a]); };
  const auto second = [&](std::size_t a) { return Dot(second_, next[a]); };
  switch (options_.kind) {
    case ControlKind::kSarsa:
      return first(next_action);
    case ControlKind::kExpectedSarsa: {
      double sum = 0;
      for (std::size_t a = 0; a < next.actions(); ++a) sum += Probability(next, a) * first(a);
      return sum;
    }
    case ControlKind::kQLearning:
      return first(Greatest(next.actions(), first).front());
    case ControlKind::kDoubleQ:
      return update_first ? second(Greatest(next.actions(), first).front())
                          : first(Greatest(next.actions(), second).front());
  }
  return 0;
}

void Control::Learn(const ActionFeatures& state, std::size_t action, double reward,
                    const ActionFeatures& next, std::size_t next_action, Random* random) {
  const bool update_first = options_.kind != ControlKind::kDoubleQ || random->Uniform() < 0.5;
  std::vector<double>& weights = update_first ? first_ : second_;
  const double error = reward + options_.discount * After(next, next_action, update_first) -
                       Dot(weights, state[action]);
  AddScaled(options_.step * error, state[action], weights);
}

std::size_t MonteCarloControl::Choose(std::size_t first, std::size_t actions,
                                      Random* random) const {
  if (random->Uniform() < epsilon_) return random->Below(actions);
  const auto best = Greatest(actions, [&](std::size_t a) { return values_[first + a]; });
  return best[random->Below(best.size())];
}

void MonteCarloControl::Learn(std::span<const Step> episode) {
  double gain = 0;
  std::vector<double> gains(episode.size());
  for (std::size_t t = episode.size(); t-- > 0;) {
    gain = episode[t].reward + discount_ * gain;
    gains[t] = gain;
  }
  std::set<std::size_t> seen;
  for (std::size_t t = 0; t < episode.size(); ++t) {
    const std::size_t entry = episode[t].entry;
    if (!seen.insert(entry).second) continue;
    counts_[entry] += 1;
    values_[entry] += (gains[t] - values_[entry]) / counts_[entry];
  }
}

}  // namespace espy::ranking
