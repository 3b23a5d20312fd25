// Attention along paths: a warp for each row and head, in one pass over the keys that the row sees.
//
// Not by the tensor cores' tiles: a row of a draft's tree shares its keys with its ancestors alone,
// a caption has tens of them, and a tile under an ancestor mask would read keys that most of its
// queries must not see. The keys come out of the cache; what such a step waits for is its weights.
#ifndef ESPY_KERNELS_CUDA_PATH_ATTENTION_CUH_
#define ESPY_KERNELS_CUDA_PATH_ATTENTION_CUH_

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/online_softmax.cuh"
#include "kernels/cuda/path_attention.h"

namespace espy::cuda {

// Lanes hold every 32nd column of the query and of the output; head_dim <= 32 * kColumns. Grid:
// (blocks of one row a warp, heads).
template <class T, int kColumns>
ESPY_KERNEL AttentionAlongPaths(PathAttentionArgs args) {
  const int row = BlockX() * (ThreadsOfBlock() / 32) + ThreadInBlock() / 32;
  if (row >= args.rows) return;  // whole warps
  const std::int64_t column = static_cast<std::int64_t>(BlockY()) * args.head_dim;
  const AttentionPath path = args.paths[row];
  const T* from = static_cast<const T*>(args.q.data) + row * args.q.row_stride + column;
  const T* keys = static_cast<const T*>(args.k.data) + path.first * args.k.row_stride + column;
  const T* values = static_cast<const T*>(args.v.data) + path.first * args.v.row_stride + column;

  const QueryOfLane<T, kColumns> query(from, args.head_dim, args.scale);
  OnlineSoftmax<kColumns> softmax;
  const int seen = path.kept + path.path_length;
  for (int n = 0; n < seen; ++n) {
    const std::int64_t slot = n < path.kept ? n : args.slots[path.path + n - path.kept];
    const T* k = keys + slot * args.k.row_stride;
    const T* v = values + slot * args.v.row_stride;
    softmax.AddKey(query.Score(k, args.head_dim), v, args.head_dim);
  }
  softmax.Store(static_cast<T*>(args.out) + row * args.out_stride + column, args.head_dim);
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_PATH_ATTENTION_CUH_
