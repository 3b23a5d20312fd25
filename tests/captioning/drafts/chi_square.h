// Whether counts are draws from a distribution.
#ifndef ESPY_TESTS_CAPTIONING_DRAFTS_CHI_SQUARE_H_
#define ESPY_TESTS_CAPTIONING_DRAFTS_CHI_SQUARE_H_

#include <cmath>
#include <cstdint>
#include <vector>

namespace espy::captioning {

// Pearson's statistic of `counts` against `chances`, as a number of standard deviations by the
// Wilson-Hilferty approximation: about normal where the counts are draws, above 4 with a chance of
// 3e-5. Cells expected fewer than five times are taken together; a count where there is no chance
// is infinitely far.
inline double ChiSquareZ(const std::vector<std::int64_t>& counts,
                         const std::vector<double>& chances) {
  std::int64_t draws = 0;
  for (const std::int64_t count : counts) draws += count;
  double statistic = 0;
  double small_expected = 0;
  double small_count = 0;
  int cells = 0;
  const auto add = [&](double count, double expected) {
    statistic += (count - expected) * (count - expected) / expected;
    ++cells;
  };
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = chances[i] * static_cast<double>(draws);
    if (expected <= 0 && counts[i] > 0) return HUGE_VAL;
    if (expected < 5) {
      small_expected += expected;
      small_count += static_cast<double>(counts[i]);
    } else {
      add(static_cast<double>(counts[i]), expected);
    }
  }
  if (small_expected > 0) add(small_count, small_expected);
  const double free = cells - 1;
  if (free < 1) return 0;
  const double spread = 2.0 / (9.0 * free);
  return (std::cbrt(statistic / free) - (1 - spread)) / std::sqrt(spread);
}

inline constexpr double kFarFromChance = 4;

}  // namespace espy::captioning

#endif  // ESPY_TESTS_CAPTIONING_DRAFTS_CHI_SQUARE_H_
