// The Plackett-Luce distribution over pages (Plackett, 1975; Luce, 1959): slots are filled from the
// top, and each takes candidate i of those that are left with probability
//   exp(s_i / T) / sum over j left of exp(s_j / T).
#ifndef ESPY_RANKING_PLACKETT_LUCE_H_
#define ESPY_RANKING_PLACKETT_LUCE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace espy::ranking {

// A page drawn at random: which candidate fills each slot, and how probable that was given the
// slots above.
struct DrawnPage {
  std::vector<std::uint32_t> shown;
  std::vector<double> propensities;
};

// Fills min(slots, scores.size()) slots. `temperature` > 0; scores are finite.
DrawnPage DrawPlackettLuce(std::span<const float> scores, std::size_t slots, double temperature,
                           Random* random);

// The probability of each slot of a page, given the slots above it. `shown` names candidates, each
// at most once. A slot whose probability is below the least double is 0.
std::vector<double> PlackettLucePropensities(std::span<const float> scores,
                                             std::span<const std::uint32_t> shown,
                                             double temperature);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_PLACKETT_LUCE_H_
