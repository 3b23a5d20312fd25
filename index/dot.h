// The one routine that scores: the inner product of a float query with a row of half-precision
// numbers.
//
// It gives the same bits on every CPU: element i goes to lane i mod 32 by a fused multiply-add, in
// order, and the 32 lanes are folded in halves (16, 8, 4, 2, 1). AVX2 does that in four registers
// of eight, AVX-512 in two of sixteen, the plain twin with std::fma. So a score does not depend on
// which segment, kernel or machine computed it.
#ifndef ESPY_INDEX_DOT_H_
#define ESPY_INDEX_DOT_H_

#include <cstdint>

namespace espy::index {

inline constexpr std::int64_t kDotLanes = 32;

// The length of a padded row: rows and queries have zeros from their dimension up to it.
inline std::int64_t PaddedDimension(std::int64_t dimension) {
  return (dimension + kDotLanes - 1) / kDotLanes * kDotLanes;
}

// `padded` is a multiple of kDotLanes. Pointers need no alignment; 32-byte aligned rows are faster.
float Dot(const float* query, const std::uint16_t* row, std::int64_t padded);
// scores[i] = Dot(query, rows + i * padded, padded) for i < n, rows one behind the other.
void DotRows(const float* query, const std::uint16_t* rows, std::int64_t n, std::int64_t padded,
             float* scores);
// scores[q * n + i] = Dot(queries + q * padded, rows + i * padded, padded), the same bits, for many
// queries at once: a row is converted once for four of them. Faster when queries are aligned to 64.
void DotTile(const float* queries, std::int64_t count, const std::uint16_t* rows, std::int64_t n,
             std::int64_t padded, float* scores);
// Both sides half: for building graphs only.
float DotHalf(const std::uint16_t* a, const std::uint16_t* b, std::int64_t padded);

namespace internal {
// The sum of kDotLanes partial sums, in the order that every variant has. Overwrites them.
float Fold(float* lanes);
// The variants, for the tests that compare them; call only what the CPU has.
float DotPlain(const float* query, const std::uint16_t* row, std::int64_t padded);
float DotAvx2(const float* query, const std::uint16_t* row, std::int64_t padded);
float DotAvx512(const float* query, const std::uint16_t* row, std::int64_t padded);
}  // namespace internal

}  // namespace espy::index

#endif  // ESPY_INDEX_DOT_H_
