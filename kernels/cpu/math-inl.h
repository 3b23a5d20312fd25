// e^x and the GELU family on vectors of V (simd_baseline.h).
#ifndef ESPY_KERNELS_CPU_MATH_INL_H_
#define ESPY_KERNELS_CPU_MATH_INL_H_

#include "kernels/activation.h"

namespace espy::kernels::cpu {

// e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; e^r = 1 + r + r^2 p(r) with p of
// degree 4 fitted for the least largest relative error (3e-9, far below the rounding of FP32). ln 2
// is taken off in two parts so that r keeps its low bits. Below -87.3 the result would be subnormal
// and is 0; above 88 it stays e^88.
template <class V>
inline __attribute__((always_inline)) typename V::F ExpVector(typename V::F x) {
  using F = typename V::F;
  const F lowest = V::Set(-87.3f);
  const F clamped = V::Min(V::Max(x, lowest), V::Set(88.0f));
  const F n = V::Round(clamped * V::Set(1.44269504f));
  F r = V::Fma(n, V::Set(-0.693359375f), clamped);
  r = V::Fma(n, V::Set(2.12194440e-4f), r);
  F p = V::Set(0.0013814465f);
  p = V::Fma(p, r, V::Set(0.008368781f));
  p = V::Fma(p, r, V::Set(0.041668393f));
  p = V::Fma(p, r, V::Set(0.1666652f));
  p = V::Fma(p, r, V::Set(0.49999994f));
  p = V::Fma(p, r * r, r) + V::Set(1.0f);
  return V::ZeroWhereLess(x, lowest, p * V::Pow2(n));
}

// 2^x for x <= 0, as softmax needs it: half of ExpVector's work. x = n + r with n whole; 2^r is a
// polynomial of degree 5 with p(0) = 1, fitted for the least largest relative error over the r that
// there are, [0, 1) or [-1/2, 1/2] (8.2e-8 and 7.5e-8; 2.4e-7 with its rounding). What is below
// 2^-125 is that or 0: nothing beside the largest weight, 1.
template <class V>
inline __attribute__((always_inline)) typename V::F Exp2Vector(typename V::F x) {
  using F = typename V::F;
  if constexpr (V::kSplits) {
    const F r = V::Fraction(x);
    F p = V::Set(0.00186713005f);
    p = V::Fma(p, r, V::Set(0.00901703071f));
    p = V::Fma(p, r, V::Set(0.0557999127f));
    p = V::Fma(p, r, V::Set(0.240164444f));
    p = V::Fma(p, r, V::Set(0.693151295f));
    p = V::Fma(p, r, V::Set(1.0f));
    return V::TimesPow2Floor(p, x);
  } else {
    const F magic = V::Set(V::kWholeMagic);
    const F clamped = V::Max(x, V::Set(-125.0f));
    const F whole = clamped + magic;
    const F r = clamped - (whole - magic);
    F p = V::Set(0.00132764725f);
    p = V::Fma(p, r, V::Set(0.00967554096f));
    p = V::Fma(p, r, V::Set(0.0555071309f));
    p = V::Fma(p, r, V::Set(0.240221202f));
    p = V::Fma(p, r, V::Set(0.693146944f));
    p = V::Fma(p, r, V::Set(1.0f));
    return V::TimesPow2(p, whole);
  }
}

// The same for a result that is rounded to BF16 (4e-3 of it): degree 3, within 8.6e-5.
template <class V>
inline __attribute__((always_inline)) typename V::F Exp2VectorForBfloat16(typename V::F x) {
  using F = typename V::F;
  static_assert(V::kSplits);
  const F r = V::Fraction(x);
  F p = V::Set(0.0770670399f);
  p = V::Fma(p, r, V::Set(0.227644995f));
  p = V::Fma(p, r, V::Set(0.695116758f));
  p = V::Fma(p, r, V::Set(1.0f));
  return V::TimesPow2Floor(p, x);
}

// x * sigmoid(y)
template <class V>
inline __attribute__((always_inline)) typename V::F TimesSigmoid(typename V::F x, typename V::F y) {
  const typename V::F one = V::Set(1.0f);
  return x / (one + ExpVector<V>(V::Set(0.0f) - y));
}

// x Phi(x), Phi the normal distribution's. With z = |x| / sqrt(2), erfc(z) = e^(-z^2) t q(t) with t
// = 1 / (1 + z / 2); q of degree 8 is fitted for the least largest relative error over z in
// [0, 9.5] (4e-8). Taking erfc of |x|, never 1 - erf, keeps the left tail's digits.
template <class V>
inline __attribute__((always_inline)) typename V::F GeluVector(typename V::F x) {
  using F = typename V::F;
  const F one = V::Set(1.0f);
  const F z = V::Abs(x) * V::Set(0.70710678f);
  const F t = one / V::Fma(z, V::Set(0.5f), one);
  F q = V::Set(-0.058891278f);
  q = V::Fma(q, t, V::Set(0.28370434f));
  q = V::Fma(q, t, V::Set(-0.4853884f));
  q = V::Fma(q, t, V::Set(0.27598324f));
  q = V::Fma(q, t, V::Set(-0.025180997f));
  q = V::Fma(q, t, V::Set(0.20207115f));
  q = V::Fma(q, t, V::Set(0.2432607f));
  q = V::Fma(q, t, V::Set(0.28235352f));
  q = V::Fma(q, t, V::Set(0.28208768f));
  const F tail = x * (V::Set(0.5f) * q * t * ExpVector<V>(V::Set(0.0f) - z * z));
  return V::WhereLess(x, V::Set(0.0f), tail, x - tail);
}

template <class V>
inline __attribute__((always_inline)) typename V::F ActivateVector(Activation activation,
                                                                   typename V::F x) {
  using F = typename V::F;
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kQuickGelu:
      return TimesSigmoid<V>(x, x * V::Set(1.702f));
    case Activation::kGeluTanh: {
      // (1 + tanh(u)) / 2 = sigmoid(2 u), with u = sqrt(2/pi) (x + 0.044715 x^3).
      const F cubic = V::Fma(x * x * x, V::Set(0.044715f), x);
      return TimesSigmoid<V>(x, cubic * V::Set(1.5957691f));
    }
    case Activation::kGelu:
      return GeluVector<V>(x);
  }
  return x;
}

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_MATH_INL_H_
