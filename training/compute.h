// Which numbers the products of a training step are made of.
#ifndef ESPY_TRAINING_COMPUTE_H_
#define ESPY_TRAINING_COMPUTE_H_

#include <cstdint>
#include <string_view>

namespace espy::training {

// In the 16-bit kinds what enters a product (activations, weights and the gradients that come back
// to it) and what leaves it is rounded to 16 bits, as torch.autocast has it; its sums are FP32.
// Master weights, their gradients, moments, norms, softmax and losses are FP32 in all three
// (Micikevicius et al., Mixed Precision Training, ICLR 2018, section 3).
enum class Compute {
  kFloat32,
  kBfloat16,  // FP32's range: needs no loss scaling
  kFloat16,   // overflows beyond 65504, vanishes below 6e-8: needs GradScaler
};

constexpr std::string_view ComputeName(Compute compute) {
  switch (compute) {
    case Compute::kFloat32:
      return "fp32";
    case Compute::kBfloat16:
      return "bf16";
    case Compute::kFloat16:
      return "fp16";
  }
  return "";
}

// values[i] becomes the nearest number of the kind, ties to even; beyond its range an infinity. NaN
// stays NaN. Nothing happens in FP32.
void Round(Compute compute, std::int64_t n, float* values);

}  // namespace espy::training

#endif  // ESPY_TRAINING_COMPUTE_H_
