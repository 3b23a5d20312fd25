#include "index/codes.h"

#include <algorithm>
#include <cmath>

#include "base/cpu_features.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace espy::index {
namespace {

// The step between two bytes; 0 for a vector of zeros, or one that holds what is no number.
float Step(const float* z, std::int64_t dims) {
  float most = 0;
  for (std::int64_t i = 0; i < dims; ++i) most = std::max(most, std::fabs(z[i]));
  for (std::int64_t i = 0; i < dims; ++i) {
    if (!std::isfinite(z[i])) return 0;
  }
  return most / 127.0f;
}

int Quantised(float z, float inverse) {
  return static_cast<int>(std::lrint(std::clamp(z * inverse, -127.0f, 127.0f)));
}

}  // namespace

CodeMatrix::CodeMatrix(std::int64_t n, std::int64_t dims)
    : n_(n),
      dims_(dims),
      stride_(Stride(dims)),
      data_(MakeAligned<std::uint8_t>(static_cast<std::size_t>(n * stride_))) {}

void CodeMatrix::Set(std::int64_t i, const float* z, float bias) {
  std::uint8_t* row = data_.get() + i * stride_;
  const float scale = Step(z, dims_), inverse = scale > 0 ? 1.0f / scale : 0.0f;
  for (std::int64_t j = 0; j < dims_; ++j) {
    row[j] = scale > 0 ? static_cast<std::uint8_t>(128 + Quantised(z[j], inverse)) : 128;
  }
  std::memset(row + dims_, 0, static_cast<std::size_t>(stride_ - 8 - dims_));
  std::memcpy(row + stride_ - 8, &scale, sizeof(scale));
  std::memcpy(row + stride_ - 4, &bias, sizeof(bias));
}

bool CodeMatrix::Valid() const {
  for (std::int64_t i = 0; i < n_; ++i) {
    if (!std::isfinite(scale(i)) || !std::isfinite(bias(i))) return false;
  }
  return true;
}

void CodeQuery::Reserve(std::int64_t stride) {
  if (stride_ != stride) {
    data_ = MakeAligned<std::int8_t>(static_cast<std::size_t>(stride));
    stride_ = stride;
  }
}

void CodeQuery::Set(const float* z, std::int64_t dims) {
  Reserve(CodeMatrix::Stride(dims));
  scale_ = Step(z, dims);
  const float inverse = scale_ > 0 ? 1.0f / scale_ : 0.0f;
  std::int32_t sum = 0;
  for (std::int64_t j = 0; j < dims; ++j) {
    const int value = scale_ > 0 ? Quantised(z[j], inverse) : 0;
    data_[j] = static_cast<std::int8_t>(value);
    sum += value;
  }
  std::memset(data_.get() + dims, 0, static_cast<std::size_t>(stride_ - dims));
  offset_ = 128 * sum;
}

void CodeQuery::Set(const CodeMatrix& codes, std::int64_t row) {
  Reserve(codes.stride());
  scale_ = codes.scale(row);
  const std::uint8_t* from = codes.row(row);
  std::int32_t sum = 0;
  for (std::int64_t j = 0; j < codes.dims(); ++j) {
    const int value = from[j] - 128;
    data_[j] = static_cast<std::int8_t>(value);
    sum += value;
  }
  std::memset(data_.get() + codes.dims(), 0, static_cast<std::size_t>(stride_ - codes.dims()));
  offset_ = 128 * sum;
}

namespace internal {

void ScoreCodesPlain(const CodeMatrix& codes, const CodeQuery& query, const std::int32_t* rows,
                     std::int64_t n, float* scores) {
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint8_t* row = codes.row(rows[i]);
    std::int32_t sum = -query.offset();
    for (std::int64_t j = 0; j < codes.dims(); ++j) sum += row[j] * query.data()[j];
    scores[i] =
        codes.bias(rows[i]) + static_cast<float>(sum) * (codes.scale(rows[i]) * query.scale());
  }
}

#if defined(__x86_64__)

// Four rows' sums of 32-bit lanes, in one register.
__attribute__((target("avx2"), always_inline)) inline __m128i Sum4(__m256i a, __m256i b, __m256i c,
                                                                   __m256i d) {
  const __m256i sums = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
  return _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
}

// bias + (sum - offset) * (scale * query scale) of four rows whose numbers lie at a, b, c, d.
__attribute__((target("avx2"), always_inline)) inline __m128 Finish4(
    __m128i sums, const CodeQuery& query, const std::uint8_t* a, const std::uint8_t* b,
    const std::uint8_t* c, const std::uint8_t* d) {
  const auto pair = [](const std::uint8_t* low, const std::uint8_t* high) {
    return _mm_loadh_pi(_mm_castpd_ps(_mm_load_sd(reinterpret_cast<const double*>(low))),
                        reinterpret_cast<const __m64*>(high));
  };
  const __m128 ab = pair(a, b), cd = pair(c, d);
  const __m128 scale = _mm_shuffle_ps(ab, cd, _MM_SHUFFLE(2, 0, 2, 0));
  const __m128 bias = _mm_shuffle_ps(ab, cd, _MM_SHUFFLE(3, 1, 3, 1));
  const __m128 value = _mm_cvtepi32_ps(_mm_sub_epi32(sums, _mm_set1_epi32(query.offset())));
  return _mm_add_ps(bias, _mm_mul_ps(value, _mm_mul_ps(scale, _mm_set1_ps(query.scale()))));
}

__attribute__((target("avx2"), always_inline)) inline __m256i Products32(const std::uint8_t* row,
                                                                         const std::int8_t* query) {
  const auto bytes = [](const void* at) { return _mm_load_si128(static_cast<const __m128i*>(at)); };
  return _mm256_add_epi32(
      _mm256_madd_epi16(_mm256_cvtepu8_epi16(bytes(row)), _mm256_cvtepi8_epi16(bytes(query))),
      _mm256_madd_epi16(_mm256_cvtepu8_epi16(bytes(row + 16)),
                        _mm256_cvtepi8_epi16(bytes(query + 16))));
}

// The rows of each step of four; the last step repeats its last row.
struct Four {
  const std::uint8_t* row[4];
  Four(const CodeMatrix& codes, const std::int32_t* rows, std::int64_t left) {
    for (std::int64_t k = 0; k < 4; ++k) row[k] = codes.row(rows[k < left ? k : left - 1]);
  }
};

__attribute__((target("avx2"))) void ScoreCodesAvx2(const CodeMatrix& codes, const CodeQuery& query,
                                                    const std::int32_t* rows, std::int64_t n,
                                                    float* scores) {
  const std::int64_t stride = codes.stride();
  for (std::int64_t i = 0; i < n; i += 4) {
    const Four four(codes, rows + i, n - i);
    __m256i sum[4];
    for (int k = 0; k < 4; ++k) {
      sum[k] = _mm256_setzero_si256();
      for (std::int64_t j = 0; j < stride; j += 32) {
        sum[k] = _mm256_add_epi32(sum[k], Products32(four.row[k] + j, query.data() + j));
      }
    }
    const std::int64_t at = stride - 8;
    const __m128 result = Finish4(Sum4(sum[0], sum[1], sum[2], sum[3]), query, four.row[0] + at,
                                  four.row[1] + at, four.row[2] + at, four.row[3] + at);
    float out[4];
    _mm_storeu_ps(out, result);
    std::copy(out, out + std::min<std::int64_t>(4, n - i), scores + i);
  }
}

__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2"),
               always_inline)) inline __m256i
Halves(__m512i sum) {
  return _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
}

__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2"))) void ScoreCodesVnni(
    const CodeMatrix& codes, const CodeQuery& query, const std::int32_t* rows, std::int64_t n,
    float* scores) {
  const std::int64_t stride = codes.stride();
  for (std::int64_t i = 0; i < n; i += 4) {
    const Four four(codes, rows + i, n - i);
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (std::int64_t j = 0; j < stride; j += 64) {
      const __m512i q = _mm512_load_si512(query.data() + j);
      a = _mm512_dpbusd_epi32(a, _mm512_load_si512(four.row[0] + j), q);
      b = _mm512_dpbusd_epi32(b, _mm512_load_si512(four.row[1] + j), q);
      c = _mm512_dpbusd_epi32(c, _mm512_load_si512(four.row[2] + j), q);
      d = _mm512_dpbusd_epi32(d, _mm512_load_si512(four.row[3] + j), q);
    }
    const std::int64_t at = stride - 8;
    const __m128 result =
        Finish4(Sum4(Halves(a), Halves(b), Halves(c), Halves(d)), query, four.row[0] + at,
                four.row[1] + at, four.row[2] + at, four.row[3] + at);
    const std::int64_t left = n - i;
    const __mmask8 mask = left >= 4 ? 15 : static_cast<__mmask8>((1 << left) - 1);
    _mm_mask_storeu_ps(scores + i, mask, result);
  }
}

#endif  // __x86_64__

namespace {

decltype(&ScoreCodesPlain) Choose() {
#if defined(__x86_64__)
  const CpuFeatureSet& cpu = CpuFeatures();
  if (cpu.avx512 && cpu.avx512_vnni && cpu.avx2) return ScoreCodesVnni;
  if (cpu.avx2) return ScoreCodesAvx2;
#endif
  return ScoreCodesPlain;
}

}  // namespace
}  // namespace internal

void ScoreCodes(const CodeMatrix& codes, const CodeQuery& query, const std::int32_t* rows,
                std::int64_t n, float* scores) {
  static const auto score = internal::Choose();
  score(codes, query, rows, n, scores);
}

}  // namespace espy::index
