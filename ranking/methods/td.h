// Temporal differences: a state's value from the next state's.
#ifndef ESPY_RANKING_METHODS_TD_H_
#define ESPY_RANKING_METHODS_TD_H_

#include <utility>
#include <vector>

#include "ranking/methods/transition.h"

namespace espy::ranking {

// Semi-gradient TD(lambda) (section 12.2; TD(0), section 9.3, is lambda 0):
//   z <- g l z + x_t               (accumulating)   or, of features that are 1, z_i <- 1
//   (replacing) d = R + g w.x_{t+1} - w.x_t w <- w + a rho d z
// Biased by what the next value is wrong by, of low variance. Converges on policy with linear
// features; off policy it may diverge (section 11.2): gradient_td.h does not.
class TdLambda final : public ValueMethod {
 public:
  enum class Traces { kAccumulating, kReplacing };
  struct Options {
    double step = 0.1;
    double discount = 1;
    double lambda = 0;
    Traces traces = Traces::kAccumulating;
  };
  TdLambda(std::vector<double> weights, const Options& options)
      : weights_(std::move(weights)), trace_(weights_.size()), options_(options) {}

  void Observe(const Transition& transition) override;
  void EndEpisode() override { trace_.assign(trace_.size(), 0); }
  double Value(std::span<const double> state) const override { return Dot(weights_, state); }
  const std::vector<double>& weights() const { return weights_; }

 private:
  std::vector<double> weights_, trace_;
  Options options_;
};

// n-step semi-gradient TD (section 9.4; tables: 7.1): the return of n rewards and the value of the
// state after them. n of 1 is TD(0), n beyond the episode is Monte Carlo.
class NStepTd final : public ValueMethod {
 public:
  struct Options {
    std::size_t n = 4;
    double step = 0.1;
    double discount = 1;
  };
  NStepTd(std::vector<double> weights, const Options& options)
      : weights_(std::move(weights)), options_(options) {}

  void Observe(const Transition& transition) override;
  void EndEpisode() override;
  double Value(std::span<const double> state) const override { return Dot(weights_, state); }

 private:
  // The oldest state that waits, towards the rewards since and `after` beyond them.
  void UpdateOldest(double after);

  std::vector<double> weights_;
  Options options_;
  std::vector<std::vector<double>> states_;  // that wait for their n-th reward
  std::vector<double> rewards_;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_TD_H_
