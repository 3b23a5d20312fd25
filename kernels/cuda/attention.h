// Multi-head attention on the device: out = softmax(scale Q K^T) V for every head of every
// sequence, in FP16 or BF16 with FP32 sums, or in FP32. The arguments are those of
// kernels/attention.h, in device memory.
#ifndef ESPY_KERNELS_CUDA_ATTENTION_H_
#define ESPY_KERNELS_CUDA_ATTENTION_H_

#include <cstdint>

#include "espy/status.h"
#include "kernels/element.h"

namespace espy::cuda {

// Rows of [tokens, heads * head_dim] numbers, `row_stride` numbers apart; head h is columns
// [h * head_dim, +head_dim).
struct HeadRows {
  const void* data = nullptr;
  std::int64_t row_stride = 0;
};

struct AttentionArgs {
  kernels::ElementType type = kernels::ElementType::kFloat16;  // of q, k, v and out
  std::int32_t sequences = 0;
  std::int32_t heads = 0;
  std::int32_t head_dim = 0;  // 1 to 256
  float scale = 1;
  bool causal = false;  // query i of a sequence sees its keys 0..i; needs as many queries as keys

  // In device memory, sequences + 1 each: sequence s has the query rows [query_offsets[s],
  // query_offsets[s + 1]) and the key rows [key_offsets[s], key_offsets[s + 1]), one at least.
  const std::int32_t* query_offsets = nullptr;
  const std::int32_t* key_offsets = nullptr;
  // Of any sequence, known on the host.
  std::int32_t most_queries = 0;
  std::int32_t most_keys = 0;
  // Of all sequences together: where the tensors of K and V end. 0: not said; kHopper needs it.
  std::int32_t key_rows = 0;

  HeadRows q, k, v;
  void* out = nullptr;  // [query rows, heads * head_dim]
  std::int64_t out_stride = 0;
};

// The ladder: what each rung gains is measured by bench/cuda_attention.
enum class AttentionKernel {
  kFastest,    // kFused where it takes the arguments, else kPlain
  kReference,  // a thread a query, two passes over the keys: read this first
  kPlain,      // a warp a query, one pass with an online softmax
  kFused,      // tensor cores; FP16 and BF16, head_dim 64, 72, 80, 88, 96, 128
  kHopper,     // the same by warpgroups, on sm_90 alone (wgmma, TMA). Not yet what kFastest takes,
               // for as long as none has measured it, unless $ESPY_ATTENTION is "hopper"
};

// What kFused needs: its types and head dimensions, and rows that begin at multiples of 16 bytes.
bool FusedTakes(const AttentionArgs& args);

// What kHopper needs besides: a device of sm_90, and key_rows.
bool HopperTakes(const AttentionArgs& args);

// Queues the kernel on `stream` (a cudaStream_t; null is the default stream) and does not wait.
// InvalidArgument when the kernel asked for does not take the arguments; Unavailable when the
// device fails. A row of out depends on its own sequence alone, whatever is beside it.
Status Attention(const AttentionArgs& args, AttentionKernel kernel, void* stream);

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_ATTENTION_H_
