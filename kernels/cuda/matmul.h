// C = act(A W^T + bias) + residual on the device: A and W in FP16 or BF16, sums in FP32.
#ifndef ESPY_KERNELS_CUDA_MATMUL_H_
#define ESPY_KERNELS_CUDA_MATMUL_H_

#include <cstddef>
#include <cstdint>

#include "espy/status.h"
#include "kernels/activation.h"
#include "kernels/element.h"

namespace espy::cuda {

struct MatmulArgs {
  kernels::ElementType type = kernels::ElementType::kFloat16;      // of a and weights
  kernels::ElementType out_type = kernels::ElementType::kFloat16;  // the same, or FP32
  std::int32_t rows = 0;
  std::int32_t outputs = 0;
  std::int32_t inputs = 0;
  const void* a = nullptr;  // [rows, inputs], rows a_stride numbers apart
  std::int64_t a_stride = 0;
  const void* weights = nullptr;  // [outputs, inputs]
  std::int64_t weights_stride = 0;
  const float* bias = nullptr;    // [outputs] or null
  const void* bias_16 = nullptr;  // the same in `type`: cuBLASLt adds a bias of out's own type
  kernels::Activation activation = kernels::Activation::kNone;
  const float* residual = nullptr;  // [rows, outputs], rows out_stride apart, or null; may be out
  void* out = nullptr;              // [rows, outputs]; must not overlap a
  std::int64_t out_stride = 0;

  // Scratch of cuBLASLt, at a multiple of 256 bytes; without it some of its algorithms are left
  // out.
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
};

// The ladder: what each rung gains is for bench/ to say.
enum class MatmulKernel {
  kFastest,    // kCublasLt where it is found and takes the arguments, else kTensor, else kReference
  kReference,  // a thread an element: read this first
  kTensor,     // our own on tensor cores; a and weights at multiples of 16 bytes, strides and
               // inputs multiples of 8
  kCublasLt,   // NVIDIA's, loaded at run time (cublaslt.h)
};

// What kTensor needs.
bool TensorTakes(const MatmulArgs& args);

// Queues the product on `stream` and does not wait. InvalidArgument when the kernel asked for does
// not take the arguments; Unavailable when the device, or cuBLASLt, is not there. By kReference and
// kTensor a row of out depends on its own row of a alone, to the bit; cuBLASLt chooses its tiles by
// the number of rows.
Status Matmul(const MatmulArgs& args, MatmulKernel kernel, void* stream);

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_MATMUL_H_
