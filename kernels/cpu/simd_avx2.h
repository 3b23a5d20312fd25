// Eight FP32 lanes of AVX2 with FMA. Include only in files compiled for them. simd_baseline.h says
// what each name means.
#ifndef ESPY_KERNELS_CPU_SIMD_AVX2_H_
#define ESPY_KERNELS_CPU_SIMD_AVX2_H_

#include <immintrin.h>

#include <cstdint>

#define ESPY_SIMD_INLINE static inline __attribute__((always_inline))

namespace espy::kernels::cpu {

struct Avx2 {
  static constexpr int kLanes = 8;
  static constexpr int kTileRows = 6;  // 6 x 2 accumulators, 2 of B and 1 of A in 16 registers
  static constexpr int kTileVectors = 2;
  static constexpr float kWholeMagic = 12582912.0f;
  static constexpr bool kSplits = false;
  using F = __m256;
  using I = __m256i;

  ESPY_SIMD_INLINE F Set(float x) { return _mm256_set1_ps(x); }
  ESPY_SIMD_INLINE F Load(const float* p) { return _mm256_loadu_ps(p); }
  ESPY_SIMD_INLINE void Store(float* p, F x) { _mm256_storeu_ps(p, x); }
  ESPY_SIMD_INLINE __m256i FirstLanes(std::int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  ESPY_SIMD_INLINE F LoadFirst(const float* p, std::int64_t n) {
    return _mm256_maskload_ps(p, FirstLanes(n));
  }
  ESPY_SIMD_INLINE void StoreFirst(float* p, F x, std::int64_t n) {
    _mm256_maskstore_ps(p, FirstLanes(n), x);
  }
  ESPY_SIMD_INLINE F KeepFirst(F x, std::int64_t n) {
    return _mm256_and_ps(x, _mm256_castsi256_ps(FirstLanes(n)));
  }
  ESPY_SIMD_INLINE F Fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  ESPY_SIMD_INLINE F Max(F a, F b) { return _mm256_max_ps(a, b); }
  ESPY_SIMD_INLINE F Min(F a, F b) { return _mm256_min_ps(a, b); }
  ESPY_SIMD_INLINE F Abs(F a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
  ESPY_SIMD_INLINE F Round(F a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  ESPY_SIMD_INLINE F Pow2(F n) {
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
  }
  ESPY_SIMD_INLINE F TimesPow2(F a, F whole) {
    const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(whole), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent));
  }
  ESPY_SIMD_INLINE F ZeroWhereLess(F x, F limit, F value) {
    return _mm256_andnot_ps(_mm256_cmp_ps(x, limit, _CMP_LT_OQ), value);
  }
  ESPY_SIMD_INLINE F WhereLess(F x, F limit, F then, F otherwise) {
    return _mm256_blendv_ps(otherwise, then, _mm256_cmp_ps(x, limit, _CMP_LT_OQ));
  }
  ESPY_SIMD_INLINE float Sum(F a) {
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
  }
  ESPY_SIMD_INLINE float MaxLane(F a) {
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
  }
  // out[c * out_stride + r] = in[r * in_stride + c] for r, c < kLanes.
  ESPY_SIMD_INLINE void Transpose(const float* in, std::int64_t in_stride, float* out,
                                  std::int64_t out_stride) {
    F a[8], b[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) a[i] = Load(in + i * in_stride);
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
      b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
      b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
      a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
      a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
      a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
      a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      Store(out + i * out_stride, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
      Store(out + (i + 4) * out_stride, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
    }
  }

  ESPY_SIMD_INLINE I SetInt(std::int32_t x) { return _mm256_set1_epi32(x); }
  ESPY_SIMD_INLINE I LoadInt(const std::int32_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  ESPY_SIMD_INLINE void StoreInt(std::int32_t* p, I x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x);
  }
  ESPY_SIMD_INLINE I SubInt(I a, I b) { return _mm256_sub_epi32(a, b); }
  ESPY_SIMD_INLINE F ToFloat(I x) { return _mm256_cvtepi32_ps(x); }

  // One 32-bit word holds an output of each vector: a shift gives one, a mask the other.
  struct Bfloat16 {
    using Activation = float;
    using Weight = std::uint16_t;
    using WeightVector = F;
    static constexpr int kGroup = 1;
    static constexpr int Position(int output) {
      return output < kLanes ? 2 * output : 2 * (output - kLanes) + 1;
    }
    template <int kVectors>
    ESPY_SIMD_INLINE void LoadWeights(const Weight* p, WeightVector* row) {
      static_assert(kVectors == 2);
      const I words = LoadInt(reinterpret_cast<const std::int32_t*>(p));
      row[0] = _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
      row[1] = _mm256_castsi256_ps(_mm256_and_si256(words, SetInt(~0xffff)));
    }
    ESPY_SIMD_INLINE F Broadcast(const Activation* p) { return Set(*p); }
    ESPY_SIMD_INLINE F Dot(F sum, F a, F w) { return Fma(a, w, sum); }
  };

  // Bytes widened to 16 bits: as many multiplications a cycle as the saturating multiplication of
  // bytes (vpmaddubsw) allows, and exact.
  struct Int8 {
    using Activation = std::int16_t;
    using WeightVector = I;
    static constexpr int kGroup = 2;
    static constexpr int kActivationOffset = 0;
    template <int kVectors>
    ESPY_SIMD_INLINE void LoadWeights(const std::int8_t* p, WeightVector* row) {
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) {
        row[j] = _mm256_cvtepi8_epi16(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 2 * j * kLanes)));
      }
    }
    ESPY_SIMD_INLINE I Broadcast(const Activation* p) {
      std::int32_t pair;
      __builtin_memcpy(&pair, p, sizeof(pair));
      return SetInt(pair);
    }
    ESPY_SIMD_INLINE I Dot(I sum, I a, I w) {
      return _mm256_add_epi32(sum, _mm256_madd_epi16(a, w));
    }
    ESPY_SIMD_INLINE void StoreActivations(Activation* p, F x) {
      const I whole = _mm256_cvtps_epi32(x);
      const __m128i narrow =
          _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrow);
    }
  };
};

}  // namespace espy::kernels::cpu

#undef ESPY_SIMD_INLINE

#endif  // ESPY_KERNELS_CPU_SIMD_AVX2_H_
