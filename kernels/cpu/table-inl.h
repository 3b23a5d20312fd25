// A KernelTable from the loops instantiated for V.
#ifndef ESPY_KERNELS_CPU_TABLE_INL_H_
#define ESPY_KERNELS_CPU_TABLE_INL_H_

#include <cstdint>

#include "kernels/cpu/attention-inl.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/math-inl.h"
#include "kernels/cpu/matmul-inl.h"
#include "kernels/cpu/norm-inl.h"

namespace espy::kernels::cpu {

template <class V>
void ActivateLoop(Activation activation, std::int64_t n, float* values) {
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    V::Store(values + i, ActivateVector<V>(activation, V::Load(values + i)));
  }
  if (i < n) {
    V::StoreFirst(values + i, ActivateVector<V>(activation, V::LoadFirst(values + i, n - i)),
                  n - i);
  }
}

template <class V>
void ExpLoop(const float* in, std::int64_t n, float* out) {
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) V::Store(out + i, ExpVector<V>(V::Load(in + i)));
  if (i < n) V::StoreFirst(out + i, ExpVector<V>(V::LoadFirst(in + i, n - i)), n - i);
}

template <class V>
constexpr KernelTable MakeTable(const char* name) {
  return {.name = name,
          .panel_width = V::kTileVectors * V::kLanes,
          .lane_width = V::kLanes,
          .matmul = MatmulBlockLoop<V>,
          .attention_scratch = AttentionScratchFloats<V>,
          .attention = AttentionLoop<V>,
          .layer_norm = LayerNormRow<V>,
          .sum_of_squares = SumOfSquaresRow<V>,
          .activate = ActivateLoop<V>,
          .exp = ExpLoop<V>,
          .pack_panel = PackPanel<V>};
}

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_TABLE_INL_H_
