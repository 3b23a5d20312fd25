// One pass of a resize of 8-bit pixels, as imaging/resize_passes.h has it: integer sums of
// coefficients with 22 fractional bits, rounded and clamped to a byte. The bytes are the CPU's.
#ifndef ESPY_KERNELS_CUDA_RESIZE_H_
#define ESPY_KERNELS_CUDA_RESIZE_H_

#include <cstdint>

#include "espy/status.h"

namespace espy::cuda {

// Output position i of an axis is the sum over t < count of coefficients[i * stride + t] times
// input position first + t.
struct ResizeSpan {
  std::int32_t first = 0;
  std::int32_t count = 0;
};

struct ResizeArgs {
  const std::uint8_t* in = nullptr;  // [rows, in_width, 3], or for the vertical pass [*, row_bytes]
  const ResizeSpan* spans = nullptr;           // [outputs]
  const std::int32_t* coefficients = nullptr;  // [outputs, stride]
  std::int32_t stride = 0;
  std::int32_t outputs = 0;
  std::uint8_t* out = nullptr;
  std::int64_t out_stride = 0;  // bytes between rows of out
};

// out: [rows, outputs, 3]. Queues the kernel on `stream` and does not wait; everything pointed to
// is in device memory.
Status ResizeHorizontally(const ResizeArgs& args, std::int32_t rows, std::int32_t in_width,
                          void* stream);
// out: [outputs, row_bytes].
Status ResizeVertically(const ResizeArgs& args, std::int32_t row_bytes, void* stream);

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_RESIZE_H_
