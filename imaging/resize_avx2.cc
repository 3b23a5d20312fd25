// The passes on 256-bit vectors. Compiled for any x86-64: each function names its own instruction
// set.
#include <algorithm>
#include <cstring>

#include "imaging/resize_passes.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace espy::imaging {
namespace {

constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);

// For every output position and group of four taps, the 16-bit halves in the order in which pmaddwd
// meets them: 128-bit lane 0 holds taps 0 and 1 as (k0 k1) for red, green, blue and nothing, lane 1
// taps 2 and 3.
struct alignas(32) GroupCoefficients {
  std::int16_t high[16];
  std::int16_t low[16];
};

std::vector<GroupCoefficients> SplitByGroups(const Taps& taps) {
  std::vector<GroupCoefficients> groups(taps.coefficients.size() / kTapGroup);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (int i = 0; i < 16; ++i) {
      const int tap = (i / 8) * 2 + i % 2;
      const bool unused = i % 8 >= 6;
      const std::int32_t k = unused ? 0 : taps.coefficients[g * kTapGroup + tap];
      groups[g].high[i] = static_cast<std::int16_t>(k >> kLowBits);
      groups[g].low[i] = static_cast<std::int16_t>(k & ((1 << kLowBits) - 1));
    }
  }
  return groups;
}

// kRows rows at once share the loads of coefficients. Reads 16 bytes at each group of four taps: up
// to 13 bytes past the end of a row. rows[i] and outs[i]: the rows' beginnings.
template <int kRows>
__attribute__((target("avx2"))) void HorizontalRows(const std::uint8_t* const* rows,
                                                    const Taps& taps,
                                                    const GroupCoefficients* groups,
                                                    std::uint8_t* const* outs) {
  const __m256i spread =
      _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                       6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const std::size_t width = taps.spans.size();
  const int groups_per_position = taps.stride / kTapGroup;
  for (std::size_t x = 0; x < width; ++x) {
    const Taps::Span span = taps.spans[x];
    const GroupCoefficients* k = groups + x * groups_per_position;
    const std::size_t offset = static_cast<std::size_t>(span.first) * 3;
    __m256i high[kRows];
    __m256i low[kRows];
    for (int r = 0; r < kRows; ++r) high[r] = low[r] = _mm256_setzero_si256();
    const int used = (span.count + kTapGroup - 1) / kTapGroup;
    for (int g = 0; g < used; ++g) {
      const __m256i k_high = _mm256_load_si256(reinterpret_cast<const __m256i*>(k[g].high));
      const __m256i k_low = _mm256_load_si256(reinterpret_cast<const __m256i*>(k[g].low));
      for (int r = 0; r < kRows; ++r) {
        const __m128i bytes = _mm_loadu_si128(
            reinterpret_cast<const __m128i*>(rows[r] + offset + static_cast<std::size_t>(g) * 12));
        const __m256i words = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), spread);
        high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(words, k_high));
        low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(words, k_low));
      }
    }
    for (int r = 0; r < kRows; ++r) {
      const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high[r], kLowBits), low[r]);
      __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
      sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(kHalf)), kPrecisionBits);
      sum = _mm_packs_epi32(sum, sum);
      const auto rgb = static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_packus_epi16(sum, sum)));
      std::uint8_t* out = outs[r] + x * 3;
      out[0] = static_cast<std::uint8_t>(rgb);
      out[1] = static_cast<std::uint8_t>(rgb >> 8);
      out[2] = static_cast<std::uint8_t>(rgb >> 16);
    }
  }
}

}  // namespace

void HorizontalAvx2(const std::uint8_t* in, std::int32_t rows, std::int32_t in_width,
                    const Taps& taps, std::uint8_t* out) {
  // A narrower row could be overrun into the row after the next.
  constexpr std::int32_t kNarrowest = 8;
  if (in_width < kNarrowest) return HorizontalPlain(in, rows, in_width, taps, out);

  const std::vector<GroupCoefficients> groups = SplitByGroups(taps);
  const std::size_t in_row = static_cast<std::size_t>(in_width) * 3;
  const std::size_t out_row = taps.spans.size() * 3;
  // Nothing follows the last row that could be read: it gets a copy with room after it.
  std::vector<std::uint8_t> last(in_row + 16, 0);
  std::copy_n(in + static_cast<std::size_t>(rows - 1) * in_row, in_row, last.begin());
  const auto row_at = [&](std::int32_t y) {
    return y == rows - 1 ? last.data() : in + static_cast<std::size_t>(y) * in_row;
  };

  std::int32_t y = 0;
  for (; y + 4 <= rows; y += 4) {
    const std::uint8_t* from[4];
    std::uint8_t* to[4];
    for (int r = 0; r < 4; ++r) {
      from[r] = row_at(y + r);
      to[r] = out + (static_cast<std::size_t>(y) + r) * out_row;
    }
    HorizontalRows<4>(from, taps, groups.data(), to);
  }
  for (; y < rows; ++y) {
    const std::uint8_t* from = row_at(y);
    std::uint8_t* to = out + static_cast<std::size_t>(y) * out_row;
    HorizontalRows<1>(&from, taps, groups.data(), &to);
  }
}

__attribute__((target("avx2"))) void VerticalAvx2(const std::uint8_t* in, std::int64_t row_bytes,
                                                  const Taps& taps, std::uint8_t* out) {
  constexpr std::int64_t kBlock = 32;
  if (row_bytes < kBlock) return VerticalPlain(in, row_bytes, taps, out);

  const __m256i zero = _mm256_setzero_si256();
  const __m256i half = _mm256_set1_epi32(kHalf);
  for (std::size_t y = 0; y < taps.spans.size(); ++y) {
    const Taps::Span span = taps.spans[y];
    const std::int32_t* k = &taps.coefficients[y * taps.stride];
    const std::uint8_t* top = in + span.first * row_bytes;
    std::uint8_t* out_row = out + static_cast<std::int64_t>(y) * row_bytes;
    for (std::int64_t at = 0; at < row_bytes; at += kBlock) {
      const std::int64_t x =
          std::min(at, row_bytes - kBlock);  // the last block overlaps its neighbour
      __m256i high[4] = {zero, zero, zero, zero};
      __m256i low[4] = {zero, zero, zero, zero};
      for (std::int32_t t = 0; t < span.count; t += 2) {
        // Beyond an odd count the coefficient is padding, 0: read the same row again.
        const std::int64_t next = t + 1 < span.count ? row_bytes : 0;
        const std::uint8_t* p = top + t * row_bytes + x;
        const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
        const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + next));
        const __m256i k_high =
            _mm256_set1_epi32((k[t + 1] >> kLowBits) * 65536 + ((k[t] >> kLowBits) & 0xffff));
        const __m256i k_low = _mm256_set1_epi32((k[t + 1] & ((1 << kLowBits) - 1)) * 65536 +
                                                (k[t] & ((1 << kLowBits) - 1)));
        const __m256i ab_low = _mm256_unpacklo_epi8(a, b);
        const __m256i ab_high = _mm256_unpackhi_epi8(a, b);
        const __m256i words[4] = {
            _mm256_unpacklo_epi8(ab_low, zero), _mm256_unpackhi_epi8(ab_low, zero),
            _mm256_unpacklo_epi8(ab_high, zero), _mm256_unpackhi_epi8(ab_high, zero)};
        for (int i = 0; i < 4; ++i) {
          high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(words[i], k_high));
          low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(words[i], k_low));
        }
      }
      for (int i = 0; i < 4; ++i) {
        const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high[i], kLowBits), low[i]);
        high[i] = _mm256_srai_epi32(_mm256_add_epi32(sum, half), kPrecisionBits);
      }
      const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(high[0], high[1]),
                                                _mm256_packs_epi32(high[2], high[3]));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out_row + x), bytes);
    }
  }
}

}  // namespace espy::imaging
#endif
