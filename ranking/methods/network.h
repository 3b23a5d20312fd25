// A small network with one hidden layer: a value that no linear function of the features is.
#ifndef ESPY_RANKING_METHODS_NETWORK_H_
#define ESPY_RANKING_METHODS_NETWORK_H_

#include <cstddef>
#include <span>
#include <vector>

#include "base/random.h"

namespace espy::ranking {

// f(x) = b_2 + w_2 . tanh(W_1 x + b_1)
class Network {
 public:
  // Weights by Glorot and Bengio (AISTATS 2010), the last layer zeros, so that f begins as 0.
  Network(std::size_t inputs, std::size_t hidden, Random* random);

  double Value(std::span<const double> x) const;
  // d f / d weights, in the order of weights().
  std::vector<double> Gradient(std::span<const double> x) const;

  std::vector<double>& weights() { return weights_; }  // W_1 [hidden, inputs], b_1, w_2, b_2
  const std::vector<double>& weights() const { return weights_; }

 private:
  std::vector<double> Hidden(std::span<const double> x) const;

  std::size_t inputs_, hidden_;
  std::vector<double> weights_;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_NETWORK_H_
