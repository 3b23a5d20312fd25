#include "index/ivf/scan4.h"

#include <algorithm>

#include "base/cpu_features.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace espy::index {
namespace internal {

void Scan4Plain(const std::uint8_t* blocks, std::int64_t count, std::int64_t parts,
                const std::uint8_t* table, std::uint16_t* sums) {
  for (std::int64_t b = 0; b < count; ++b) {
    const std::uint8_t* block = blocks + b * BlockBytes(parts);
    for (std::int64_t row = 0; row < kScanRows; ++row) {
      unsigned sum = 0;
      for (std::int64_t m = 0; m < parts; ++m) sum += table[m * 16 + GetPart(block, m, row)];
      sums[b * kScanRows + row] = static_cast<std::uint16_t>(sum);
    }
  }
}

#if defined(__x86_64__)

// Bytes are added in 16-bit lanes: `whole` gets pairs of bytes as one number, `odd` the upper bytes
// alone, so that the lower bytes' sum is whole - 256 * odd, modulo 2^16 as it should be.

__attribute__((target("avx2"))) void Scan4Avx2(const std::uint8_t* blocks, std::int64_t count,
                                               std::int64_t parts, const std::uint8_t* table,
                                               std::uint16_t* sums) {
  const __m256i nibble = _mm256_set1_epi8(15);
  for (std::int64_t b = 0; b < count; ++b) {
    const std::uint8_t* block = blocks + b * BlockBytes(parts);
    __m256i whole[2] = {}, odd[2] = {};
    for (std::int64_t at = 0; at < parts * 16; at += 32) {
      const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + at));
      const __m256i entries = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(table + at));
      const __m256i low = _mm256_shuffle_epi8(entries, _mm256_and_si256(codes, nibble));
      const __m256i high =
          _mm256_shuffle_epi8(entries, _mm256_and_si256(_mm256_srli_epi16(codes, 4), nibble));
      whole[0] = _mm256_add_epi16(whole[0], low);
      odd[0] = _mm256_add_epi16(odd[0], _mm256_srli_epi16(low, 8));
      whole[1] = _mm256_add_epi16(whole[1], high);
      odd[1] = _mm256_add_epi16(odd[1], _mm256_srli_epi16(high, 8));
    }
    for (int half = 0; half < 2; ++half) {
      const __m256i even = _mm256_sub_epi16(whole[half], _mm256_slli_epi16(odd[half], 8));
      // The two 128-bit halves hold different parts of the same 16 rows.
      const __m128i e =
          _mm_add_epi16(_mm256_castsi256_si128(even), _mm256_extracti128_si256(even, 1));
      const __m128i o =
          _mm_add_epi16(_mm256_castsi256_si128(odd[half]), _mm256_extracti128_si256(odd[half], 1));
      __m128i* out = reinterpret_cast<__m128i*>(sums + b * kScanRows + half * 16);
      _mm_storeu_si128(out, _mm_unpacklo_epi16(e, o));
      _mm_storeu_si128(out + 1, _mm_unpackhi_epi16(e, o));
    }
  }
}

__attribute__((target("avx512f,avx512bw,avx512dq,avx2"), always_inline)) inline __m128i FourToOne(
    __m512i lanes) {
  const __m256i two =
      _mm256_add_epi16(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64(lanes, 1));
  return _mm_add_epi16(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
}

__attribute__((target("avx512f,avx512bw,avx512dq,avx2"))) void Scan4Avx512(
    const std::uint8_t* blocks, std::int64_t count, std::int64_t parts, const std::uint8_t* table,
    std::uint16_t* sums) {
  const __m512i nibble = _mm512_set1_epi8(15);
  for (std::int64_t b = 0; b < count; ++b) {
    const std::uint8_t* block = blocks + b * BlockBytes(parts);
    __m512i whole0 = _mm512_setzero_si512(), odd0 = whole0, whole1 = whole0, odd1 = whole0;
    for (std::int64_t at = 0; at < parts * 16; at += 64) {
      const __m512i codes = _mm512_loadu_si512(block + at);
      const __m512i entries = _mm512_loadu_si512(table + at);
      const __m512i low = _mm512_shuffle_epi8(entries, _mm512_and_si512(codes, nibble));
      const __m512i high =
          _mm512_shuffle_epi8(entries, _mm512_and_si512(_mm512_srli_epi16(codes, 4), nibble));
      whole0 = _mm512_add_epi16(whole0, low);
      odd0 = _mm512_add_epi16(odd0, _mm512_srli_epi16(low, 8));
      whole1 = _mm512_add_epi16(whole1, high);
      odd1 = _mm512_add_epi16(odd1, _mm512_srli_epi16(high, 8));
    }
    __m128i* out = reinterpret_cast<__m128i*>(sums + b * kScanRows);
    const __m128i e0 = FourToOne(_mm512_sub_epi16(whole0, _mm512_slli_epi16(odd0, 8)));
    const __m128i o0 = FourToOne(odd0);
    const __m128i e1 = FourToOne(_mm512_sub_epi16(whole1, _mm512_slli_epi16(odd1, 8)));
    const __m128i o1 = FourToOne(odd1);
    _mm_storeu_si128(out, _mm_unpacklo_epi16(e0, o0));
    _mm_storeu_si128(out + 1, _mm_unpackhi_epi16(e0, o0));
    _mm_storeu_si128(out + 2, _mm_unpacklo_epi16(e1, o1));
    _mm_storeu_si128(out + 3, _mm_unpackhi_epi16(e1, o1));
  }
}

#endif  // __x86_64__

namespace {

decltype(&Scan4Plain) Choose() {
#if defined(__x86_64__)
  if (CpuFeatures().avx512) return Scan4Avx512;
  if (CpuFeatures().avx2) return Scan4Avx2;
#endif
  return Scan4Plain;
}

}  // namespace
}  // namespace internal

void Scan4(const std::uint8_t* blocks, std::int64_t count, std::int64_t parts,
           const std::uint8_t* table, std::uint16_t* sums) {
  static const auto scan = internal::Choose();
  scan(blocks, count, parts, table, sums);
}

std::uint32_t AtLeast(const std::uint16_t* sums, std::uint16_t bound) {
#if defined(__x86_64__)
  const __m128i limit = _mm_set1_epi16(static_cast<short>(bound));
  std::uint32_t mask = 0;
  for (int half = 0; half < 2; ++half) {
    const __m128i* from = reinterpret_cast<const __m128i*>(sums + half * 16);
    // Saturating: bound - sum is zero exactly when the sum reaches the bound.
    const __m128i a = _mm_subs_epu16(limit, _mm_loadu_si128(from));
    const __m128i b = _mm_subs_epu16(limit, _mm_loadu_si128(from + 1));
    const __m128i zero = _mm_setzero_si128();
    const __m128i both = _mm_packs_epi16(_mm_cmpeq_epi16(a, zero), _mm_cmpeq_epi16(b, zero));
    mask |= static_cast<std::uint32_t>(_mm_movemask_epi8(both)) << (half * 16);
  }
  return mask;
#else
  std::uint32_t mask = 0;
  for (int r = 0; r < kScanRows; ++r) mask |= sums[r] >= bound ? 1u << r : 0u;
  return mask;
#endif
}

void MakeByteTable(const float* table, std::int64_t parts, ByteTable* out) {
  out->bytes.resize(static_cast<std::size_t>(parts * 16));
  float widest = 0;
  double base = 0;
  for (std::int64_t m = 0; m < parts; ++m) {
    const auto [least, greatest] = std::minmax_element(table + m * 16, table + m * 16 + 16);
    widest = std::max(widest, *greatest - *least);
    base += *least;
  }
  out->base = static_cast<float>(base);
  const auto limit = static_cast<float>(MaxTableEntry(parts));
  out->step = widest > 0 ? widest / limit : 0;
  const float scale = widest > 0 ? limit / widest : 0;
  for (std::int64_t m = 0; m < parts; ++m) {
    const float* row = table + m * 16;
    const float least = *std::min_element(row, row + 16);
    for (int j = 0; j < 16; ++j) {
      const float byte = (row[j] - least) * scale + 0.5f;
      // Written so that what is no number becomes 0.
      out->bytes[m * 16 + j] = byte > 0 ? static_cast<std::uint8_t>(std::min(byte, limit)) : 0;
    }
  }
  // Every entry is rounded to the nearest step.
  out->error = static_cast<float>(parts) * 0.5f * out->step;
}

}  // namespace espy::index
