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
  constexpr float kLog2OfE = 1.44269504f;
  const int row = BlockX() * (ThreadsOfBlock() / 32) + ThreadInBlock() / 32;
  const int lane = ThreadInBlock() % 32;
  if (row >= args.rows) return;  // whole warps
  const std::int64_t column = static_cast<std::int64_t>(BlockY()) * args.head_dim;
  const AttentionPath path = args.paths[row];
  const T* from = static_cast<const T*>(args.q.data) + row * args.q.row_stride + column;
  const T* keys = static_cast<const T*>(args.k.data) + path.first * args.k.row_stride + column;
  const T* values = static_cast<const T*>(args.v.data) + path.first * args.v.row_stride + column;

  float q[kColumns];
  for (int c = 0; c < kColumns; ++c) {
    const int i = c * 32 + lane;
    q[c] = i < args.head_dim ? ToFloat(from[i]) * args.scale * kLog2OfE : 0;
  }
  OnlineSoftmax<kColumns> softmax;
  const int seen = path.kept + path.path_length;
  for (int n = 0; n < seen; ++n) {
    const std::int64_t slot = n < path.kept ? n : args.slots[path.path + n - path.kept];
    const T* k = keys + slot * args.k.row_stride;
    const T* v = values + slot * args.v.row_stride;
    float score = 0;
    for (int c = 0; c < kColumns; ++c) {
      const int i = c * 32 + lane;
      if (i < args.head_dim) score += q[c] * ToFloat(k[i]);
    }
    for (int mask = 16; mask > 0; mask /= 2) score += ShuffleXor(score, mask);
    softmax.Add(score, [&](int c) {
      const int i = c * 32 + lane;
      return i < args.head_dim ? ToFloat(v[i]) : 0.0f;
    });
  }
  T* to = static_cast<T*>(args.out) + row * args.out_stride + column;
  for (int c = 0; c < kColumns; ++c) {
    const int i = c * 32 + lane;
    if (i < args.head_dim) to[i] = FromFloat<T>(softmax.out[c] / softmax.sum);
  }
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_PATH_ATTENTION_CUH_
