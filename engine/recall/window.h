// What the last sampled searches found of what there was to find: recall, and how sure that is.
#ifndef ESPY_ENGINE_RECALL_WINDOW_H_
#define ESPY_ENGINE_RECALL_WINDOW_H_

#include <cstdint>

namespace espy::recall {

struct Interval {
  double low = 0;
  double high = 1;
};

// Sums over searches; whole numbers, so that they are kept without rounding. A search that found
// 9 of the 10 nearest has a share of 9,000 ten-thousandths.
struct Window {
  static constexpr std::uint64_t kUnit = 10'000;

  std::uint64_t searches = 0;
  std::uint64_t wanted = 0;   // hits that exact search gave, over all of them
  std::uint64_t shares = 0;   // sum of the searches' shares
  std::uint64_t squares = 0;  // sum of their squares

  // found <= of, of > 0.
  void Add(std::uint64_t found, std::uint64_t of);
  // Makes older searches count for half.
  void Halve();

  double mean() const;  // 1 when there is none
  // Wilson's score interval (1927), z standard deviations wide on either side. The hits of one
  // search stand or fall together, so they count as fewer than they are: as many as would give the
  // spread between searches that was seen, and no fewer than the searches.
  Interval Bounds(double z) const;

  friend bool operator==(const Window&, const Window&) = default;
};

}  // namespace espy::recall

#endif  // ESPY_ENGINE_RECALL_WINDOW_H_
