// Attention of a decoding step's rows on the device, each to its own past: kernels/path_attention.h
// in device memory, in FP16 or BF16 with FP32 sums, or in FP32. A tree of drafts is verified by it.
#ifndef ESPY_KERNELS_CUDA_PATH_ATTENTION_H_
#define ESPY_KERNELS_CUDA_PATH_ATTENTION_H_

#include <cstdint>

#include "espy/status.h"
#include "kernels/cuda/attention.h"
#include "kernels/element.h"

namespace espy::cuda {

// What one query sees, as row numbers of k and v: first, first + 1, ..., first + kept - 1, then
// first + slots[path], first + slots[path + 1], ..., path_length of them; one key at least.
struct AttentionPath {
  std::int64_t first = 0;
  std::int32_t kept = 0;
  std::int32_t path = 0;
  std::int32_t path_length = 0;
};

struct PathAttentionArgs {
  kernels::ElementType type = kernels::ElementType::kFloat16;  // of q, k, v and out
  std::int32_t rows = 0;
  std::int32_t heads = 0;
  std::int32_t head_dim = 0;  // 1 to 256
  float scale = 1;
  // In device memory: [rows], and what their paths are parts of.
  const AttentionPath* paths = nullptr;
  const std::int32_t* slots = nullptr;
  HeadRows q, k, v;
  void* out = nullptr;  // [rows, heads * head_dim]
  std::int64_t out_stride = 0;
};

// Queues the kernel on `stream` and does not wait; Unavailable when the device fails,
// InvalidArgument for another head_dim. A row's bits depend on its query and on the keys it sees in
// the order in which it sees them: not on other rows, and not on where the keys lie.
Status PathAttention(const PathAttentionArgs& args, void* stream);

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_PATH_ATTENTION_H_
