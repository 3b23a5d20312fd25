#include "kernels/path_attention.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/aligned_buffer.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/parallel.h"

namespace espy::kernels {

void PathAttention(const PathAttentionArgs& args, ThreadPool* pool) {
  ESPY_CHECK(args.head_dim >= 1 && args.head_dim <= 1024, "head dimensions are from 1 to 1024");
  constexpr std::int64_t kMostLanes = 16;
  double flop = 0;
  std::int64_t most = 0;
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const std::int64_t keys = args.paths[r].kept + args.paths[r].path_length;
    ESPY_CHECK(keys > 0, "every row sees a key");
    most = std::max(most, keys);
    flop += 4.0 * static_cast<double>(keys * args.heads * args.head_dim);
  }
  if (!WorthThreads(pool, flop)) pool = nullptr;
  ParallelFor(pool, args.rows * args.heads, [&](std::int64_t task) {
    const AttentionPath& path = args.paths[task / args.heads];
    const std::int64_t row = task / args.heads;
    const std::int64_t column = task % args.heads * args.head_dim;
    thread_local AlignedBuffer scores;
    scores.Reserve(most + kMostLanes);
    cpu::Kernels().path_attention({.q = args.q.data + row * args.q.row_stride + column,
                                   .k = path.k.data + column,
                                   .v = path.v.data + column,
                                   .k_stride = path.k.row_stride,
                                   .v_stride = path.v.row_stride,
                                   .kept = path.kept,
                                   .path = path.path,
                                   .path_length = path.path_length,
                                   .head_dim = args.head_dim,
                                   .scale = args.scale,
                                   .out = args.out + row * args.out_stride + column,
                                   .scores = scores.data()});
  });
}

}  // namespace espy::kernels
