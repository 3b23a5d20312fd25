#include "ranking/methods/network.h"

#include <cmath>

namespace espy::ranking {

Network::Network(std::size_t inputs, std::size_t hidden, Random* random)
    : inputs_(inputs), hidden_(hidden), weights_(hidden * inputs + 2 * hidden + 1) {
  const double limit = std::sqrt(6.0 / static_cast<double>(inputs + hidden));
  for (std::size_t i = 0; i < hidden * inputs; ++i) {
    weights_[i] = limit * (2 * random->Uniform() - 1);
  }
}

std::vector<double> Network::Hidden(std::span<const double> x) const {
  std::vector<double> h(hidden_);
  for (std::size_t j = 0; j < hidden_; ++j) {
    double sum = weights_[hidden_ * inputs_ + j];
    for (std::size_t i = 0; i < inputs_; ++i) sum += weights_[j * inputs_ + i] * x[i];
    h[j] = std::tanh(sum);
  }
  return h;
}

double Network::Value(std::span<const double> x) const {
  const std::vector<double> h = Hidden(x);
  double value = weights_.back();
  for (std::size_t j = 0; j < hidden_; ++j) value += weights_[hidden_ * (inputs_ + 1) + j] * h[j];
  return value;
}

std::vector<double> Network::Gradient(std::span<const double> x) const {
  const std::vector<double> h = Hidden(x);
  std::vector<double> gradient(weights_.size());
  for (std::size_t j = 0; j < hidden_; ++j) {
    const double inside = weights_[hidden_ * (inputs_ + 1) + j] * (1 - h[j] * h[j]);
    for (std::size_t i = 0; i < inputs_; ++i) gradient[j * inputs_ + i] = inside * x[i];
    gradient[hidden_ * inputs_ + j] = inside;
    gradient[hidden_ * (inputs_ + 1) + j] = h[j];
  }
  gradient.back() = 1;
  return gradient;
}

}  // namespace espy::ranking
