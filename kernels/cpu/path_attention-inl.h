// One head of one row of path_attention.h: a dot product a key, softmax over them all, and the sum
// of the values in the order of the keys. A decoding step has few keys; the scores are small enough
// to lie whole in the first-level cache, so there is nothing to tile.
#ifndef ESPY_KERNELS_CPU_PATH_ATTENTION_INL_H_
#define ESPY_KERNELS_CPU_PATH_ATTENTION_INL_H_

#include <cstdint>

#include "kernels/cpu/attention-inl.h"
#include "kernels/cpu/kernel_table.h"

namespace espy::kernels::cpu {

// q . k in one chain of vectors, whose lanes are then added in a fixed order.
template <class V>
inline __attribute__((always_inline)) float RowDot(const float* q, const float* k,
                                                   std::int64_t dim) {
  typename V::F sum = V::Set(0.0f);
  std::int64_t c = 0;
  for (; c + V::kLanes <= dim; c += V::kLanes) sum = V::Fma(V::Load(q + c), V::Load(k + c), sum);
  if (c < dim) sum = V::Fma(V::LoadFirst(q + c, dim - c), V::LoadFirst(k + c, dim - c), sum);
  return V::Sum(sum);
}

template <class V>
void PathAttentionRow(const AttentionRow& row) {
  using F = typename V::F;
  const std::int64_t keys = row.kept + row.path_length;
  const std::int64_t padded = PaddedToLanes<V>(keys);
  for (std::int64_t i = 0; i < row.kept; ++i) {
    row.scores[i] = RowDot<V>(row.q, row.k + i * row.k_stride, row.head_dim);
  }
  for (std::int64_t i = 0; i < row.path_length; ++i) {
    row.scores[row.kept + i] = RowDot<V>(row.q, row.k + row.path[i] * row.k_stride, row.head_dim);
  }
  AttentionState state;
  float max = -__builtin_inff();
  SoftmaxRow<V, Float32Attention<V>>(row.scores, padded, keys, row.scale, &max, &state);
  const F scale = V::Set(1.0f / state.sum);
  for (std::int64_t c = 0; c < row.head_dim; c += V::kLanes) {
    F sum = V::Set(0.0f);
    for (std::int64_t i = 0; i < row.kept; ++i) {
      sum = V::Fma(V::Set(row.scores[i]), LoadColumns<V>(row.v + i * row.v_stride, c, row.head_dim),
                   sum);
    }
    for (std::int64_t i = 0; i < row.path_length; ++i) {
      sum = V::Fma(V::Set(row.scores[row.kept + i]),
                   LoadColumns<V>(row.v + row.path[i] * row.v_stride, c, row.head_dim), sum);
    }
    if (row.head_dim - c >= V::kLanes) {
      V::Store(row.out + c, sum * scale);
    } else {
      V::StoreFirst(row.out + c, sum * scale, row.head_dim - c);
    }
  }
}

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_PATH_ATTENTION_INL_H_
