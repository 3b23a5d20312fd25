// Attention to keys and values that are read many times: laid out once for the kernel, as weights
// are. (Multi-head attention of rows that are read once is attention.h's.)
#ifndef ESPY_KERNELS_PACKED_ATTENTION_H_
#define ESPY_KERNELS_PACKED_ATTENTION_H_

#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/aligned_buffer.h"
#include "kernels/attention.h"
#include "kernels/precision.h"

namespace espy::kernels {

// K and V of one sequence, every head's in the panels that Attention makes anew at each call. Half
// the size where the kernel multiplies BF16 (AttentionArgs::precision says when).
class PackedKeyValues {
 public:
  // k, v: `keys` rows each, at least one. What was packed before is replaced, in its memory where
  // that is large enough. Throws std::bad_alloc; `pool` may be null.
  void Pack(HeadRows k, HeadRows v, std::int64_t keys, std::int64_t heads, std::int64_t head_dim,
            Precision precision, ThreadPool* pool);

  std::int64_t keys() const { return keys_; }
  std::int64_t heads() const { return heads_; }
  std::int64_t head_dim() const { return head_dim_; }
  bool bfloat16() const { return bfloat16_; }
  std::int64_t bytes() const { return memory_.size() * 4; }
  const float* head(std::int64_t h) const { return memory_.data() + h * head_floats_; }

 private:
  std::int64_t keys_ = 0;
  std::int64_t heads_ = 0;
  std::int64_t head_dim_ = 0;
  std::int64_t head_floats_ = 0;
  bool bfloat16_ = false;
  AlignedBuffer memory_;  // [heads, head_floats_]
};

struct PackedAttentionArgs {
  std::int64_t sequences = 0;
  float scale = 1;
  const PackedKeyValues* const* keys = nullptr;  // [sequences], all of one shape of heads
  const std::int64_t* query_offsets = nullptr;   // [sequences + 1], as in AttentionArgs
  HeadRows q;
  float* out = nullptr;  // [query rows, heads * head_dim]
  std::int64_t out_stride = 0;
};

// The bits that Attention gives for the same rows, not causal; a query's depend on itself and its
// sequence's keys alone.
void PackedAttention(const PackedAttentionArgs& args, ThreadPool* pool);

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_PACKED_ATTENTION_H_
