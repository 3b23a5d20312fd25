// Products of unit vectors, in an order of sums that does not depend on the compiler: eight apart,
// which it can keep in one register.
#ifndef ESPY_RANKING_DOT_H_
#define ESPY_RANKING_DOT_H_

#include <array>
#include <cstddef>
#include <span>

namespace espy::ranking {

// 0 for vectors of different lengths: they are of different spaces.
inline float Product(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return 0;
  std::array<float, 8> sums{};
  std::size_t i = 0;
  for (; i + 8 <= a.size(); i += 8) {
    for (std::size_t j = 0; j < 8; ++j) sums[j] += a[i + j] * b[i + j];
  }
  float rest = 0;
  for (; i < a.size(); ++i) rest += a[i] * b[i];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) +
         rest;
}

}  // namespace espy::ranking

#endif  // ESPY_RANKING_DOT_H_
