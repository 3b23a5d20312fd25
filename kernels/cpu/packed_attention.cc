#include "kernels/packed_attention.h"

#include "base/check.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/parallel.h"

namespace espy::kernels {
namespace {

const cpu::AttentionKernels& KernelsOf(bool bfloat16) {
  return bfloat16 ? cpu::Kernels().attention_bf16 : cpu::Kernels().attention;
}

}  // namespace

void PackedKeyValues::Pack(HeadRows k, HeadRows v, std::int64_t keys, std::int64_t heads,
                           std::int64_t head_dim, Precision precision, ThreadPool* pool) {
  ESPY_CHECK(head_dim >= 1 && head_dim <= 1024, "head dimensions are from 1 to 1024");
  ESPY_CHECK(keys > 0 && heads > 0, "a sequence has a key, and a head");
  keys_ = keys;
  heads_ = heads;
  head_dim_ = head_dim;
  bfloat16_ = precision != Precision::kFloat32 && cpu::Kernels().attention_bf16.run != nullptr;
  const cpu::AttentionKernels& kernels = KernelsOf(bfloat16_);
  head_floats_ = kernels.panels(keys, head_dim);
  // A line past the end for the tiles' prefetch and rounding up.
  memory_.Reserve(heads * head_floats_ + 64);
  ParallelFor(pool, heads, [&](std::int64_t h) {
    kernels.pack({.k = k.data + h * head_dim,
                  .v = v.data + h * head_dim,
                  .k_stride = k.row_stride,
                  .v_stride = v.row_stride,
                  .keys = keys,
                  .head_dim = head_dim},
                 memory_.data() + h * head_floats_);
  });
}

void PackedAttention(const PackedAttentionArgs& args, ThreadPool* pool) {
  if (args.sequences == 0) return;
  const std::int64_t heads = args.keys[0]->heads();
  const std::int64_t head_dim = args.keys[0]->head_dim();
  double flop = 0;
  for (std::int64_t s = 0; s < args.sequences; ++s) {
    ESPY_CHECK(args.keys[s]->heads() == heads && args.keys[s]->head_dim() == head_dim,
               "keys of one call have one shape of heads");
    flop += 4.0 * static_cast<double>(args.query_offsets[s + 1] - args.query_offsets[s]) *
            static_cast<double>(args.keys[s]->keys() * heads * head_dim);
  }
  // A step's few rows are bound by the keys that are read, not by what is computed.
  constexpr double kFlopOfAByte = 4;
  double bytes = 0;
  for (std::int64_t s = 0; s < args.sequences; ++s) {
    bytes += static_cast<double>(args.keys[s]->bytes());
  }
  if (!WorthThreads(pool, flop + kFlopOfAByte * bytes)) pool = nullptr;
  ParallelFor(pool, args.sequences * heads, [&](std::int64_t task) {
    const std::int64_t s = task / heads;
    const std::int64_t h = task % heads;
    const std::int64_t query = args.query_offsets[s];
    const std::int64_t queries = args.query_offsets[s + 1] - query;
    if (queries == 0) return;
    const PackedKeyValues& keys = *args.keys[s];
    const cpu::AttentionKernels& kernels = KernelsOf(keys.bfloat16());
    thread_local AlignedBuffer scratch;
    scratch.Reserve(kernels.scratch(1, head_dim));
    kernels.run({.q = args.q.data + query * args.q.row_stride + h * head_dim,
                 .panels = keys.head(h),
                 .q_stride = args.q.row_stride,
                 .queries = queries,
                 .keys = keys.keys(),
                 .head_dim = head_dim,
                 .scale = args.scale,
                 .out = args.out + query * args.out_stride + h * head_dim,
                 .out_stride = args.out_stride,
                 .scratch = scratch.data()});
  });
}

}  // namespace espy::kernels
