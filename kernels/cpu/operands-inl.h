// What a register tile multiplies, one type a precision: how activations and weights lie in memory,
// how a step of the tile loads them, and how it adds their products to a sum. V is a vector type
// (simd_baseline.h).
//
// A step takes kGroup inputs at once. Activations [rows, inputs] are adjacent along the inputs;
// weights lie in panels [inputs / kGroup][panel width][kGroup], so that the group of one activation
// row, broadcast, meets the groups of as many outputs as a vector has lanes.
#ifndef ESPY_KERNELS_CPU_OPERANDS_INL_H_
#define ESPY_KERNELS_CPU_OPERANDS_INL_H_

#include <cstdint>

#include "kernels/cpu/math-inl.h"

namespace espy::kernels::cpu {

#define ESPY_OPERANDS_INLINE static inline __attribute__((always_inline))

template <class V>
struct Float32Operands {
  using Activation = float;
  using Weight = float;
  using Sum = float;
  using SumVector = typename V::F;
  using WeightVector = typename V::F;
  static constexpr int kGroup = 1;
  static constexpr bool kSingleVector = true;  // a last panel may be one vector wide

  ESPY_OPERANDS_INLINE SumVector Zero() { return V::Set(0.0f); }
  ESPY_OPERANDS_INLINE SumVector LoadSum(const Sum* p) { return V::Load(p); }
  ESPY_OPERANDS_INLINE void StoreSum(Sum* p, SumVector x) { V::Store(p, x); }
  template <int kVectors>
  ESPY_OPERANDS_INLINE void LoadWeights(const Weight* p, WeightVector* row) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) row[j] = V::Load(p + j * V::kLanes);
  }
  ESPY_OPERANDS_INLINE auto Broadcast(const Activation* p) { return V::Set(*p); }
  template <class A>
  ESPY_OPERANDS_INLINE SumVector Dot(SumVector sum, A a, WeightVector w) {
    return V::Fma(a, w, sum);
  }
};

// V::Bfloat16 says how its CPU does it: by BF16 dot products, or by widening the weights.
template <class V>
struct Bfloat16Operands : V::Bfloat16 {
  using Sum = float;
  using SumVector = typename V::F;
  static constexpr bool kSingleVector = false;

  ESPY_OPERANDS_INLINE SumVector Zero() { return V::Set(0.0f); }
  ESPY_OPERANDS_INLINE SumVector LoadSum(const Sum* p) { return V::Load(p); }
  ESPY_OPERANDS_INLINE void StoreSum(Sum* p, SumVector x) { V::Store(p, x); }
};

// V::Int8 says how its CPU does it: by dot products of four bytes, or of two widened to 16 bits.
// Either way the sums are exact.
template <class V>
struct Int8Operands : V::Int8 {
  using Weight = std::int8_t;
  using Sum = std::int32_t;
  using SumVector = typename V::I;
  static constexpr bool kSingleVector = true;

  ESPY_OPERANDS_INLINE SumVector Zero() { return V::SetInt(0); }
  ESPY_OPERANDS_INLINE SumVector LoadSum(const Sum* p) { return V::LoadInt(p); }
  ESPY_OPERANDS_INLINE void StoreSum(Sum* p, SumVector x) { V::StoreInt(p, x); }
};

#undef ESPY_OPERANDS_INLINE

// q = round(x / scale) for a row, in the form that V::Int8 reads; returns the scale. Rounding is to
// the nearest, ties to even, so that every CPU gives the same q.
template <class V>
float QuantizeRow(const float* x, std::int64_t n, void* out) {
  using F = typename V::F;
  using Activation = typename V::Int8::Activation;
  auto* q = static_cast<Activation*>(out);
  F largest = V::Set(0.0f);
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) largest = V::Max(largest, V::Abs(V::Load(x + i)));
  if (i < n) largest = V::Max(largest, V::Abs(V::LoadFirst(x + i, n - i)));
  const float max = V::MaxLane(largest);
  const F inverse = V::Set(max > 0.0f ? 127.0f / max : 0.0f);
  for (i = 0; i + V::kLanes <= n; i += V::kLanes) {
    V::Int8::StoreActivations(q + i, V::Round(V::Load(x + i) * inverse));
  }
  if (i < n) {
    Activation rest[V::kLanes];
    V::Int8::StoreActivations(rest, V::Round(V::LoadFirst(x + i, n - i) * inverse));
    for (int j = 0; i < n; ++i, ++j) q[i] = rest[j];
  }
  // The last group may be longer than the row: the weights there are 0.
  for (; i % V::Int8::kGroup != 0; ++i) q[i] = 0;
  return max / 127.0f;
}

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_OPERANDS_INL_H_
