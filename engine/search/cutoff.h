// Where the hits of a question end, when no calibrated model says so.
#ifndef ESPY_ENGINE_SEARCH_CUTOFF_H_
#define ESPY_ENGINE_SEARCH_CUTOFF_H_

#include <cstdint>
#include <optional>
#include <span>

namespace espy::search {

// The score that unrelated items reach by chance about once in a library of `items`.
//
// `background` are the question's scores of items drawn at random. Most of them have nothing to do
// with it, and their scores are near to normal: the median is their middle, and the spread is that
// of the half below the median, which the few that are related do not reach. The cut is at
//   median + z spread,  z = the normal quantile of 1 - 1 / items:
// the level that the largest of so many unrelated scores is at (extreme value theory's location).
// nullopt when the background is fewer than 16 scores, or has no spread: nothing can be said.
std::optional<float> ChanceScore(std::span<const float> background, std::int64_t items);

double NormalQuantile(double p);  // p in (0, 1)

}  // namespace espy::search

#endif  // ESPY_ENGINE_SEARCH_CUTOFF_H_
