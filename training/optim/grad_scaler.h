// Dynamic loss scaling: FP16 gradients vanish below 6e-8, so the loss is multiplied before the way
// back and the gradients are divided after it. The scale is as torch.amp.GradScaler's, number for
// number: after each step with an infinity or NaN it is multiplied by `backoff`, after
// `growth_interval` steps in a row without one by `growth`.
#ifndef ESPY_TRAINING_OPTIM_GRAD_SCALER_H_
#define ESPY_TRAINING_OPTIM_GRAD_SCALER_H_

#include <cmath>
#include <cstdint>

#include "training/parameter.h"

namespace espy::training {

struct GradScalerOptions {
  float initial_scale = 65536;
  double growth = 2;
  double backoff = 0.5;
  std::int32_t growth_interval = 2000;
};

class GradScaler {
 public:
  explicit GradScaler(const GradScalerOptions& options = {})
      : options_(options), scale_(options.initial_scale) {}

  float scale() const { return scale_; }
  std::int32_t steps_without_overflow() const { return tracker_; }

  // Divides all gradients by the scale. False when one of them is infinite or NaN: then the step is
  // to be left out, which Update must be told all the same.
  bool Unscale(ParameterSet* parameters) const {
    // 1 / scale in double, then rounded: what torch multiplies by.
    const auto inverse = static_cast<float>(1.0 / static_cast<double>(scale_));
    bool finite = true;
    for (Parameter& parameter : parameters->all()) {
      for (float& g : parameter.gradient) {
        finite = finite && std::isfinite(g);  // of the scaled one, as torch looks
        g *= inverse;
      }
    }
    return finite;
  }

  void Update(bool finite) {
    if (!finite) {
      scale_ = static_cast<float>(scale_ * options_.backoff);
      tracker_ = 0;
      return;
    }
    if (++tracker_ < options_.growth_interval) return;
    const auto grown = static_cast<float>(scale_ * options_.growth);
    if (std::isfinite(grown)) scale_ = grown;  // torch leaves a scale that would overflow
    tracker_ = 0;
  }

  void Restore(float scale, std::int32_t tracker) {
    scale_ = scale;
    tracker_ = tracker;
  }

 private:
  GradScalerOptions options_;
  float scale_;
  std::int32_t tracker_ = 0;
};

}  // namespace espy::training

#endif  // ESPY_TRAINING_OPTIM_GRAD_SCALER_H_
