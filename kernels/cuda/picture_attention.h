// Cross-attention of a decoding step on the device: rows of text, each looking at all of one
// picture, in FP16 or BF16 with FP32 sums, or in FP32.
#ifndef ESPY_KERNELS_CUDA_PICTURE_ATTENTION_H_
#define ESPY_KERNELS_CUDA_PICTURE_ATTENTION_H_

#include <cstdint>

#include "espy/status.h"
#include "kernels/cuda/attention.h"
#include "kernels/element.h"

namespace espy::cuda {

// What one query looks at: `tokens` rows of [2 * width] numbers, keys then values; one at least.
struct PictureRows {
  const void* data = nullptr;
  std::int32_t tokens = 0;
};

struct PictureAttentionArgs {
  kernels::ElementType type = kernels::ElementType::kFloat16;  // of q, pictures and out
  std::int32_t rows = 0;
  std::int32_t heads = 0;
  std::int32_t head_dim = 0;  // 1 to 256; width is heads * head_dim
  float scale = 1;
  const PictureRows* pictures = nullptr;  // [rows], in device memory
  std::int64_t layer = 0;  // a picture's layers lie one after the other: of `tokens` rows each
  HeadRows q;
  void* out = nullptr;  // [rows, width]
  std::int64_t out_stride = 0;
};

// Queues the kernel on `stream` and does not wait; Unavailable when the device fails,
// InvalidArgument for another head_dim. A row's bits depend on its query and its picture alone.
Status PictureAttention(const PictureAttentionArgs& args, void* stream);

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_PICTURE_ATTENTION_H_
