// Sixteen queries of a warp and what attention knows of them so far, as tensor cores hold it:
// mma.sync and, for each of its four warps, wgmma have the same fragments.
#ifndef ESPY_KERNELS_CUDA_ATTENTION_QUERIES_CUH_
#define ESPY_KERNELS_CUDA_ATTENTION_QUERIES_CUH_

#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_reference.cuh"
#include "kernels/cuda/element.cuh"

namespace espy::cuda {

inline constexpr int kTileQueries = 16;  // of a warp

// The head of a sequence that a block works at.
template <class T>
struct FusedHead {
  const T* q;
  const T* k;
  const T* v;
  T* out;
  int queries, keys;

  ESPY_DEVICE FusedHead(const AttentionArgs& args, int sequence, int head) {
    const std::int64_t first_query = args.query_offsets[sequence];
    const std::int64_t first_key = args.key_offsets[sequence];
    const std::int64_t column = static_cast<std::int64_t>(head) * args.head_dim;
    q = static_cast<const T*>(args.q.data) + first_query * args.q.row_stride + column;
    k = static_cast<const T*>(args.k.data) + first_key * args.k.row_stride + column;
    v = static_cast<const T*>(args.v.data) + first_key * args.v.row_stride + column;
    out = static_cast<T*>(args.out) + first_query * args.out_stride + column;
    queries = args.query_offsets[sequence + 1] - static_cast<std::int32_t>(first_query);
    keys = args.key_offsets[sequence + 1] - static_cast<std::int32_t>(first_key);
  }
};

// A thread has two rows, lane / 4 and 8 below, and of them two neighbouring columns in every eight:
// of queries, of scores (there columns are keys) and of the output.
template <class T, int kDim>
class WarpQueries {
 protected:
  static constexpr int kContraction = (kDim + 15) / 16;  // products of 16 for a score
  static constexpr int kColumns = kDim / 8;              // tiles of 8 columns of the output

 public:
  ESPY_DEVICE WarpQueries(const AttentionArgs& args, const FusedHead<T>& head, int first)
      : args_(args), head_(head), first_(first) {
    const int lane = ThreadInBlock() % 32;
    row_ = first + lane / 4;
    column_ = lane % 4 * 2;
#pragma unroll
    for (int k = 0; k < kContraction; ++k) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = row_ + i % 2 * 8, column = k * 16 + i / 2 * 8 + column_;
        q_[k][i] =
            row < head.queries && column < kDim
                ? *reinterpret_cast<const std::uint32_t*>(head.q + row * args.q.row_stride + column)
                : 0;
      }
    }
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
#pragma unroll
      for (int i = 0; i < 4; ++i) out_[c][i] = 0;
    }
  }

  ESPY_DEVICE void Store() {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float sum = sum_[half];
      sum += ShuffleXor(sum, 1);
      sum += ShuffleXor(sum, 2);
      const float inverse = 1.0f / sum;
      const int row = row_ + half * 8;
      if (row >= head_.queries) continue;
      T* to = head_.out + row * args_.out_stride + column_;
#pragma unroll
      for (int c = 0; c < kColumns; ++c) {
        *reinterpret_cast<std::uint32_t*>(to + c * 8) =
            Pack<T>(out_[c][half * 2] * inverse, out_[c][half * 2 + 1] * inverse);
      }
    }
  }

 protected:
  // Keys that any query before `end` sees: with a causal mask none beyond the last of them.
  ESPY_DEVICE int Sees(int end) const {
    return args_.causal && end < head_.keys ? end : head_.keys;
  }

  // Scores of the keys from first_key on become weights 2^(c (score - reference)), c = scale * log2
  // e; what is not seen gets 0. The reference follows the largest score only once that is 8 powers
  // of 2 above it: sums and products hold weights up to 2^8 as well as those up to 1, and most
  // tiles then leave the output as it is (Ye et al. 2025, FlashAttention-4, has the same
  // threshold).
  template <int kTiles>
  ESPY_DEVICE void Soften(int first_key, float (&scores)[kTiles][4]) {
    if (first_key + kTiles * 8 > head_.keys || (args_.causal && first_key + kTiles * 8 > first_)) {
      Mask(first_key, scores);
    }
    constexpr float kSlack = 8;
    const float to_binary = args_.scale * kLog2e;
    float factor[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float largest = -Infinity();
#pragma unroll
      for (int j = 0; j < kTiles; ++j) {
        const float a = scores[j][half * 2], b = scores[j][half * 2 + 1];
        largest = a > largest ? a : largest;
        largest = b > largest ? b : largest;
      }
      const float beside = ShuffleXor(largest, 1);
      largest = beside > largest ? beside : largest;
      const float across = ShuffleXor(largest, 2);
      largest = across > largest ? across : largest;
      largest *= to_binary;
      factor[half] = 1;
      if (largest > reference_[half] + kSlack) {
        factor[half] = Exp2(reference_[half] - largest);
        reference_[half] = largest;
      }
      // A row of which nothing was seen yet has no reference.
      const float reference = reference_[half] == -Infinity() ? 0 : reference_[half];
      float sum = 0;
#pragma unroll
      for (int j = 0; j < kTiles; ++j) {
#pragma unroll
        for (int i = half * 2; i < half * 2 + 2; ++i) {
          scores[j][i] = Exp2(scores[j][i] * to_binary - reference);
          sum += scores[j][i];
        }
      }
      sum_[half] = sum_[half] * factor[half] + sum;
    }
    if (!AnyLane(factor[0] != 1 || factor[1] != 1)) return;
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
#pragma unroll
      for (int i = 0; i < 4; ++i) out_[c][i] *= factor[i / 2];
    }
  }

 private:
  template <int kTiles>
  ESPY_DEVICE void Mask(int first_key, float (&scores)[kTiles][4]) {
#pragma unroll
    for (int j = 0; j < kTiles; ++j) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int key = first_key + j * 8 + column_ + i % 2;
        const int row = row_ + i / 2 * 8;
        if (key >= head_.keys || (args_.causal && key > row)) scores[j][i] = -Infinity();
      }
    }
  }

 protected:
  const AttentionArgs& args_;
  const FusedHead<T>& head_;
  int first_;   // query of the tile
  int row_;     // this thread's first
  int column_;  // this thread's first in every eight
  std::uint32_t q_[kContraction][4];
  float out_[kColumns][4];

 private:
  float reference_[2] = {-Infinity(), -Infinity()};
  float sum_[2] = {0, 0};  // of this thread's columns
};

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_ATTENTION_QUERIES_CUH_
