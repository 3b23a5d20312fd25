#include "index/screen.h"

#include <algorithm>
#include <cmath>

#include "base/cpu_features.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace espy::index {

#if defined(__x86_64__)

#define ESPY_SCREEN_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"

namespace {

__attribute__((target(ESPY_SCREEN_TARGET), always_inline)) inline __m512bh Load(
    const std::uint16_t* at) {
  return reinterpret_cast<__m512bh>(_mm512_load_si512(at));
}

__attribute__((target(ESPY_SCREEN_TARGET), always_inline)) inline void Store16(__m512 values,
                                                                               std::uint16_t* out) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(out),
                     reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(values)));
}

__attribute__((target(ESPY_SCREEN_TARGET), always_inline)) inline __m256 Halves(__m512 sum) {
  return _mm256_add_ps(_mm512_castps512_ps256(sum), _mm512_extractf32x8_ps(sum, 1));
}

__attribute__((target(ESPY_SCREEN_TARGET), always_inline)) inline __m128 Sum4(__m512 a, __m512 b,
                                                                              __m512 c, __m512 d) {
  const __m256 sums =
      _mm256_hadd_ps(_mm256_hadd_ps(Halves(a), Halves(b)), _mm256_hadd_ps(Halves(c), Halves(d)));
  return _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
}

// Q queries and four rows.
template <int Q>
__attribute__((target(ESPY_SCREEN_TARGET), always_inline)) inline void Tile(
    const std::uint16_t* queries, const std::uint16_t* rows, std::int64_t n, std::int64_t padded,
    float* scores) {
  __m512 sums[Q][4];
  for (int q = 0; q < Q; ++q) {
    for (int r = 0; r < 4; ++r) sums[q][r] = _mm512_setzero_ps();
  }
  for (std::int64_t i = 0; i < padded; i += 32) {
    __m512bh row[4];
    for (int r = 0; r < 4; ++r) row[r] = Load(rows + r * padded + i);
    for (int q = 0; q < Q; ++q) {
      const __m512bh query = Load(queries + q * padded + i);
      for (int r = 0; r < 4; ++r) sums[q][r] = _mm512_dpbf16_ps(sums[q][r], query, row[r]);
    }
  }
  for (int q = 0; q < Q; ++q) {
    _mm_storeu_ps(scores + q * n, Sum4(sums[q][0], sums[q][1], sums[q][2], sums[q][3]));
  }
}

}  // namespace

bool CanScreen() {
  const CpuFeatureSet& cpu = CpuFeatures();
  return cpu.avx512 && cpu.avx512_bf16 && cpu.avx2 && cpu.f16c;
}

__attribute__((target(ESPY_SCREEN_TARGET))) void ScreenQueries(const float* queries, std::int64_t n,
                                                               std::uint16_t* out) {
  for (std::int64_t i = 0; i < n; i += 16) Store16(_mm512_loadu_ps(queries + i), out + i);
}

__attribute__((target(ESPY_SCREEN_TARGET))) float ScreenRows(const std::uint16_t* rows,
                                                             std::int64_t n, std::int64_t padded,
                                                             std::uint16_t* out) {
  float most = 0;
  for (std::int64_t row = 0; row < n; ++row) {
    __m512 squares = _mm512_setzero_ps();
    for (std::int64_t i = row * padded; i < (row + 1) * padded; i += 16) {
      const __m512 values =
          _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows + i)));
      squares = _mm512_fmadd_ps(values, values, squares);
      Store16(values, out + i);
    }
    const __m128 sums = Sum4(squares, squares, squares, squares);
    const float norm = std::sqrt(_mm_cvtss_f32(sums));
    if (!(norm <= most)) most = norm;
    if (std::isnan(most)) return most;
  }
  return most;
}

__attribute__((target(ESPY_SCREEN_TARGET))) void ScreenTile(const std::uint16_t* queries,
                                                            std::int64_t count,
                                                            const std::uint16_t* rows,
                                                            std::int64_t n, std::int64_t padded,
                                                            float* scores) {
  constexpr int kQueries = 4;
  const std::int64_t whole = n / 4 * 4;
  std::int64_t q = 0;
  for (; q < count; q += q + kQueries <= count ? kQueries : 1) {
    const std::uint16_t* query = queries + q * padded;
    const bool four = q + kQueries <= count;
    for (std::int64_t i = 0; i < whole; i += 4) {
      float* out = scores + q * n + i;
      if (four) {
        Tile<kQueries>(query, rows + i * padded, n, padded, out);
      } else {
        Tile<1>(query, rows + i * padded, n, padded, out);
      }
    }
    for (std::int64_t i = whole; i < n; ++i) {
      for (std::int64_t k = 0; k < (four ? kQueries : 1); ++k) {
        __m512 sum = _mm512_setzero_ps();
        for (std::int64_t j = 0; j < padded; j += 32) {
          sum = _mm512_dpbf16_ps(sum, Load(query + k * padded + j), Load(rows + i * padded + j));
        }
        scores[(q + k) * n + i] = _mm_cvtss_f32(Sum4(sum, sum, sum, sum));
      }
    }
  }
}

#undef ESPY_SCREEN_TARGET

#else

bool CanScreen() { return false; }
void ScreenQueries(const float*, std::int64_t, std::uint16_t*) {}
float ScreenRows(const std::uint16_t*, std::int64_t, std::int64_t, std::uint16_t*) { return 0; }
void ScreenTile(const std::uint16_t*, std::int64_t, const std::uint16_t*, std::int64_t,
                std::int64_t, float*) {}

#endif

}  // namespace espy::index
