// The seconds of a decoder's pass by its number of rows, on this machine.
#ifndef ESPY_CAPTIONING_DRAFTS_VERIFY_COSTS_H_
#define ESPY_CAPTIONING_DRAFTS_VERIFY_COSTS_H_

#include <functional>
#include <vector>

#include "espy/status.h"

namespace espy::captioning {

// Kept in step with what passes take. More rows may be cheaper than fewer: four fill a register
// tile that two leave half empty. One thread at a time.
class VerifyCosts {
 public:
  // Runs `pass(rows)`, which returns the seconds that it took, for rows of 1, 2, 4, ... max_rows:
  // each three times, of which the fastest counts, after one that warms up. It ends early where a
  // pass takes more than `enough` times as long as that of one row: `enough` tokens a pass could
  // not pay for it.
  static Result<VerifyCosts> Measure(const std::function<Result<double>(int rows)>& pass,
                                     int max_rows, double enough);
  // Given points (rows, seconds), rows growing from 1; for tests and what is known beforehand.
  struct Point {
    double rows;
    double seconds;
    double seen = 0;  // passes that it was moved by, or measured by; none: a guess
  };
  explicit VerifyCosts(std::vector<Point> points);

  // Between points on a line; beyond the last one along the line of the last two, but
  // never downwards.
  double Seconds(double rows) const;
  // Moves the points around `rows` towards what a pass took: guesses all the way, and the less the
  // more they have seen. A pass that was held up by something else moves what was seen as one that
  // took twice as long.
  void Observe(int rows, double seconds);

  const std::vector<Point>& points() const { return points_; }

 private:
  void FollowGuesses();

  std::vector<Point> points_;
  std::vector<double> guesses_;  // the points' seconds at the start
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_VERIFY_COSTS_H_
