// Q-learning with a network, steadied by what was lived through before and by a target that stands
// still for a while (Mnih and others, Nature, 2015).
//
//   w <- w + a [ r + g max over b of q(s',b; w_target) - q(s,a; w) ] grad q(s,a; w)
//
// over a few transitions drawn from the memory at each step; w_target <- w every so many steps.
#ifndef ESPY_RANKING_METHODS_NETWORK_Q_H_
#define ESPY_RANKING_METHODS_NETWORK_Q_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "ranking/methods/control.h"
#include "ranking/methods/network.h"

namespace espy::ranking {

class NetworkQ {
 public:
  struct Options {
    std::size_t hidden = 16;
    double step = 0.01;
    double discount = 0.95;
    double epsilon = 0.1;
    std::size_t memory = 2000;         // transitions; the oldest are written over
    std::size_t together = 8;          // drawn a step
    std::uint64_t target_every = 100;  // steps
  };
  NetworkQ(std::size_t columns, const Options& options, Random* random)
      : options_(options), network_(columns, options.hidden, random), target_(network_) {}

  double Value(std::span<const double> features) const { return network_.Value(features); }
  std::size_t Choose(const ActionFeatures& state, Random* random) const;
  // Remembers the transition (`next` without actions: the end), and learns from some that it
  // remembers.
  void Learn(std::span<const double> features, double reward, const ActionFeatures& next,
             Random* random);

 private:
  struct Remembered {
    std::vector<double> features;
    double reward = 0;
    ActionFeatures next;
  };

  Options options_;
  Network network_, target_;
  std::vector<Remembered> memory_;
  std::uint64_t steps_ = 0;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_NETWORK_Q_H_
