// The first two rungs of attention: what it computes in the plainest loops, and the same with a
// warp for each query.
#ifndef ESPY_KERNELS_CUDA_ATTENTION_REFERENCE_CUH_
#define ESPY_KERNELS_CUDA_ATTENTION_REFERENCE_CUH_

#include "kernels/cuda/attention.h"
#include "kernels/cuda/element.cuh"

namespace espy::cuda {

inline constexpr float kLog2e = 1.44269504f;

// One query of one head, and the keys that it sees.
template <class T>
struct Query {
  const T* q;
  const T* k;  // the first key
  const T* v;
  T* out;
  std::int32_t keys;

  ESPY_DEVICE Query(const AttentionArgs& args, int sequence, int head, int row) {
    const std::int64_t first_query = args.query_offsets[sequence];
    const std::int64_t first_key = args.key_offsets[sequence];
    const std::int64_t column = static_cast<std::int64_t>(head) * args.head_dim;
    q = static_cast<const T*>(args.q.data) + (first_query + row) * args.q.row_stride + column;
    k = static_cast<const T*>(args.k.data) + first_key * args.k.row_stride + column;
    v = static_cast<const T*>(args.v.data) + first_key * args.v.row_stride + column;
    out = static_cast<T*>(args.out) + (first_query + row) * args.out_stride + column;
    keys = args.causal ? row + 1
                       : args.key_offsets[sequence + 1] - static_cast<std::int32_t>(first_key);
  }
};

ESPY_DEVICE int QueriesOf(const AttentionArgs& args, int sequence) {
  return args.query_offsets[sequence + 1] - args.query_offsets[sequence];
}

template <class T>
ESPY_DEVICE float Score(const AttentionArgs& args, const Query<T>& query, int key) {
  float score = 0;
  for (int i = 0; i < args.head_dim; ++i) {
    score += ToFloat(query.q[i]) * ToFloat(query.k[key * args.k.row_stride + i]);
  }
  return score * args.scale;
}

// Grid: (sequences * blocks of ThreadsOfBlock() queries, heads).
template <class T>
ESPY_KERNEL AttentionReference(AttentionArgs args, int blocks_of_sequence) {
  const int sequence = BlockX() / blocks_of_sequence;
  const int row = BlockX() % blocks_of_sequence * ThreadsOfBlock() + ThreadInBlock();
  if (row >= QueriesOf(args, sequence)) return;
  const Query<T> query(args, sequence, BlockY(), row);
  float largest = -Infinity();
  for (int key = 0; key < query.keys; ++key) {
    const float score = Score(args, query, key);
    largest = score > largest ? score : largest;
  }
  float sum = 0;
  for (int key = 0; key < query.keys; ++key) {
    sum += Exp2((Score(args, query, key) - largest) * kLog2e);
  }
  for (int i = 0; i < args.head_dim; ++i) {
    float value = 0;
    for (int key = 0; key < query.keys; ++key) {
      value += Exp2((Score(args, query, key) - largest) * kLog2e) *
               ToFloat(query.v[key * args.v.row_stride + i]);
    }
    query.out[i] = FromFloat<T>(value / sum);
  }
}

// Lanes hold every 32nd column of the output, and of the query; head_dim <= 32 * kColumns. Grid:
// (sequences * blocks of one query a warp, heads).
template <class T, int kColumns>
ESPY_KERNEL AttentionPlain(AttentionArgs args, int blocks_of_sequence) {
  const int sequence = BlockX() / blocks_of_sequence;
  const int row = BlockX() % blocks_of_sequence * (ThreadsOfBlock() / 32) + ThreadInBlock() / 32;
  const int lane = ThreadInBlock() % 32;
  if (row >= QueriesOf(args, sequence)) return;
  const Query<T> query(args, sequence, BlockY(), row);
  float q[kColumns], out[kColumns];
  for (int c = 0; c < kColumns; ++c) {
    const int i = c * 32 + lane;
    q[c] = i < args.head_dim ? ToFloat(query.q[i]) * args.scale * kLog2e : 0;
    out[c] = 0;
  }
  float largest = -Infinity(), sum = 0;
  for (int key = 0; key < query.keys; ++key) {
    const T* k = query.k + key * args.k.row_stride;
    const T* v = query.v + key * args.v.row_stride;
    float score = 0;
    for (int c = 0; c < kColumns; ++c) {
      const int i = c * 32 + lane;
      if (i < args.head_dim) score += q[c] * ToFloat(k[i]);
    }
    for (int mask = 16; mask > 0; mask /= 2) score += ShuffleXor(score, mask);
    const float before = largest;
    largest = score > largest ? score : largest;
    const float factor = Exp2(before - largest), weight = Exp2(score - largest);
    sum = sum * factor + weight;
    for (int c = 0; c < kColumns; ++c) {
      const int i = c * 32 + lane;
      out[c] = out[c] * factor + (i < args.head_dim ? weight * ToFloat(v[i]) : 0);
    }
  }
  for (int c = 0; c < kColumns; ++c) {
    const int i = c * 32 + lane;
    if (i < args.head_dim) query.out[i] = FromFloat<T>(out[c] / sum);
  }
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_ATTENTION_REFERENCE_CUH_
