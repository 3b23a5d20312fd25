// Sixteen FP32 lanes of AVX-512 (F, BW, DQ, VL). Include only in files compiled for them.
// simd_baseline.h says what each name means.
#ifndef ESPY_KERNELS_CPU_SIMD_AVX512_H_
#define ESPY_KERNELS_CPU_SIMD_AVX512_H_

#include <immintrin.h>

#include <cstdint>

#define ESPY_SIMD_INLINE static inline __attribute__((always_inline))

namespace espy::kernels::cpu {

struct Avx512 {
  static constexpr int kLanes = 16;
  static constexpr int kTileRows = 12;  // 12 x 2 accumulators, 2 of B and some of A in 32 registers
  static constexpr int kTileVectors = 2;
  static constexpr bool kSplits = true;
  using F = __m512;
  using I = __m512i;

  ESPY_SIMD_INLINE F Set(float x) { return _mm512_set1_ps(x); }
  ESPY_SIMD_INLINE F Load(const float* p) { return _mm512_loadu_ps(p); }
  ESPY_SIMD_INLINE void Store(float* p, F x) { _mm512_storeu_ps(p, x); }
  ESPY_SIMD_INLINE __mmask16 FirstLanes(std::int64_t n) {
    return static_cast<__mmask16>((1u << n) - 1u);
  }
  ESPY_SIMD_INLINE F LoadFirst(const float* p, std::int64_t n) {
    return _mm512_maskz_loadu_ps(FirstLanes(n), p);
  }
  ESPY_SIMD_INLINE void StoreFirst(float* p, F x, std::int64_t n) {
    _mm512_mask_storeu_ps(p, FirstLanes(n), x);
  }
  ESPY_SIMD_INLINE F KeepFirst(F x, std::int64_t n) {
    return _mm512_maskz_mov_ps(FirstLanes(n), x);
  }
  ESPY_SIMD_INLINE F Fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  ESPY_SIMD_INLINE F Max(F a, F b) { return _mm512_max_ps(a, b); }
  ESPY_SIMD_INLINE F Min(F a, F b) { return _mm512_min_ps(a, b); }
  ESPY_SIMD_INLINE F Abs(F a) { return _mm512_abs_ps(a); }
  ESPY_SIMD_INLINE F Round(F a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  ESPY_SIMD_INLINE F Pow2(F n) { return _mm512_scalef_ps(_mm512_set1_ps(1.0f), n); }
  ESPY_SIMD_INLINE F Fraction(F x) {
    return _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  }
  ESPY_SIMD_INLINE F TimesPow2Floor(F a, F x) { return _mm512_scalef_ps(a, x); }
  ESPY_SIMD_INLINE F ZeroWhereLess(F x, F limit, F value) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_NLT_UQ), value);
  }
  ESPY_SIMD_INLINE F WhereLess(F x, F limit, F then, F otherwise) {
    return _mm512_mask_mov_ps(otherwise, _mm512_cmp_ps_mask(x, limit, _CMP_LT_OQ), then);
  }
  ESPY_SIMD_INLINE float Sum(F a) { return _mm512_reduce_add_ps(a); }
  ESPY_SIMD_INLINE float MaxLane(F a) { return _mm512_reduce_max_ps(a); }
  // out[c * out_stride + r] = in[r * in_stride + c] for r, c < kLanes.
  ESPY_SIMD_INLINE void Transpose(const float* in, std::int64_t in_stride, float* out,
                                  std::int64_t out_stride) {
    F a[16], b[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) a[i] = Load(in + i * in_stride);
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
      b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
      b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    // a[4 g + c]: in each 128-bit lane l, column 4 l + c of rows 4 g .. 4 g + 3.
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
      a[i] = _mm512_shuffle_ps(b[i], b[i + 2], 0x44);
      a[i + 1] = _mm512_shuffle_ps(b[i], b[i + 2], 0xee);
      a[i + 2] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0x44);
      a[i + 3] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0xee);
    }
    // A 4 x 4 transpose of 128-bit lanes gathers each column's four groups of rows.
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      const F low01 = _mm512_shuffle_f32x4(a[c], a[c + 4], 0x44);   // rows 0-7 of columns c, 4 + c
      const F high01 = _mm512_shuffle_f32x4(a[c], a[c + 4], 0xee);  // columns 8 + c, 12 + c
      const F low23 = _mm512_shuffle_f32x4(a[c + 8], a[c + 12], 0x44);
      const F high23 = _mm512_shuffle_f32x4(a[c + 8], a[c + 12], 0xee);
      Store(out + c * out_stride, _mm512_shuffle_f32x4(low01, low23, 0x88));
      Store(out + (c + 4) * out_stride, _mm512_shuffle_f32x4(low01, low23, 0xdd));
      Store(out + (c + 8) * out_stride, _mm512_shuffle_f32x4(high01, high23, 0x88));
      Store(out + (c + 12) * out_stride, _mm512_shuffle_f32x4(high01, high23, 0xdd));
    }
  }

  ESPY_SIMD_INLINE I SetInt(std::int32_t x) { return _mm512_set1_epi32(x); }
  ESPY_SIMD_INLINE I LoadInt(const std::int32_t* p) { return _mm512_loadu_si512(p); }
  ESPY_SIMD_INLINE void StoreInt(std::int32_t* p, I x) { _mm512_storeu_si512(p, x); }
  ESPY_SIMD_INLINE I SubInt(I a, I b) { return _mm512_sub_epi32(a, b); }
  ESPY_SIMD_INLINE F ToFloat(I x) { return _mm512_cvtepi32_ps(x); }

  // As in simd_avx2.h.
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
      const I words = _mm512_loadu_si512(p);
      row[0] = _mm512_castsi512_ps(_mm512_slli_epi32(words, 16));
      row[1] = _mm512_castsi512_ps(_mm512_and_si512(words, SetInt(~0xffff)));
    }
    ESPY_SIMD_INLINE F Broadcast(const Activation* p) { return Set(*p); }
    ESPY_SIMD_INLINE F Dot(F sum, F a, F w) { return Fma(a, w, sum); }
  };

  struct Int8 {
    using Activation = std::int16_t;
    using WeightVector = I;
    static constexpr int kGroup = 2;
    static constexpr int kActivationOffset = 0;
    template <int kVectors>
    ESPY_SIMD_INLINE void LoadWeights(const std::int8_t* p, WeightVector* row) {
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) {
        row[j] = _mm512_cvtepi8_epi16(
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 2 * j * kLanes)));
      }
    }
    ESPY_SIMD_INLINE I Broadcast(const Activation* p) {
      std::int32_t pair;
      __builtin_memcpy(&pair, p, sizeof(pair));
      return SetInt(pair);
    }
    ESPY_SIMD_INLINE I Dot(I sum, I a, I w) {
      return _mm512_add_epi32(sum, _mm512_madd_epi16(a, w));
    }
    ESPY_SIMD_INLINE void StoreActivations(Activation* p, F x) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                          _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(x)));
    }
  };
};

// With VNNI: four unsigned bytes times four signed ones are added to a sum at once. Activations are
// held 128 higher, which the epilogue takes off again by the sums of the weights.
struct Avx512Vnni : Avx512 {
  struct Int8 {
    using Activation = std::uint8_t;
    using WeightVector = I;
    static constexpr int kGroup = 4;
    static constexpr int kActivationOffset = 128;
    template <int kVectors>
    ESPY_SIMD_INLINE void LoadWeights(const std::int8_t* p, WeightVector* row) {
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) row[j] = _mm512_loadu_si512(p + 4 * j * kLanes);
    }
    ESPY_SIMD_INLINE I Broadcast(const Activation* p) {
      std::int32_t four;
      __builtin_memcpy(&four, p, sizeof(four));
      return SetInt(four);
    }
    ESPY_SIMD_INLINE I Dot(I sum, I a, I w) { return _mm512_dpbusd_epi32(sum, a, w); }
    ESPY_SIMD_INLINE void StoreActivations(Activation* p, F x) {
      const I higher = _mm512_add_epi32(_mm512_cvtps_epi32(x), SetInt(128));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(higher));
    }
  };
};

// With BF16 dot products too: two products are added to a sum at once, activations rounded to BF16.
struct Avx512Bf16 : Avx512Vnni {
  struct Bfloat16 {
    using Activation = std::uint16_t;
    using Weight = std::uint16_t;
    using WeightVector = I;
    static constexpr int kGroup = 2;
    static constexpr int Position(int output) { return 2 * output; }
    template <int kVectors>
    ESPY_SIMD_INLINE void LoadWeights(const Weight* p, WeightVector* row) {
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) row[j] = _mm512_loadu_si512(p + 2 * j * kLanes);
    }
    ESPY_SIMD_INLINE I Broadcast(const Activation* p) {
      std::int32_t pair;
      __builtin_memcpy(&pair, p, sizeof(pair));
      return SetInt(pair);
    }
    ESPY_SIMD_INLINE F Dot(F sum, I a, I w) {
      return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)w);
    }
    ESPY_SIMD_INLINE void StoreActivations(Activation* p, F x) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), (__m256i)_mm512_cvtneps_pbh(x));
    }
    // p[2 i] = even[i], p[2 i + 1] = odd[i]
    ESPY_SIMD_INLINE void StorePairs(Activation* p, F even, F odd) {
      const I low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even));
      const I high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd));
      _mm512_storeu_si512(p, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
  };
};

}  // namespace espy::kernels::cpu

#undef ESPY_SIMD_INLINE

#endif  // ESPY_KERNELS_CPU_SIMD_AVX512_H_
