#include "index/dot.h"

#include <cmath>

#include "base/cpu_features.h"
#include "base/half.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace espy::index {
namespace internal {

float Fold(float* lanes) {
  for (int half = kDotLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

float DotPlain(const float* query, const std::uint16_t* row, std::int64_t padded) {
  float lanes[kDotLanes] = {};
  for (std::int64_t i = 0; i < padded; ++i) {
    lanes[i % kDotLanes] = std::fma(query[i], HalfToFloat(row[i]), lanes[i % kDotLanes]);
  }
  return Fold(lanes);
}

float DotHalfPlain(const std::uint16_t* a, const std::uint16_t* b, std::int64_t padded) {
  float lanes[kDotLanes] = {};
  for (std::int64_t i = 0; i < padded; ++i) {
    lanes[i % kDotLanes] += HalfToFloat(a[i]) * HalfToFloat(b[i]);
  }
  return Fold(lanes);
}

#if defined(__x86_64__)

// The last folds, common to both widths: 8, 4, 2, 1.
__attribute__((target("avx2,fma,f16c"), always_inline)) inline float Fold8(__m256 lanes) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

__attribute__((target("avx2,fma,f16c"), always_inline)) inline __m256 Half8(
    const std::uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

__attribute__((target("avx2,fma,f16c"), always_inline)) inline float DotAvx2Inline(
    const float* query, const std::uint16_t* row, std::int64_t padded) {
  __m256 a0 = _mm256_setzero_ps(), a1 = a0, a2 = a0, a3 = a0;
  for (std::int64_t i = 0; i < padded; i += kDotLanes) {
    a0 = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), Half8(row + i), a0);
    a1 = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 8), Half8(row + i + 8), a1);
    a2 = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 16), Half8(row + i + 16), a2);
    a3 = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 24), Half8(row + i + 24), a3);
  }
  return Fold8(_mm256_add_ps(_mm256_add_ps(a0, a2), _mm256_add_ps(a1, a3)));
}

__attribute__((target("avx2,fma,f16c"))) float DotAvx2(const float* query, const std::uint16_t* row,
                                                       std::int64_t padded) {
  return DotAvx2Inline(query, row, padded);
}

__attribute__((target("avx2,fma,f16c"))) void DotRowsAvx2(const float* query,
                                                          const std::uint16_t* rows, std::int64_t n,
                                                          std::int64_t padded, float* scores) {
  for (std::int64_t i = 0; i < n; ++i) scores[i] = DotAvx2Inline(query, rows + i * padded, padded);
}

__attribute__((target("avx2,fma,f16c"))) float DotHalfAvx2(const std::uint16_t* a,
                                                           const std::uint16_t* b,
                                                           std::int64_t padded) {
  __m256 a0 = _mm256_setzero_ps(), a1 = a0, a2 = a0, a3 = a0;
  for (std::int64_t i = 0; i < padded; i += kDotLanes) {
    a0 = _mm256_fmadd_ps(Half8(a + i), Half8(b + i), a0);
    a1 = _mm256_fmadd_ps(Half8(a + i + 8), Half8(b + i + 8), a1);
    a2 = _mm256_fmadd_ps(Half8(a + i + 16), Half8(b + i + 16), a2);
    a3 = _mm256_fmadd_ps(Half8(a + i + 24), Half8(b + i + 24), a3);
  }
  return Fold8(_mm256_add_ps(_mm256_add_ps(a0, a2), _mm256_add_ps(a1, a3)));
}

__attribute__((target("avx512f,avx512dq,avx2,fma,f16c"), always_inline)) inline float
DotAvx512Inline(const float* query, const std::uint16_t* row, std::int64_t padded) {
  __m512 a0 = _mm512_setzero_ps(), a1 = a0;
  for (std::int64_t i = 0; i < padded; i += kDotLanes) {
    const __m512 r0 =
        _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + i)));
    const __m512 r1 =
        _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + i + 16)));
    a0 = _mm512_fmadd_ps(_mm512_loadu_ps(query + i), r0, a0);
    a1 = _mm512_fmadd_ps(_mm512_loadu_ps(query + i + 16), r1, a1);
  }
  const __m512 sum = _mm512_add_ps(a0, a1);
  return Fold8(_mm256_add_ps(_mm512_castps512_ps256(sum), _mm512_extractf32x8_ps(sum, 1)));
}

__attribute__((target("avx512f,avx512dq,avx2,fma,f16c"))) float DotAvx512(const float* query,
                                                                          const std::uint16_t* row,
                                                                          std::int64_t padded) {
  return DotAvx512Inline(query, row, padded);
}

__attribute__((target("avx512f,avx512dq,avx2,fma,f16c"))) void DotRowsAvx512(
    const float* query, const std::uint16_t* rows, std::int64_t n, std::int64_t padded,
    float* scores) {
  for (std::int64_t i = 0; i < n; ++i) {
    scores[i] = DotAvx512Inline(query, rows + i * padded, padded);
  }
}

// The lanes of one query and one row, as two sums of sixteen.
struct Lanes {
  __m512 low, high;
};

// Q queries and R rows: 2 Q R sums in registers, each with the additions of Dot in their order.
template <int Q, int R>
__attribute__((target("avx512f,avx512dq,avx2,fma,f16c"), always_inline)) inline void Tile512(
    const float* queries, const std::uint16_t* rows, std::int64_t n, std::int64_t padded,
    float* scores) {
  Lanes sums[Q][R];
  for (int q = 0; q < Q; ++q) {
    for (int r = 0; r < R; ++r) sums[q][r] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  }
  for (std::int64_t i = 0; i < padded; i += kDotLanes) {
    Lanes row[R];
    for (int r = 0; r < R; ++r) {
      const auto* at = reinterpret_cast<const __m256i*>(rows + r * padded + i);
      row[r] = {_mm512_cvtph_ps(_mm256_loadu_si256(at)),
                _mm512_cvtph_ps(_mm256_loadu_si256(at + 1))};
    }
    for (int q = 0; q < Q; ++q) {
      const float* at = queries + q * padded + i;
      const __m512 low = _mm512_loadu_ps(at), high = _mm512_loadu_ps(at + 16);
      for (int r = 0; r < R; ++r) {
        sums[q][r].low = _mm512_fmadd_ps(low, row[r].low, sums[q][r].low);
        sums[q][r].high = _mm512_fmadd_ps(high, row[r].high, sums[q][r].high);
      }
    }
  }
  for (int q = 0; q < Q; ++q) {
    for (int r = 0; r < R; ++r) {
      const __m512 sum = _mm512_add_ps(sums[q][r].low, sums[q][r].high);
      scores[q * n + r] =
          Fold8(_mm256_add_ps(_mm512_castps512_ps256(sum), _mm512_extractf32x8_ps(sum, 1)));
    }
  }
}

__attribute__((target("avx512f,avx512dq,avx2,fma,f16c"))) void DotTileAvx512(
    const float* queries, std::int64_t count, const std::uint16_t* rows, std::int64_t n,
    std::int64_t padded, float* scores) {
  constexpr int kQueries = 4, kRows = 2;  // 16 sums, and each number is loaded for few of them
  std::int64_t q = 0;
  for (; q + kQueries <= count; q += kQueries) {
    std::int64_t i = 0;
    for (; i + kRows <= n; i += kRows) {
      Tile512<kQueries, kRows>(queries + q * padded, rows + i * padded, n, padded,
                               scores + q * n + i);
    }
    for (; i < n; ++i) {
      Tile512<kQueries, 1>(queries + q * padded, rows + i * padded, n, padded, scores + q * n + i);
    }
  }
  for (; q < count; ++q) DotRowsAvx512(queries + q * padded, rows, n, padded, scores + q * n);
}

#endif  // __x86_64__

void DotRowsPlain(const float* query, const std::uint16_t* rows, std::int64_t n,
                  std::int64_t padded, float* scores) {
  for (std::int64_t i = 0; i < n; ++i) scores[i] = DotPlain(query, rows + i * padded, padded);
}

namespace {

struct Kernels {
  decltype(&DotPlain) dot = DotPlain;
  decltype(&DotRowsPlain) rows = DotRowsPlain;
  decltype(&DotHalfPlain) half = DotHalfPlain;
  void (*tile)(const float*, std::int64_t, const std::uint16_t*, std::int64_t, std::int64_t,
               float*) = nullptr;  // null: query by query
};

Kernels Choose() {
  Kernels kernels;
#if defined(__x86_64__)
  const CpuFeatureSet& cpu = CpuFeatures();
  if (cpu.avx2 && cpu.f16c) kernels = {DotAvx2, DotRowsAvx2, DotHalfAvx2, nullptr};
  if (cpu.avx512 && cpu.avx2 && cpu.f16c) {
    kernels.dot = DotAvx512;
    kernels.rows = DotRowsAvx512;
    kernels.tile = DotTileAvx512;
  }
#endif
  return kernels;
}

const Kernels& Chosen() {
  static const Kernels kernels = Choose();
  return kernels;
}

}  // namespace
}  // namespace internal

float Dot(const float* query, const std::uint16_t* row, std::int64_t padded) {
  return internal::Chosen().dot(query, row, padded);
}

void DotRows(const float* query, const std::uint16_t* rows, std::int64_t n, std::int64_t padded,
             float* scores) {
  internal::Chosen().rows(query, rows, n, padded, scores);
}

void DotTile(const float* queries, std::int64_t count, const std::uint16_t* rows, std::int64_t n,
             std::int64_t padded, float* scores) {
  const internal::Kernels& kernels = internal::Chosen();
  if (kernels.tile != nullptr) return kernels.tile(queries, count, rows, n, padded, scores);
  for (std::int64_t q = 0; q < count; ++q) {
    kernels.rows(queries + q * padded, rows, n, padded, scores + q * n);
  }
}

float DotHalf(const std::uint16_t* a, const std::uint16_t* b, std::int64_t padded) {
  return internal::Chosen().half(a, b, padded);
}

}  // namespace espy::index
