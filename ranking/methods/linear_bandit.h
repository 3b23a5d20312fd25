// Bandits with linear rewards, as peers of learned orders: candidates are scored one by one, with
// something added for what is not known of them.
//
//   A = l I + sum of x x',  b = l theta_0 + sum of r x,  theta = A^-1 b
//   LinUCB     theta . x + alpha sqrt(x' A^-1 x)        (Li, Chu, Langford and Schapire, WWW 2010)
//   Thompson   t . x with t drawn from N(theta, v^2 A^-1)    (Agrawal and Goyal, ICML 2013)
#ifndef ESPY_RANKING_METHODS_LINEAR_BANDIT_H_
#define ESPY_RANKING_METHODS_LINEAR_BANDIT_H_

#include <cstddef>
#include <span>
#include <vector>

#include "base/random.h"
#include "ranking/features.h"

namespace espy::ranking {

class LinearBandit {
 public:
  enum class Kind { kUcb, kThompson };
  struct Options {
    Kind kind = Kind::kUcb;
    double width = 0.5;           // alpha, or v
    double ridge = 1;             // l
    std::vector<double> prior{};  // theta before anything is learned; empty: zeros
  };
  LinearBandit(std::size_t columns, const Options& options);

  // Scores to order by; of Thompson's one draw of t for all rows.
  std::vector<float> Scores(const FeatureRows& rows, Random* random) const;
  // By theta alone.
  std::vector<float> MeanScores(const FeatureRows& rows) const;
  void Learn(std::span<const float> row, double reward);
  std::vector<double> Theta() const;

 private:
  std::size_t columns_;
  Options options_;
  std::vector<double> inverse_;  // A^-1, by Sherman and Morrison's formula at each row
  std::vector<double> b_;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_LINEAR_BANDIT_H_
