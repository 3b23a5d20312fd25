// Pictures in device memory cut into the rows that a patch embedding multiplies.
#ifndef ESPY_KERNELS_CUDA_PATCHES_H_
#define ESPY_KERNELS_CUDA_PATCHES_H_

#include <cstdint>

#include "espy/status.h"
#include "kernels/element.h"

namespace espy::cuda {

// A picture among others.
struct PicturePlace {
  std::int64_t first = 0;      // its first value in `pixels`, counted in values
  std::int32_t width = 0;      // pixels
  std::int32_t height = 0;     // pixels
  std::int32_t first_row = 0;  // of `out`: that of its first patch
};

struct PatchesArgs {
  kernels::ElementType type = kernels::ElementType::kFloat16;  // of out: FP16 or BF16
  // FP32 [3, height, width] of each picture; or, where `normal` is given, bytes [height, width, 3].
  const void* pixels = nullptr;
  const float* normal = nullptr;           // [3, 256]: what a byte of a channel stands for
  const PicturePlace* pictures = nullptr;  // [count], by first_row
  std::int32_t count = 0;
  std::int32_t rows = 0;   // patches of all pictures
  std::int32_t patch = 0;  // pixels a side; what is beyond the last whole patch is left out
  // A row is flattened as (channel, row, column), as a convolution's weight is stored, or, with
  // this, as (row, column, channel).
  bool channels_last = false;
  void* out = nullptr;          // [rows, out_stride]
  std::int64_t out_stride = 0;  // 3 patch^2 at least; what is beyond is zeros
};

// Queues the kernel on `stream` and does not wait. Everything pointed to is in device memory.
Status ExtractPatches(const PatchesArgs& args, void* stream);

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_PATCHES_H_
