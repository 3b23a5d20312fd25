// Multi-head attention: out = softmax(scale Q K^T) V for every head of every sequence, in
// tiles; the matrix of scores is never held. The parts that read Q, K and V take strides, so that
// they come straight out of one fused projection [tokens, 3 * width] without a transpose.
#ifndef ESPY_KERNELS_ATTENTION_H_
#define ESPY_KERNELS_ATTENTION_H_

#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/precision.h"

namespace espy::kernels {

// Rows of [tokens, heads * head_dim] floats, `row_stride` floats apart; head h is columns [h *
// head_dim, +head_dim).
struct HeadRows {
  const float* data = nullptr;
  std::int64_t row_stride = 0;
};

struct AttentionArgs {
  std::int64_t sequences = 0;
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;  // any size from 1 to 1024
  float scale = 1;            // of Q K^T, 1 / sqrt(head_dim) mostly
  // Anything but FP32 multiplies in BF16, with FP32 sums and softmax, on a CPU with BF16 dot
  // products; others multiply in FP32 whatever is asked.
  Precision precision = Precision::kFloat32;
  bool causal = false;  // query i of a sequence sees its keys 0..i; needs as many queries as keys

  // Sequence s has the query rows [query_offsets[s], query_offsets[s + 1]) of q and out, and the
  // key rows [key_offsets[s], key_offsets[s + 1]) of k and v. Each array has sequences + 1 entries;
  // every sequence has a key.
  const std::int64_t* query_offsets = nullptr;
  const std::int64_t* key_offsets = nullptr;

  HeadRows q, k, v;
  float* out = nullptr;  // [query rows, heads * head_dim]
  std::int64_t out_stride = 0;
};

// A query's result depends on its own sequence alone, and has the same bits whatever sequences are
// beside it and however many threads work: tasks are (sequence, head), `pool` may be null.
void Attention(const AttentionArgs& args, ThreadPool* pool);

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_ATTENTION_H_
