// Attention on the GPU behind a C function, for cuda_attention_peers.py to call on PyTorch's
// tensors: ours and the peers' are then timed in one process on the same data.
#include <cstdint>
#include <cstdio>

#include "kernels/cuda/attention.h"

extern "C" {

// qkv: [tokens, 3, heads, head_dim], out: [tokens, heads, head_dim], offsets: sequences + 1 of
// int32, all on the device. kernel: 0 fastest, 1 reference, 2 plain, 3 fused, 4 hopper. 0 when
// queued.
__attribute__((visibility("default"))) int espy_cuda_attention(
    int bfloat16, int kernel, std::int32_t sequences, std::int32_t heads, std::int32_t head_dim,
    float scale, int causal, const std::int32_t* offsets, std::int32_t most, const void* qkv,
    void* out, void* stream) {
  using espy::kernels::ElementType;
  const std::int64_t width = std::int64_t{heads} * head_dim;
  const auto* bytes = static_cast<const std::uint8_t*>(qkv);
  espy::cuda::AttentionArgs args{
      .type = bfloat16 != 0 ? ElementType::kBfloat16 : ElementType::kFloat16,
      .sequences = sequences,
      .heads = heads,
      .head_dim = head_dim,
      .scale = scale,
      .causal = causal != 0,
      .query_offsets = offsets,
      .key_offsets = offsets,
      .most_queries = most,
      .most_keys = most,
      .key_rows = sequences * most,
      .q = {bytes, 3 * width},
      .k = {bytes + width * 2, 3 * width},
      .v = {bytes + width * 4, 3 * width},
      .out = out,
      .out_stride = width};
  const espy::Status status =
      espy::cuda::Attention(args, static_cast<espy::cuda::AttentionKernel>(kernel), stream);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}
}
