// LayerNorm on the device, joined with the addition to the residual stream that comes before it.
#ifndef ESPY_KERNELS_CUDA_NORM_H_
#define ESPY_KERNELS_CUDA_NORM_H_

#include <cstdint>

#include "espy/status.h"
#include "kernels/element.h"

namespace espy::cuda {

// x += added; out = (x - mean) / sqrt(variance + eps) * weight + bias, row by row. The stream and
// all sums are FP32, whatever `type` is: in 16 bits the stream of 24 layers would lose what they
// add. Everything is in device memory and begins at a multiple of 16 bytes.
struct ResidualNormArgs {
  kernels::ElementType type = kernels::ElementType::kFloat16;  // of added and out
  std::int32_t rows = 0;
  std::int32_t width = 0;         // a multiple of 4, at most 2048
  float* x = nullptr;             // [rows, width]
  const void* added = nullptr;    // [rows, width], or null: x stays as it is
  const float* weight = nullptr;  // [width]
  const float* bias = nullptr;    // [width]
  float eps = 1e-5f;
  bool post = false;    // the stream becomes the norm too, in FP32 (post-norm layers, as BERT's)
  void* out = nullptr;  // [rows, width]
};

// Queues the kernel on `stream` and does not wait. InvalidArgument for another width; Unavailable
// when the device fails. A row's result does not depend on other rows.
Status ResidualNorm(const ResidualNormArgs& args, void* stream);

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_NORM_H_
