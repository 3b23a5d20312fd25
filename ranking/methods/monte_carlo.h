// Monte Carlo values: the average of the returns that followed a state.
#ifndef ESPY_RANKING_METHODS_MONTE_CARLO_H_
#define ESPY_RANKING_METHODS_MONTE_CARLO_H_

#include <vector>

#include "ranking/methods/transition.h"

namespace espy::ranking {

// Gradient Monte Carlo (section 9.3), on tables the constant-step method of section 6.1:
//   w <- w + a (G_t - w . x_t) x_t,   G_t = R_{t+1} + g R_{t+2} + ...
// at the end of each episode. First-visit (section 5.1) takes only a state's first time in it.
// Unbiased; its variance grows with the length of episodes.
class MonteCarlo final : public ValueMethod {
 public:
  enum class Visits { kFirst, kEvery };
  struct Options {
    double step =
        0.1;  // a; 0: the plain average, 1 / (times that the state was counted), for tables
    double discount = 1;
    Visits visits = Visits::kEvery;
  };
  MonteCarlo(std::vector<double> weights, const Options& options)
      : weights_(std::move(weights)), counts_(weights_.size()), options_(options) {}

  void Observe(const Transition& transition) override;
  void EndEpisode() override;
  double Value(std::span<const double> state) const override { return Dot(weights_, state); }
  const std::vector<double>& weights() const { return weights_; }

 private:
  std::vector<double> weights_;
  std::vector<double> counts_;  // by feature, how often it was counted
  Options options_;
  std::vector<std::vector<double>> states_;  // of this episode
  std::vector<double> rewards_;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_MONTE_CARLO_H_
