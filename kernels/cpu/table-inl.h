// A KernelTable from the loops instantiated for V.
#ifndef ESPY_KERNELS_CPU_TABLE_INL_H_
#define ESPY_KERNELS_CPU_TABLE_INL_H_

#include <cstdint>
#include <type_traits>

#include "kernels/cpu/attention-inl.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/math-inl.h"
#include "kernels/cpu/matmul-inl.h"
#include "kernels/cpu/norm-inl.h"
#include "kernels/cpu/path_attention-inl.h"

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
void Exp2Loop(const float* in, std::int64_t n, float* out) {
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) V::Store(out + i, Exp2Vector<V>(V::Load(in + i)));
  if (i < n) V::StoreFirst(out + i, Exp2Vector<V>(V::LoadFirst(in + i, n - i)), n - i);
}

template <class V>
void ExpLoop(const float* in, std::int64_t n, float* out) {
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) V::Store(out + i, ExpVector<V>(V::Load(in + i)));
  if (i < n) V::StoreFirst(out + i, ExpVector<V>(V::LoadFirst(in + i, n - i)), n - i);
}

template <class V>
float RoundRowToBfloat16(const float* x, std::int64_t n, void* out) {
  using Ops = Bfloat16Operands<V>;
  auto* to = static_cast<typename Ops::Activation*>(out);
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) Ops::StoreActivations(to + i, V::Load(x + i));
  if (i < n) {
    typename Ops::Activation rest[V::kLanes];
    Ops::StoreActivations(rest, V::LoadFirst(x + i, n - i));
    for (int j = 0; i < n; ++i, ++j) to[i] = rest[j];
  }
  for (; i % Ops::kGroup != 0; ++i) to[i] = 0;
  return 1.0f;
}

template <class V, class Ops>
constexpr ProductKernels MakeProduct() {
  using Activation = typename Ops::Activation;
  using Weight = typename Ops::Weight;
  constexpr bool kInt8 = std::is_same_v<Weight, std::int8_t>;
  constexpr bool kFloat32 = std::is_same_v<Weight, float>;
  ProductKernels product{};
  product.weight_bytes = sizeof(Weight);
  product.group = Ops::kGroup;
  product.last_panel_lanes = (Ops::kSingleVector ? 1 : V::kTileVectors) * V::kLanes;
  product.activation_bytes = sizeof(Activation);
  product.matmul = MatmulBlockLoop<V, Ops>;
  if constexpr (kInt8) {
    product.pack = PackInt8<V>;
    product.convert_row = QuantizeRow<V>;
  } else if constexpr (kFloat32) {
    product.pack = PackFloat32<V>;
  } else {
    product.pack = PackBfloat16<V>;
    if constexpr (!std::is_same_v<Activation, float>) product.convert_row = RoundRowToBfloat16<V>;
  }
  return product;
}

template <class V, class Kind>
constexpr AttentionKernels MakeAttention() {
  return {.panels = AttentionPanelFloats<V, Kind>,
          .scratch = AttentionScratchFloats<V, Kind>,
          .pack = AttentionPack<V, Kind>,
          .run = AttentionLoop<V, Kind>};
}

template <class V>
constexpr AttentionKernels MakeBfloat16Attention() {
  if constexpr (std::is_same_v<typename V::Bfloat16::Activation, float>) {
    return {};  // widened to FP32: nothing is gained over FP32 operands
  } else {
    return MakeAttention<V, Bfloat16Attention<V>>();
  }
}

template <class V>
constexpr KernelTable MakeTable(const char* name) {
  return {.name = name,
          .panel_width = V::kTileVectors * V::kLanes,
          .products = {MakeProduct<V, Float32Operands<V>>(), MakeProduct<V, Bfloat16Operands<V>>(),
                       MakeProduct<V, Int8Operands<V>>()},
          .attention = MakeAttention<V, Float32Attention<V>>(),
          .attention_bf16 = MakeBfloat16Attention<V>(),
          .path_attention = PathAttentionRow<V>,
          .layer_norm = LayerNormRow<V>,
          .sum_of_squares = SumOfSquaresRow<V>,
          .activate = ActivateLoop<V>,
          .exp = ExpLoop<V>,
          .exp2 = Exp2Loop<V>};
}

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_TABLE_INL_H_
