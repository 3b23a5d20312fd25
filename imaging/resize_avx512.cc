// The vertical pass on 512-bit vectors: as in resize_avx2.cc, twice as many columns at once.
#include <algorithm>

#include "imaging/resize_passes.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace espy::imaging {

__attribute__((target("avx512f,avx512bw"))) void VerticalAvx512(const std::uint8_t* in,
                                                                std::int64_t row_bytes,
                                                                const Taps& taps,
                                                                std::uint8_t* out) {
  constexpr std::int64_t kBlock = 64;
  if (row_bytes < kBlock) return VerticalPlain(in, row_bytes, taps, out);

  const __m512i zero = _mm512_setzero_si512();
  const __m512i half = _mm512_set1_epi32(1 << (kPrecisionBits - 1));
  for (std::size_t y = 0; y < taps.spans.size(); ++y) {
    const Taps::Span span = taps.spans[y];
    const std::int32_t* k = &taps.coefficients[y * taps.stride];
    const std::uint8_t* top = in + span.first * row_bytes;
    std::uint8_t* out_row = out + static_cast<std::int64_t>(y) * row_bytes;
    for (std::int64_t at = 0; at < row_bytes; at += kBlock) {
      const std::int64_t x = std::min(at, row_bytes - kBlock);
      __m512i high[4] = {zero, zero, zero, zero};
      __m512i low[4] = {zero, zero, zero, zero};
      for (std::int32_t t = 0; t < span.count; t += 2) {
        const std::int64_t next = t + 1 < span.count ? row_bytes : 0;
        const std::uint8_t* p = top + t * row_bytes + x;
        const __m512i a = _mm512_loadu_si512(p);
        const __m512i b = _mm512_loadu_si512(p + next);
        const __m512i k_high =
            _mm512_set1_epi32((k[t + 1] >> kLowBits) * 65536 + ((k[t] >> kLowBits) & 0xffff));
        const __m512i k_low = _mm512_set1_epi32((k[t + 1] & ((1 << kLowBits) - 1)) * 65536 +
                                                (k[t] & ((1 << kLowBits) - 1)));
        const __m512i ab_low = _mm512_unpacklo_epi8(a, b);
        const __m512i ab_high = _mm512_unpackhi_epi8(a, b);
        const __m512i words[4] = {
            _mm512_unpacklo_epi8(ab_low, zero), _mm512_unpackhi_epi8(ab_low, zero),
            _mm512_unpacklo_epi8(ab_high, zero), _mm512_unpackhi_epi8(ab_high, zero)};
        for (int i = 0; i < 4; ++i) {
          high[i] = _mm512_add_epi32(high[i], _mm512_madd_epi16(words[i], k_high));
          low[i] = _mm512_add_epi32(low[i], _mm512_madd_epi16(words[i], k_low));
        }
      }
      for (int i = 0; i < 4; ++i) {
        const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(high[i], kLowBits), low[i]);
        high[i] = _mm512_srai_epi32(_mm512_add_epi32(sum, half), kPrecisionBits);
      }
      const __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(high[0], high[1]),
                                                _mm512_packs_epi32(high[2], high[3]));
      _mm512_storeu_si512(out_row + x, bytes);
    }
  }
}

}  // namespace espy::imaging
#endif
