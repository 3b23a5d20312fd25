// One bit a dimension, with an estimate whose error is bounded (Gao and Long 2024, "RaBitQ:
// Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate Nearest
// Neighbor Search").
//
// A vector r of D randomly rotated dimensions is kept as its signs s in {-1, +1}^D and two numbers.
// With o = r / |r| and t = <o, s / sqrt D> = sum |r_i| / (sqrt D |r|), the paper's Theorem 3.2 has
//
//     <q, r>  is estimated without bias by  |r| <q, s / sqrt D> / t  =  scale * <q, s>,
//     scale = |r|^2 / sum |r_i|,
//
// and with probability 1 - 2 exp(-c e^2) the error is at most e * spread * |q|,
//
//     spread = |r| sqrt((1 - t^2) / t^2) / sqrt(D - 1).
//
// The signs of four dimensions are one part of a code that scan4.h sums: <q, s> is a sum of table
// entries, quantised to bytes with an error that ByteTable tells.
#ifndef ESPY_INDEX_IVF_RABITQ_H_
#define ESPY_INDEX_IVF_RABITQ_H_

#include <cstdint>

namespace espy::index {

struct RabitqFactors {
  float scale = 0;
  float spread = 0;
};

// How many spreads the error is taken to stay within: the paper's epsilon_0, at which its figures
// show no miss.
inline constexpr float kRabitqSpreads = 1.9f;

// `r` has D dimensions, D a multiple of 4. code [D / 4]: bit i of part m is the sign of dimension
// 4 m + i, 1 where it is not negative.
RabitqFactors EncodeRabitq(const float* r, std::int64_t dimensions, std::uint8_t* code);

// table [D / 4][16]: the query's four dimensions summed with the signs of each number.
void RabitqTable(const float* query, std::int64_t dimensions, float* table);

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_RABITQ_H_
