#include "training/optim/adamw.h"

#include <cmath>

namespace espy::training {

AdamW::AdamW(ParameterSet* parameters, const AdamWOptions& options)
    : parameters_(parameters), options_(options) {
  for (const Parameter& parameter : parameters->all()) {
    first_moments_.emplace_back(parameter.value.size());
    second_moments_.emplace_back(parameter.value.size());
  }
}

void AdamW::Step(double learning_rate) {
  ++steps_;
  const auto k = static_cast<double>(steps_);
  const auto step_size = static_cast<float>(learning_rate / (1 - std::pow(options_.beta1, k)));
  const auto root_correction = static_cast<float>(std::sqrt(1 - std::pow(options_.beta2, k)));
  const auto keep = static_cast<float>(1 - learning_rate * options_.weight_decay);
  const auto first_share = static_cast<float>(1 - options_.beta1);
  const auto second_keep = static_cast<float>(options_.beta2);
  const auto second_share = static_cast<float>(1 - options_.beta2);
  const auto eps = static_cast<float>(options_.eps);
  std::size_t at = 0;
  for (Parameter& parameter : parameters_->all()) {
    float* p = parameter.value.data();
    const float* g = parameter.gradient.data();
    float* m = first_moments_[at].data();
    float* v = second_moments_[at].data();
    ++at;
    for (std::size_t i = 0; i < parameter.value.size(); ++i) {
      if (parameter.decays) p[i] *= keep;
      m[i] += first_share * (g[i] - m[i]);
      v[i] = second_keep * v[i] + second_share * g[i] * g[i];
      p[i] -= step_size * (m[i] / (std::sqrt(v[i]) / root_correction + eps));
    }
  }
}

double GradientNorm(const ParameterSet& parameters) {
  double squares = 0;
  for (const Parameter& parameter : parameters.all()) {
    for (const float g : parameter.gradient) squares += static_cast<double>(g) * g;
  }
  return std::sqrt(squares);
}

void ClipGradients(double norm, double max_norm, ParameterSet* parameters) {
  const double factor = max_norm / (norm + 1e-6);
  if (factor >= 1) return;
  for (Parameter& parameter : parameters->all()) {
    for (float& g : parameter.gradient) g *= static_cast<float>(factor);
  }
}

}  // namespace espy::training
