// Layer norm of one row, and sums of squares.
#ifndef ESPY_KERNELS_CPU_NORM_INL_H_
#define ESPY_KERNELS_CPU_NORM_INL_H_

#include <cstdint>

namespace espy::kernels::cpu {

template <class V>
void LayerNormRow(const float* x, std::int64_t width, const float* weight, const float* bias,
                  float eps, float* out) {
  using F = typename V::F;
  const std::int64_t whole = width / V::kLanes * V::kLanes;
  const std::int64_t rest = width - whole;
  F sum = V::Set(0.0f);
  for (std::int64_t i = 0; i < whole; i += V::kLanes) sum = sum + V::Load(x + i);
  if (rest > 0) sum = sum + V::LoadFirst(x + whole, rest);
  const float mean = V::Sum(sum) / static_cast<float>(width);

  const F minus_mean = V::Set(-mean);
  F squares = V::Set(0.0f);
  for (std::int64_t i = 0; i < whole; i += V::kLanes) {
    const F d = V::Load(x + i) + minus_mean;
    squares = V::Fma(d, d, squares);
  }
  float variance = V::Sum(squares);
  for (std::int64_t i = whole; i < width; ++i) variance += (x[i] - mean) * (x[i] - mean);
  variance /= static_cast<float>(width);

  const F scale = V::Set(1.0f / __builtin_sqrtf(variance + eps));
  for (std::int64_t i = 0; i < whole; i += V::kLanes) {
    const F d = (V::Load(x + i) + minus_mean) * scale;
    V::Store(out + i, V::Fma(d, V::Load(weight + i), V::Load(bias + i)));
  }
  if (rest > 0) {
    const F d = (V::LoadFirst(x + whole, rest) + minus_mean) * scale;
    V::StoreFirst(out + whole,
                  V::Fma(d, V::LoadFirst(weight + whole, rest), V::LoadFirst(bias + whole, rest)),
                  rest);
  }
}

template <class V>
float SumOfSquaresRow(const float* x, std::int64_t width) {
  using F = typename V::F;
  F sum = V::Set(0.0f);
  std::int64_t i = 0;
  for (; i + V::kLanes <= width; i += V::kLanes) sum = V::Fma(V::Load(x + i), V::Load(x + i), sum);
  if (i < width) {
    const F last = V::LoadFirst(x + i, width - i);
    sum = V::Fma(last, last, sum);
  }
  return V::Sum(sum);
}

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_NORM_INL_H_
