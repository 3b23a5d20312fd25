// Which rows may be among a query's best: scores in bfloat16 with a bound on their error, at twice
// the speed of scores in FP32. What passes is scored exactly, so an answer is exact all the same.
#ifndef ESPY_INDEX_SCREEN_H_
#define ESPY_INDEX_SCREEN_H_

#include <cstdint>

namespace espy::index {

// The CPU multiplies bfloat16; without, nothing below may be called.
bool CanScreen();

// To bfloat16, to nearest; n is a multiple of 32. 64-byte aligned.
void ScreenQueries(const float* queries, std::int64_t n, std::uint16_t* out);
// The same of rows of halves; the largest of their norms, infinite or no number when one is so.
float ScreenRows(const std::uint16_t* rows, std::int64_t n, std::int64_t padded,
                 std::uint16_t* out);

// scores[q * n + i]: about the inner product of query q and row i.
void ScreenTile(const std::uint16_t* queries, std::int64_t count, const std::uint16_t* rows,
                std::int64_t n, std::int64_t padded, float* scores);

// How far a score of ScreenTile may be from that of Dot, for unit norms; times both norms.
// Each factor is off by at most 2^-9 of itself, hence by Cauchy and Schwarz the sum of products by
// 2^-8 + 2^-18 of the norms' product; each of `padded` additions in FP32, there and in Dot, by
// 2^-23 at most of what is added so far. A tenth on top.
inline float ScreenBound(std::int64_t padded) {
  constexpr float kFactors = 1.0f / 256 + 1.0f / 262144, kAddition = 1.0f / 8388608;
  return 1.1f * (kFactors + 2 * static_cast<float>(padded) * kAddition);
}

}  // namespace espy::index

#endif  // ESPY_INDEX_SCREEN_H_
