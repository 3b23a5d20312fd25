// Cross-attention of few rows to many keys: a block for each row and head, whose warps share the
// keys out among them and join what they gathered in the order of their keys.
//
// One warp alone would walk a picture's 577 rows one after the other while most of the GPU has
// nothing to do: a step has as many rows as there are captions. The tensor cores' tiles would be
// empty but for one row, or read by rows of one picture only.
#ifndef ESPY_KERNELS_CUDA_PICTURE_ATTENTION_CUH_
#define ESPY_KERNELS_CUDA_PICTURE_ATTENTION_CUH_

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/online_softmax.cuh"
#include "kernels/cuda/picture_attention.h"

namespace espy::cuda {

inline constexpr int kPictureWarps = 8;  // of a block

// What a warp leaves in shared memory for the first: the largest score, the sum, and the head's
// columns.
template <int kColumns>
struct GatheredByWarp {
  float largest, sum;
  float out[kColumns * 32];
};

// Lanes hold every 32nd column; head_dim <= 32 * kColumns. Grid: (rows, heads).
template <class T, int kColumns>
ESPY_KERNEL AttentionToPictures(PictureAttentionArgs args) {
  const int row = BlockX();
  const int warp = ThreadInBlock() / 32, lane = ThreadInBlock() % 32;
  const std::int64_t width = static_cast<std::int64_t>(args.heads) * args.head_dim;
  const std::int64_t column = static_cast<std::int64_t>(BlockY()) * args.head_dim;
  const PictureRows picture = args.pictures[row];
  const T* from = static_cast<const T*>(args.q.data) + row * args.q.row_stride + column;
  const T* keys =
      static_cast<const T*>(picture.data) + args.layer * picture.tokens * 2 * width + column;

  const QueryOfLane<T, kColumns> query(from, args.head_dim, args.scale);
  const int share = (picture.tokens + kPictureWarps - 1) / kPictureWarps;
  const int begin = warp * share;
  const int end = begin + share < picture.tokens ? begin + share : picture.tokens;
  OnlineSoftmax<kColumns> softmax;
  for (int n = begin; n < end; ++n) {
    const T* k = keys + n * 2 * width;
    softmax.AddKey(query.Score(k, args.head_dim), k + width, args.head_dim);
  }

  auto* gathered = reinterpret_cast<GatheredByWarp<kColumns>*>(SharedMemory());
  if (lane == 0) {
    gathered[warp].largest = softmax.largest;
    gathered[warp].sum = softmax.sum;
  }
  for (int c = 0; c < kColumns; ++c) gathered[warp].out[c * 32 + lane] = softmax.out[c];
  SyncBlock();
  if (warp != 0) return;
  for (int other = 1; other < kPictureWarps; ++other) {
    const GatheredByWarp<kColumns>& more = gathered[other];
    softmax.Merge(more.largest, more.sum, [&](int c) { return more.out[c * 32 + lane]; });
  }
  softmax.Store(static_cast<T*>(args.out) + row * args.out_stride + column, args.head_dim);
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_PICTURE_ATTENTION_CUH_
