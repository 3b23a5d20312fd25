#include "base/half.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/cpu_features.h"

namespace espy {

std::uint16_t FloatToHalf(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  const std::uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) {  // NaN: keep the top payload bits, quiet
    return static_cast<std::uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x1ff));
  }
  if (magnitude >= 0x477ff000) return sign | 0x7c00;  // rounds past 65504
  if (magnitude < 0x38800000) {                       // subnormal or zero in half
    if (magnitude <= 0x33000000) return sign;         // at most half of the smallest subnormal
    const int shift = 126 - static_cast<int>(magnitude >> 23);
    const std::uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
    const std::uint32_t kept = mantissa >> shift;
    const std::uint32_t rest = mantissa & ((1u << shift) - 1);
    const std::uint32_t half_way = 1u << (shift - 1);
    const bool up = rest > half_way || (rest == half_way && (kept & 1) != 0);
    return static_cast<std::uint16_t>(sign | (kept + (up ? 1 : 0)));
  }
  const std::uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000) >> 13));
}

float HalfToFloat(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const std::uint32_t exponent = half >> 10 & 31;
  const std::uint32_t mantissa = half & 0x3ff;
  if (exponent == 31) {
    const std::uint32_t quiet = mantissa != 0 ? 0x400000 : 0;
    return std::bit_cast<float>(sign | 0x7f800000 | mantissa << 13 | quiet);
  }
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

namespace {
#if defined(__x86_64__)
__attribute__((target("avx,f16c"))) std::size_t FloatToHalfF16c(const float* in, std::size_t n,
                                                                std::uint16_t* out) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), half);
  }
  return i;
}
__attribute__((target("avx,f16c"))) std::size_t HalfToFloatF16c(const std::uint16_t* in,
                                                                std::size_t n, float* out) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i));
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(half));
  }
  return i;
}
#endif
}  // namespace

void FloatToHalf(const float* in, std::size_t n, std::uint16_t* out) {
  std::size_t i = 0;
#if defined(__x86_64__)
  if (CpuFeatures().f16c) i = FloatToHalfF16c(in, n, out);
#endif
  for (; i < n; ++i) out[i] = FloatToHalf(in[i]);
}

void HalfToFloat(const std::uint16_t* in, std::size_t n, float* out) {
  std::size_t i = 0;
#if defined(__x86_64__)
  if (CpuFeatures().f16c) i = HalfToFloatF16c(in, n, out);
#endif
  for (; i < n; ++i) out[i] = HalfToFloat(in[i]);
}

}  // namespace espy
