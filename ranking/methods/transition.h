// What learners of values see of a decision process, one step at a time. States are feature
// vectors; a table is a vector with a single 1 (Sutton and Barto, Reinforcement Learning, 2nd ed.,
// 2018: all section numbers in this folder are of that book).
#ifndef ESPY_RANKING_METHODS_TRANSITION_H_
#define ESPY_RANKING_METHODS_TRANSITION_H_

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace espy::ranking {

// S, R, S' under the policy that is followed. Borrowed: learners copy what they keep.
struct Transition {
  std::span<const double> state;
  double reward = 0;
  std::span<const double> next;  // empty: the episode ends here
  // pi(a|s) / b(a|s), where what acted is not the policy whose value is asked. 1: it is.
  double importance = 1;
};

// Learns v(s), the discounted sum of rewards from s on. One thread.
class ValueMethod {
 public:
  virtual ~ValueMethod() = default;
  virtual void Observe(const Transition& transition) = 0;
  // After the last transition of an episode.
  virtual void EndEpisode() {}
  virtual double Value(std::span<const double> state) const = 0;
};

// A row of n numbers with a single 1.
inline std::vector<double> OneHot(std::size_t n, std::size_t at) {
  std::vector<double> row(n);
  row[at] = 1;
  return row;
}

inline double Dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

inline void AddScaled(double scale, std::span<const double> x, std::span<double> y) {
  for (std::size_t i = 0; i < x.size(); ++i) y[i] += scale * x[i];
}

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_TRANSITION_H_
