// Random numbers whose whole state is one word, so that a checkpoint holds it.
#ifndef ESPY_BASE_RANDOM_H_
#define ESPY_BASE_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <vector>

namespace espy {

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): the same numbers on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }  // [0, 1)
  // In [0, n), n > 0; the bias of a 64-bit remainder is below 2^-40 for any n that fits memory.
  std::uint64_t Below(std::uint64_t n) { return Next() % n; }
  double Normal() {  // Box and Muller, 1958
    const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

  std::uint64_t state() const { return state_; }
  void set_state(std::uint64_t state) { state_ = state; }

 private:
  std::uint64_t state_;
};

// The numbers below n in the order of epoch `epoch` of a run (Fisher and Yates): a position in the
// data is thus an epoch and a place in it.
inline std::vector<std::int64_t> ShuffledOrder(std::int64_t n, std::uint64_t seed,
                                               std::uint64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  Random random(seed ^ (epoch + 1) * 0xd1342543de82ef95u);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  return order;
}

}  // namespace espy

#endif  // ESPY_BASE_RANDOM_H_
