// The functions of kernels/activation.h for one number.
#ifndef ESPY_KERNELS_CUDA_ACTIVATION_CUH_
#define ESPY_KERNELS_CUDA_ACTIVATION_CUH_

#include "kernels/activation.h"
#include "kernels/cuda/platform.cuh"

namespace espy::cuda {

ESPY_DEVICE float Activated(kernels::Activation activation, float x) {
  // Of both sigmoids 1 / (1 + e^-y) by a power of 2; far below 0 the power is infinite and the
  // value 0.
  constexpr float kLog2OfE = 1.44269504f;
  switch (activation) {
    case kernels::Activation::kQuickGelu:
      return x / (1.0f + Exp2(-1.702f * kLog2OfE * x));
    case kernels::Activation::kGeluTanh:
      // (1 + tanh y) / 2 is the sigmoid of 2 y.
      return x / (1.0f + Exp2(-2.0f * kLog2OfE * 0.797884561f * (x + 0.044715f * x * x * x)));
    case kernels::Activation::kGelu:
      return 0.5f * x * (1.0f + Erf(x * 0.707106781f));
    case kernels::Activation::kNone:
      break;
  }
  return x;
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_ACTIVATION_CUH_
