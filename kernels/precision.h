// The numbers that a product's weights and activations are held in.
#ifndef ESPY_KERNELS_PRECISION_H_
#define ESPY_KERNELS_PRECISION_H_

#include <string_view>

namespace espy::kernels {

// Sums are FP32 in the first two and exact whole numbers in the third; what enters and leaves a
// product is FP32 always.
enum class Precision {
  kFloat32,
  // Weights in BF16. Activations too where the CPU multiplies BF16 (AVX-512 BF16); FP32 elsewhere,
  // where the format saves memory and not time.
  kBfloat16,
  // Weights in 8 bits with one scale an output, activations in 8 bits with one scale a row, both
  // symmetric about 0: x ~ scale * q, q in [-127, 127], scale = max |x| / 127.
  kInt8,
};
inline constexpr int kPrecisions = 3;

constexpr std::string_view PrecisionName(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return "fp32";
    case Precision::kBfloat16:
      return "bf16";
    case Precision::kInt8:
      return "int8";
  }
  return "";
}

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_PRECISION_H_
