// Value learners against answers that are known: Sutton and Barto's random walks, and Baird's
// counterexample (Reinforcement Learning, 2nd ed., 2018).
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <numeric>

#include "base/random.h"
#include "ranking/methods/basis.h"
#include "ranking/methods/gradient_td.h"
#include "ranking/methods/monte_carlo.h"
#include "ranking/methods/td.h"

namespace espy::ranking {
namespace {

// n states in a row, the middle one first, left or right alike; the right end pays `right`, the
// left end `left`. Values are known: they rise evenly between the ends.
struct Walk {
  std::size_t n = 5;
  double left = 0, right = 1;

  double Truth(std::size_t s) const {
    return left + (right - left) * static_cast<double>(s + 1) / static_cast<double>(n + 1);
  }
  void Episode(ValueMethod* method, Random* random) const {
    std::size_t s = n / 2;
    for (;;) {
      const bool right_step = random->Uniform() < 0.5;
      const std::vector<double> state = OneHot(n, s);
      if ((right_step && s + 1 == n) || (!right_step && s == 0)) {
        method->Observe({state, right_step ? right : left, {}});
        break;
      }
      s = right_step ? s + 1 : s - 1;
      const std::vector<double> next = OneHot(n, s);
      method->Observe({state, 0, next});
    }
    method->EndEpisode();
  }
  double Rmse(const ValueMethod& method) const {
    double sum = 0;
    for (std::size_t s = 0; s < n; ++s) {
      const double error = method.Value(OneHot(n, s)) - Truth(s);
      sum += error * error;
    }
    return std::sqrt(sum / static_cast<double>(n));
  }
};

using Make = std::function<std::unique_ptr<ValueMethod>()>;

// RMSE after each episode, over runs.
std::vector<double> Curve(const Walk& walk, const Make& make, int runs, int episodes) {
  std::vector<double> curve(static_cast<std::size_t>(episodes));
  for (int run = 0; run < runs; ++run) {
    Random random(static_cast<std::uint64_t>(run) + 1);
    const std::unique_ptr<ValueMethod> method = make();
    for (double& rmse : curve) {
      walk.Episode(method.get(), &random);
      rmse += walk.Rmse(*method) / runs;
    }
  }
  return curve;
}

Make Td(std::size_t n, double begin, double step, double lambda = 0) {
  return [=] {
    TdLambda::Options options;
    options.step = step;
    options.lambda = lambda;
    return std::make_unique<TdLambda>(std::vector<double>(n, begin), options);
  };
}
Make Mc(std::size_t n, double begin, double step) {
  return [=] {
    MonteCarlo::Options options;
    options.step = step;
    return std::make_unique<MonteCarlo>(std::vector<double>(n, begin), options);
  };
}

// Figure 6.2, right (example 6.2): five states, values begin at 0.5, 100 episodes, 100 runs.
TEST(RandomWalk, TdIsBetterThanMonteCarloAsInFigure62) {
  const Walk walk;
  double best_td = 1, best_mc = 1;
  for (const double step : {0.05, 0.1, 0.15}) {
    const std::vector<double> curve = Curve(walk, Td(5, 0.5, step), 100, 100);
    for (const double rmse : curve) best_td = std::min(best_td, rmse);
  }
  for (const double step : {0.01, 0.02, 0.03, 0.04}) {
    const std::vector<double> curve = Curve(walk, Mc(5, 0.5, step), 100, 100);
    for (const double rmse : curve) best_mc = std::min(best_mc, rmse);
  }
  EXPECT_LT(best_td, best_mc);
  // Read off the figure: TD of 0.05 ends near 0.05, MC of 0.01 near 0.11 and of 0.04 near 0.12.
  EXPECT_NEAR(Curve(walk, Td(5, 0.5, 0.05), 100, 100).back(), 0.05, 0.02);
  EXPECT_NEAR(Curve(walk, Mc(5, 0.5, 0.01), 100, 100).back(), 0.11, 0.03);
  EXPECT_NEAR(Curve(walk, Mc(5, 0.5, 0.04), 100, 100).back(), 0.12, 0.03);
  // The faster step of TD is noisier in the end (figure 6.2: 0.15 above 0.05).
  EXPECT_GT(Curve(walk, Td(5, 0.5, 0.15), 100, 100).back(),
            Curve(walk, Td(5, 0.5, 0.05), 100, 100).back());
}

// Figures 7.2 and 12.3 (19 states, -1 at the left end, first ten episodes): something between TD
// and Monte Carlo is best.
TEST(RandomWalk, MiddlingNAndLambdaAreBestAsInFigures72And123) {
  const Walk walk{.n = 19, .left = -1, .right = 1};
  const auto average = [&](const Make& make) {
    const std::vector<double> curve = Curve(walk, make, 60, 10);
    return std::accumulate(curve.begin(), curve.end(), 0.0) / 10;
  };
  const auto best = [&](const std::function<Make(double)>& with_step) {
    double least = 10;
    for (const double step : {0.1, 0.2, 0.4, 0.6, 0.8, 1.0}) {
      least = std::min(least, average(with_step(step)));
    }
    return least;
  };
  const auto n_step = [&](std::size_t n) {
    return best([n](double step) -> Make {
      return [=] {
        return std::make_unique<NStepTd>(std::vector<double>(19),
                                         NStepTd::Options{.n = n, .step = step});
      };
    });
  };
  const double n1 = n_step(1), n4 = n_step(4), n64 = n_step(64);
  EXPECT_LT(n4, n1);
  EXPECT_LT(n4, n64);
  EXPECT_NEAR(n4, 0.25, 0.05);  // figure 7.2: n = 4 reaches about 0.25
  const auto lambda = [&](double l) {
    return best([l](double step) { return Td(19, 0, step, l); });
  };
  const double l0 = lambda(0), l8 = lambda(0.8);
  EXPECT_LT(l8, l0);
  EXPECT_NEAR(l0, n1, 1e-12);  // both are TD(0)
}

TEST(RandomWalk, NStepBeyondTheEpisodeIsMonteCarlo) {
  const Walk walk;
  const Make mc = Mc(5, 0.5, 0.05);
  const auto n_step = [] {
    return std::make_unique<NStepTd>(std::vector<double>(5, 0.5),
                                     NStepTd::Options{.n = 100'000, .step = 0.05});
  };
  // Monte Carlo updates a repeated state from the last visit on, n-step from the first: alike in
  // the mean of runs, not in bits.
  EXPECT_NEAR(Curve(walk, n_step, 100, 50).back(), Curve(walk, mc, 100, 50).back(), 0.01);
}

TEST(RandomWalk, AveragesOfFirstAndEveryVisitFindTheValues) {
  const Walk walk;
  for (const auto visits : {MonteCarlo::Visits::kFirst, MonteCarlo::Visits::kEvery}) {
    MonteCarlo method(std::vector<double>(5), {.step = 0, .visits = visits});
    Random random(4);
    for (int i = 0; i < 20'000; ++i) walk.Episode(&method, &random);
    EXPECT_LT(walk.Rmse(method), 0.015);
  }
}

// A state that is left and met again: with traces that replace, its own second visit counts once.
TEST(Traces, ReplacingOnesStayBelowAccumulatingOnes) {
  for (const auto traces : {TdLambda::Traces::kAccumulating, TdLambda::Traces::kReplacing}) {
    TdLambda method(std::vector<double>(2),
                    {.step = 1, .discount = 1, .lambda = 1, .traces = traces});
    const std::vector<double> a = OneHot(2, 0), b = OneHot(2, 1);
    method.Observe({a, 0, a});
    method.Observe({a, 0, b});
    method.Observe({b, 1, {}});
    EXPECT_EQ(method.Value(a), traces == TdLambda::Traces::kReplacing ? 1 : 2);
  }
}

// Figure 11.1: seven states, eight weights; all rewards 0, so every value is 0. The target policy
// always goes to the seventh state, the behaviour goes there once in seven times.
class Baird {
 public:
  static std::vector<double> Begin() { return {1, 1, 1, 1, 1, 1, 10, 1}; }
  static std::vector<double> State(std::size_t s) {
    std::vector<double> x(8);
    x[s] = s < 6 ? 2 : 1;
    x[7] = s < 6 ? 1 : 2;
    return x;
  }
  static double LongestWeight(ValueMethod* method, const std::vector<double>& weights, int steps) {
    Random random(3);
    std::size_t s = random.Below(7);
    for (int i = 0; i < steps; ++i) {
      const bool solid = random.Uniform() < 1.0 / 7;
      const std::size_t next = solid ? 6 : random.Below(6);
      const std::vector<double> x = State(s), y = State(next);
      method->Observe({x, 0, y, solid ? 7.0 : 0.0});
      if (const auto* td = dynamic_cast<TdLambda*>(method)) {
        (void)td;
        method->EndEpisode();  // lambda 0: traces are of one step
      }
      s = next;
    }
    double longest = 0;
    for (const double w : weights) longest = std::max(longest, std::abs(w));
    return longest;
  }
};

TEST(BairdsCounterexample, SemiGradientTdDivergesAndGradientTdDoesNot) {
  TdLambda td(Baird::Begin(), {.step = 0.01, .discount = 0.99});
  const double after_some = Baird::LongestWeight(&td, td.weights(), 1000);
  EXPECT_GT(after_some, 50);  // figure 11.2, left: it leaves the page within 1,000 steps
  for (const auto kind : {GradientTd::Kind::kTdc, GradientTd::Kind::kGtd2}) {
    GradientTd gradient(Baird::Begin(), {.kind = kind, .step = 0.005, .second = 0.05});
    EXPECT_LT(Baird::LongestWeight(&gradient, gradient.weights(), 200'000), 11);
    double squares = 0;
    for (std::size_t s = 0; s < 7; ++s) {
      const double value = gradient.Value(Baird::State(s));
      squares += value * value / 7;
    }
    EXPECT_LT(std::sqrt(squares), 2.5);  // figure 11.5: TDC's value error sinks to about 2
  }
}

// With linear features that can say the values, semi-gradient TD finds them.
TEST(Bases, BendALineToTheWalksValues) {
  const std::size_t n = 9;
  const Walk walk{.n = n};
  const auto at = [&](std::size_t s) { return (static_cast<double>(s) + 1) / (n + 1.0); };
  const auto learn = [&](const std::function<std::vector<double>(double)>& basis, double step) {
    TdLambda method(std::vector<double>(basis(0).size()), {.step = step});
    Random random(2);
    for (int episode = 0; episode < 6000; ++episode) {
      std::size_t s = n / 2;
      for (;;) {
        const bool right = random.Uniform() < 0.5;
        const std::vector<double> x = basis(at(s));
        if ((right && s + 1 == n) || (!right && s == 0)) {
          method.Observe({x, right ? 1.0 : 0.0, {}});
          break;
        }
        s = right ? s + 1 : s - 1;
        const std::vector<double> y = basis(at(s));
        method.Observe({x, 0, y});
      }
      method.EndEpisode();
    }
    double worst = 0;
    for (std::size_t s = 0; s < n; ++s) {
      worst = std::max(worst, std::abs(method.Value(basis(at(s))) - walk.Truth(s)));
    }
    return worst;
  };
  EXPECT_LT(learn([](double x) { return Polynomial(std::vector<double>{x}, 2); }, 0.003), 0.1);
  EXPECT_LT(learn([](double x) { return Fourier(std::vector<double>{x}, 3); }, 0.003), 0.1);
  EXPECT_LT(learn([](double x) { return Tiles(std::vector<double>{x}, 4, 5); }, 0.005), 0.1);
}

TEST(Bases, KnownFeatures) {
  EXPECT_EQ(Polynomial(std::vector<double>{2, 3}, 1), (std::vector<double>{1, 2, 3, 6}));
  const std::vector<double> fourier = Fourier(std::vector<double>{0.5}, 2);
  EXPECT_NEAR(fourier[0], 1, 1e-12);
  EXPECT_NEAR(fourier[1], 0, 1e-12);
  EXPECT_NEAR(fourier[2], -1, 1e-12);
  const std::vector<double> tiles = Tiles(std::vector<double>{0.3, 0.9}, 8, 4);
  EXPECT_EQ(std::accumulate(tiles.begin(), tiles.end(), 0.0), 8);
}

}  // namespace
}  // namespace espy::ranking
