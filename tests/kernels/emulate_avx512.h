// Every AVX-512 instruction that kernels/cpu/simd_avx512.h uses, in narrower ones: SIMDe's, and
// those that SIMDe 0.7.4 lacks, written out lane by lane after Intel's Intrinsics Guide. Include it
// before any file that uses them.
#ifndef ESPY_TESTS_KERNELS_EMULATE_AVX512_H_
#define ESPY_TESTS_KERNELS_EMULATE_AVX512_H_

// The real header comes first, so that SIMDe's names stand for its functions in all that follows.
#include <immintrin.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#undef _mm512_madd_epi16  // SIMDe gives this name the four arguments of the masked form
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>

namespace espy::kernels::testing::emulated {

template <class Lane, class Vector>
auto Lanes(const Vector& x) {
  std::array<Lane, sizeof(Vector) / sizeof(Lane)> lanes;
  std::memcpy(lanes.data(), &x, sizeof(x));
  return lanes;
}

template <class Vector, class Lane, std::size_t n>
Vector Join(const std::array<Lane, n>& lanes) {
  static_assert(sizeof(Vector) == sizeof(lanes));
  Vector x;
  std::memcpy(&x, lanes.data(), sizeof(x));
  return x;
}

inline __m512 MaskzLoad(__mmask16 mask, const void* p) {
  std::array<float, 16> lanes{};
  for (int i = 0; i < 16; ++i) {
    if ((mask >> i & 1) != 0) {
      std::memcpy(&lanes[static_cast<std::size_t>(i)], static_cast<const float*>(p) + i, 4);
    }
  }
  return Join<__m512>(lanes);
}

inline void MaskStore(void* p, __mmask16 mask, __m512 x) {
  const auto lanes = Lanes<float>(x);
  for (int i = 0; i < 16; ++i) {
    if ((mask >> i & 1) != 0) {
      std::memcpy(static_cast<float*>(p) + i, &lanes[static_cast<std::size_t>(i)], 4);
    }
  }
}

inline __m512i FloatToInt(__m512 x) {
  const auto from = Lanes<float>(x);
  std::array<std::int32_t, 16> to;
  for (std::size_t i = 0; i < 16; ++i) to[i] = static_cast<std::int32_t>(std::nearbyint(from[i]));
  return Join<__m512i>(to);
}

inline __m512 IntToFloat(__m512i x) {
  const auto from = Lanes<std::int32_t>(x);
  std::array<float, 16> to;
  for (std::size_t i = 0; i < 16; ++i) to[i] = static_cast<float>(from[i]);
  return Join<__m512>(to);
}

template <class Narrow, class Vector>
Vector Truncate(__m512i x) {
  const auto from = Lanes<std::int32_t>(x);
  std::array<Narrow, 16> to;
  for (std::size_t i = 0; i < 16; ++i) to[i] = static_cast<Narrow>(from[i]);
  return Join<Vector>(to);
}

// Sums and maxima as g++ orders them: halves upon halves.
template <class Op>
float Reduce(__m512 x, Op op) {
  auto lanes = Lanes<float>(x);
  for (std::size_t half = 8; half >= 1; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] = op(lanes[i], lanes[i + half]);
  }
  return lanes[0];
}

inline __m512 Shuffle128(__m512 a, __m512 b, int select) {
  const auto from_a = Lanes<std::array<float, 4>>(a), from_b = Lanes<std::array<float, 4>>(b);
  std::array<std::array<float, 4>, 4> to;
  for (int i = 0; i < 4; ++i) {
    const auto lane = static_cast<std::size_t>(select >> (2 * i) & 3);
    to[static_cast<std::size_t>(i)] = i < 2 ? from_a[lane] : from_b[lane];
  }
  return Join<__m512>(to);
}

// To nearest, ties to even.
inline __m256i ToBfloat16(__m512 x) {
  const auto from = Lanes<std::uint32_t>(x);
  std::array<std::uint16_t, 16> to;
  for (std::size_t i = 0; i < 16; ++i) {
    to[i] = static_cast<std::uint16_t>((from[i] + 0x7fff + (from[i] >> 16 & 1)) >> 16);
  }
  return Join<__m256i>(to);
}

// x - floor(x)
inline __m512 Fraction(__m512 x) {
  auto lanes = Lanes<float>(x);
  for (float& lane : lanes) lane = std::isinf(lane) ? 0.0f : lane - std::floor(lane);
  return Join<__m512>(lanes);
}

// a * 2^floor(x)
inline __m512 ScaleByPow2(__m512 a, __m512 x) {
  auto lanes = Lanes<float>(a);
  const auto powers = Lanes<float>(x);
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const float power = std::clamp(std::floor(powers[i]), -1000.0f, 1000.0f);
    lanes[i] = std::ldexp(lanes[i], static_cast<int>(power));
  }
  return Join<__m512>(lanes);
}

inline __m512i Widen16(__m256i x) {
  const auto from = Lanes<std::uint16_t>(x);
  std::array<std::uint32_t, 16> to;
  for (std::size_t i = 0; i < 16; ++i) to[i] = from[i];
  return Join<__m512i>(to);
}

}  // namespace espy::kernels::testing::emulated

#define _mm512_maskz_loadu_ps(mask, p) ::espy::kernels::testing::emulated::MaskzLoad(mask, p)
#define _mm512_mask_storeu_ps(p, mask, x) ::espy::kernels::testing::emulated::MaskStore(p, mask, x)
#define _mm512_cvtps_epi32(x) ::espy::kernels::testing::emulated::FloatToInt(x)
#define _mm512_cvtepi32_ps(x) ::espy::kernels::testing::emulated::IntToFloat(x)
#define _mm512_cvtepi32_epi16(x) \
  (::espy::kernels::testing::emulated::Truncate<std::int16_t, __m256i>(x))
#define _mm512_cvtepi32_epi8(x) \
  (::espy::kernels::testing::emulated::Truncate<std::int8_t, __m128i>(x))
#define _mm512_reduce_add_ps(x) ::espy::kernels::testing::emulated::Reduce(x, std::plus<float>())
#define _mm512_reduce_max_ps(x) \
  ::espy::kernels::testing::emulated::Reduce(x, [](float p, float q) { return std::max(p, q); })
#define _mm512_shuffle_f32x4(a, b, select) \
  ::espy::kernels::testing::emulated::Shuffle128(a, b, select)
#define _mm512_reduce_ps(x, mode) ::espy::kernels::testing::emulated::Fraction(x)
#undef _mm512_scalef_ps  // SIMDe's own name for it
#define _mm512_scalef_ps(a, x) ::espy::kernels::testing::emulated::ScaleByPow2(a, x)
#define _mm512_cvtepu16_epi32(x) ::espy::kernels::testing::emulated::Widen16(x)
#define _mm512_cvtneps_pbh(x) ::espy::kernels::testing::emulated::ToBfloat16(x)

#endif  // ESPY_TESTS_KERNELS_EMULATE_AVX512_H_
