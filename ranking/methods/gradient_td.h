// Temporal differences that follow a true gradient, and so converge off policy too.
#ifndef ESPY_RANKING_METHODS_GRADIENT_TD_H_
#define ESPY_RANKING_METHODS_GRADIENT_TD_H_

#include <utility>
#include <vector>

#include "ranking/methods/transition.h"

namespace espy::ranking {

// Sutton and others, ICML 2009; section 11.7. With d the TD error and v a second set of weights,
//   GTD2  w <- w + a rho (x_t - g x_{t+1}) (x_t . v)
//   TDC   w <- w + a rho (d x_t - g x_{t+1} (x_t . v))
//   both  v <- v + b rho (d - v . x_t) x_t
class GradientTd final : public ValueMethod {
 public:
  enum class Kind { kGtd2, kTdc };
  struct Options {
    Kind kind = Kind::kTdc;
    double step = 0.005;   // a
    double second = 0.05;  // b
    double discount = 0.99;
  };
  GradientTd(std::vector<double> weights, const Options& options)
      : weights_(std::move(weights)), second_(weights_.size()), options_(options) {}

  void Observe(const Transition& transition) override;
  double Value(std::span<const double> state) const override { return Dot(weights_, state); }
  const std::vector<double>& weights() const { return weights_; }

 private:
  std::vector<double> weights_, second_;
  Options options_;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_GRADIENT_TD_H_
