#include "kernels/attention.h"

#include "base/check.h"
#include "kernels/aligned_buffer.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/parallel.h"

namespace espy::kernels {

void Attention(const AttentionArgs& args, ThreadPool* pool) {
  ESPY_CHECK(args.head_dim >= 1 && args.head_dim <= 1024, "head dimensions are from 1 to 1024");
  double flop = 0;
  for (std::int64_t s = 0; s < args.sequences; ++s) {
    flop += 4.0 * static_cast<double>(args.query_offsets[s + 1] - args.query_offsets[s]) *
            static_cast<double>(args.key_offsets[s + 1] - args.key_offsets[s]) *
            static_cast<double>(args.heads * args.head_dim);
  }
  if (!WorthThreads(pool, flop)) pool = nullptr;
  const bool bf16 =
      args.precision != Precision::kFloat32 && cpu::Kernels().attention_bf16.run != nullptr;
  const cpu::AttentionKernels& kernels =
      bf16 ? cpu::Kernels().attention_bf16 : cpu::Kernels().attention;
  ParallelFor(pool, args.sequences * args.heads, [&](std::int64_t task) {
    const std::int64_t s = task / args.heads;
    const std::int64_t column = task % args.heads * args.head_dim;
    const std::int64_t query = args.query_offsets[s];
    const std::int64_t key = args.key_offsets[s];
    const std::int64_t queries = args.query_offsets[s + 1] - query;
    const std::int64_t keys = args.key_offsets[s + 1] - key;
    ESPY_CHECK(keys > 0 && (!args.causal || keys == queries),
               "every sequence has a key, and a causal one as many queries");
    if (queries == 0) return;
    thread_local AlignedBuffer scratch;
    scratch.Reserve(kernels.scratch(keys, args.head_dim));
    kernels.run({.q = args.q.data + query * args.q.row_stride + column,
                 .k = args.k.data + key * args.k.row_stride + column,
                 .v = args.v.data + key * args.v.row_stride + column,
                 .q_stride = args.q.row_stride,
                 .k_stride = args.k.row_stride,
                 .v_stride = args.v.row_stride,
                 .queries = queries,
                 .keys = keys,
                 .head_dim = args.head_dim,
                 .scale = args.scale,
                 .causal = args.causal,
                 .out = args.out + query * args.out_stride + column,
                 .out_stride = args.out_stride,
                 .scratch = scratch.data()});
  });
}

}  // namespace espy::kernels
