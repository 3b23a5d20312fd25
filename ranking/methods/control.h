// Learning to act: values of actions, and the action that follows from them.
//
//   SARSA           q(s,a) += a [ r + g q(s',a') - q(s,a) ]                     (section 6.4)
//   expected SARSA  with sum over b of pi(b|s') q(s',b) in q(s',a')'s place     (section 6.6)
//   Q-learning      with max over b of q(s',b)                                  (section 6.5;
//   Watkins, 1989) double Q        with q2(s', argmax over b of q1(s',b)), q1 and q2 in turns
//   (section 6.7; van Hasselt, 2010) Monte Carlo     the average of first-visit returns, eps-soft
//   or with exploring starts (5.3, 5.4)
//
// Values are linear in features of (state, action); a table is a single 1.
#ifndef ESPY_RANKING_METHODS_CONTROL_H_
#define ESPY_RANKING_METHODS_CONTROL_H_

#include <cstddef>
#include <span>
#include <vector>

#include "base/random.h"

namespace espy::ranking {

// The features of each action that there is in a state, [actions, columns].
class ActionFeatures {
 public:
  ActionFeatures() = default;
  ActionFeatures(std::vector<double> values, std::size_t columns)
      : values_(std::move(values)), columns_(columns) {}
  // Of a table: the state's actions are entries first to first + actions - 1 of n.
  static ActionFeatures Table(std::size_t n, std::size_t first, std::size_t actions);

  std::size_t actions() const { return columns_ == 0 ? 0 : values_.size() / columns_; }
  std::span<const double> operator[](std::size_t action) const {
    return std::span(values_).subspan(action * columns_, columns_);
  }

 private:
  std::vector<double> values_;
  std::size_t columns_ = 0;
};

enum class ControlKind { kSarsa, kExpectedSarsa, kQLearning, kDoubleQ };

struct ControlOptions {
  ControlKind kind = ControlKind::kQLearning;
  double step = 0.1;
  double discount = 1;
  double epsilon = 0.1;  // of the eps-soft choice, and of what expected SARSA expects
};

// One thread.
class Control {
 public:
  Control(std::size_t columns, const ControlOptions& options)
      : options_(options), first_(columns), second_(columns) {}

  double Value(std::span<const double> features) const;  // of one action
  // The best with probability 1 - eps, else any. Equal values are drawn among.
  std::size_t Choose(const ActionFeatures& state, Random* random) const;
  // The probability with which Choose gives an action.
  double Probability(const ActionFeatures& state, std::size_t action) const;
  // `action` of `state` earned `reward` and led to `next` (without actions: the end), where
  // `next_action` was chosen; only SARSA looks at that.
  void Learn(const ActionFeatures& state, std::size_t action, double reward,
             const ActionFeatures& next, std::size_t next_action, Random* random);

 private:
  double After(const ActionFeatures& next, std::size_t next_action, bool update_first) const;

  ControlOptions options_;
  std::vector<double> first_, second_;  // the second is double Q's
};

// First-visit Monte Carlo control on a table of n state-actions. Greedy but for epsilon; with
// epsilon 0 episodes must begin at state-actions of the caller's drawing (exploring starts).
class MonteCarloControl {
 public:
  MonteCarloControl(std::size_t n, double epsilon, double discount = 1)
      : epsilon_(epsilon), discount_(discount), values_(n), counts_(n) {}

  // Of entries first to first + actions - 1: an index from 0.
  std::size_t Choose(std::size_t first, std::size_t actions, Random* random) const;
  struct Step {
    std::size_t entry = 0;  // of the table
    double reward = 0;
  };
  void Learn(std::span<const Step> episode);
  double Value(std::size_t entry) const { return values_[entry]; }

 private:
  double epsilon_, discount_;
  std::vector<double> values_;
  std::vector<double> counts_;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_CONTROL_H_
