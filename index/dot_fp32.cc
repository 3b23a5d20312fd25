#include "index/dot_fp32.h"

#include <cmath>

#include "base/cpu_features.h"
#include "index/dot.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace espy::index {
namespace internal {

float DotFp32Plain(const float* query, const float* row, std::int64_t n) {
  float lanes[kDotLanes] = {};
  for (std::int64_t i = 0; i < n; ++i) {
    lanes[i % kDotLanes] = std::fma(query[i], row[i], lanes[i % kDotLanes]);
  }
  return Fold(lanes);
}

#if defined(__x86_64__)

__attribute__((target("avx2,fma"))) float DotFp32Avx2(const float* query, const float* row,
                                                      std::int64_t n) {
  __m256 sums[kDotLanes / 8] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                                _mm256_setzero_ps()};
  const std::int64_t whole = n / kDotLanes * kDotLanes;
  for (std::int64_t i = 0; i < whole; i += kDotLanes) {
    for (std::int64_t j = 0; j < kDotLanes / 8; ++j) {
      sums[j] = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 8 * j),
                                _mm256_loadu_ps(row + i + 8 * j), sums[j]);
    }
  }
  float lanes[kDotLanes];
  for (std::int64_t j = 0; j < kDotLanes / 8; ++j) _mm256_storeu_ps(lanes + 8 * j, sums[j]);
  for (std::int64_t i = whole; i < n; ++i) {
    lanes[i - whole] = std::fma(query[i], row[i], lanes[i - whole]);
  }
  return Fold(lanes);
}

#else

float DotFp32Avx2(const float* query, const float* row, std::int64_t n) {
  return DotFp32Plain(query, row, n);
}

#endif

}  // namespace internal

float DotFp32(const float* query, const float* row, std::int64_t n) {
  static const bool avx2 = CpuFeatures().avx2;
  return avx2 ? internal::DotFp32Avx2(query, row, n) : internal::DotFp32Plain(query, row, n);
}

}  // namespace espy::index
