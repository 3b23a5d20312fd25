// Where the hits of a question end: by a calibrated model's probabilities, or by what chance does.
#ifndef ESPY_ENGINE_SEARCH_CUTOFF_H_
#define ESPY_ENGINE_SEARCH_CUTOFF_H_

#include <cstdint>
#include <optional>
#include <span>

namespace espy::search {

// The least score of the hits of which at most `chance` (a share) would be expected among the best
// by chance alone: the procedure of Benjamini and Hochberg (1995) over the ranking.
//
// `background` are the question's scores of items drawn at random. Most of them have nothing to do
// with it, and their scores are near to normal, with the median as their middle and 1.4826 times
// the median distance from it as their spread, which the few that are related hardly move. Of n
// items n (1 - F(s)) unrelated ones reach a score s; the cut is at the last rank i whose score
// fewer than chance * i unrelated items would reach. So many related items lower the cut, and a
// large library raises it.
//
// `ranking` are the best scores, best first: all, or so many that the last is below the cut, which
// is so unless the answer is its last. When nothing stands out the answer is above its first.
// nullopt when the background is fewer than 16 scores, or has no spread: nothing can be said.
std::optional<float> StandOutScore(std::span<const float> background,
                                   std::span<const float> ranking, std::int64_t items,
                                   double chance);

// The cut of the greatest expected F1 (Lewis, SIGIR 1995): `probabilities`, best first, are a
// calibrated model's that an item is relevant; of the first k the expected F1 is about
//   2 (p1 + ... + pk) / (k + sum of all p).
// So it falls behind the few sure ones where there are some, and takes in the doubtful where
// nothing is surer. Returns k. 0 when even the best is below 1 in 10; what is below 1 in 100 is no
// part of the sum, since over a large library the many smallest ones, which no model has right to
// their relative size, would decide it: `probabilities` may end there.
std::size_t BestExpectedF1(std::span<const float> probabilities);
inline constexpr float kLeastCounted = 0.01f;

}  // namespace espy::search

#endif  // ESPY_ENGINE_SEARCH_CUTOFF_H_
