// AdamW (Loshchilov and Hutter, 2019), the numbers of torch.optim.AdamW. At step k, for gradient g:
//   p *= 1 - lr * decay                                  (decoupled: where the parameter decays)
//   m += (1 - beta1) (g - m),  v = beta2 v + (1 - beta2) g^2
//   p -= lr / (1 - beta1^k) * m / (sqrt(v) / sqrt(1 - beta2^k) + eps)
#ifndef ESPY_TRAINING_OPTIM_ADAMW_H_
#define ESPY_TRAINING_OPTIM_ADAMW_H_

#include <cstdint>
#include <vector>

#include "training/parameter.h"

namespace espy::training {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
};

class AdamW {
 public:
  // `parameters` must outlive it, and get no new member.
  AdamW(ParameterSet* parameters, const AdamWOptions& options);

  // One step with the gradients as they are; they stay.
  void Step(double learning_rate);

  std::int64_t steps() const { return steps_; }

  // For checkpoints: of each parameter, in their order.
  std::vector<std::vector<float>>& first_moments() { return first_moments_; }
  std::vector<std::vector<float>>& second_moments() { return second_moments_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  ParameterSet* parameters_;
  AdamWOptions options_;
  std::vector<std::vector<float>> first_moments_;
  std::vector<std::vector<float>> second_moments_;
  std::int64_t steps_ = 0;
};

// The length of all gradients together; infinite or NaN when one of their numbers is. Summed in
// double precision.
double GradientNorm(const ParameterSet& parameters);

// Multiplies all gradients by min(1, max_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_;
// `norm` is what GradientNorm gave.
void ClipGradients(double norm, double max_norm, ParameterSet* parameters);

}  // namespace espy::training

#endif  // ESPY_TRAINING_OPTIM_ADAMW_H_
