// Learners of actions against answers that are known: cliff walking, maximisation bias, blackjack
// (Sutton and Barto, 2nd ed.), and orders that are learned from pages.
#include "ranking/methods/control.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "base/random.h"
#include "ranking/methods/linear_bandit.h"
#include "ranking/methods/network_q.h"
#include "ranking/methods/pdgd.h"
#include "ranking/methods/policy_gradient.h"
#include "ranking/order.h"

namespace espy::ranking {
namespace {

// Example 6.6: 4 x 12, from the lower left to the lower right corner, a cliff between them; -1 a
// step, -100 and back to the start for the cliff.
class Cliff {
 public:
  static constexpr std::size_t kEntries = 4 * 12 * 4;
  static std::size_t First(int row, int column) {
    return static_cast<std::size_t>((row * 12 + column) * 4);
  }
  struct Moved {
    int row, column;
    double reward;
    bool end;
  };
  static Moved Move(int row, int column, std::size_t action) {
    constexpr std::array<int, 4> kDown = {-1, 1, 0, 0}, kRight = {0, 0, -1, 1};
    row = std::clamp(row + kDown[action], 0, 3);
    column = std::clamp(column + kRight[action], 0, 11);
    if (row == 3 && column > 0 && column < 11) return {3, 0, -100, false};
    return {row, column, -1, row == 3 && column == 11};
  }
  static double Episode(Control* control, Random* random) {
    int row = 3, column = 0;
    double sum = 0;
    ActionFeatures state = ActionFeatures::Table(kEntries, First(row, column), 4);
    std::size_t action = control->Choose(state, random);
    for (;;) {
      const Moved moved = Move(row, column, action);
      sum += moved.reward;
      if (moved.end) {
        control->Learn(state, action, moved.reward, {}, 0, random);
        return sum;
      }
      const ActionFeatures next =
          ActionFeatures::Table(kEntries, First(moved.row, moved.column), 4);
      const std::size_t next_action = control->Choose(next, random);
      control->Learn(state, action, moved.reward, next, next_action, random);
      row = moved.row;
      column = moved.column;
      state = next;
      action = next_action;
    }
  }
  // The way without exploring: how long it is, and how near the cliff (the lowest row but the
  // ends).
  static std::pair<int, int> Way(const Control& control) {
    int row = 3, column = 0, steps = 0, lowest = 0;
    while (steps < 200 && !(row == 3 && column == 11)) {
      std::size_t best = 0;
      const ActionFeatures state = ActionFeatures::Table(kEntries, First(row, column), 4);
      for (std::size_t a = 1; a < 4; ++a) {
        if (control.Value(state[a]) > control.Value(state[best])) best = a;
      }
      const Moved moved = Move(row, column, best);
      row = moved.row;
      column = moved.column;
      if (column > 0 && column < 11) lowest = std::max(lowest, row);
      ++steps;
    }
    return {steps, lowest};
  }
};

TEST(CliffWalking, QLearningTakesTheEdgeAndSarsaKeepsAway) {
  const auto train = [](ControlKind kind, double* reward) {
    Control control(Cliff::kEntries, {.kind = kind, .step = 0.5, .epsilon = 0.1});
    Random random(1);
    *reward = 0;
    for (int i = 0; i < 500; ++i) {
      const double sum = Cliff::Episode(&control, &random);
      if (i >= 400) *reward += sum / 100;
    }
    return control;
  };
  double of_q = 0, of_sarsa = 0, of_expected = 0;
  const Control q = train(ControlKind::kQLearning, &of_q);
  const Control sarsa = train(ControlKind::kSarsa, &of_sarsa);
  train(ControlKind::kExpectedSarsa, &of_expected);
  EXPECT_EQ(Cliff::Way(q), std::pair(13, 2));  // the shortest way, along the edge
  EXPECT_LT(Cliff::Way(sarsa).second, 2);
  // Example 6.6: while they explore, SARSA earns about -25 an episode and Q-learning about -50.
  EXPECT_GT(of_sarsa, of_q);
  EXPECT_NEAR(of_sarsa, -25, 12);
  EXPECT_NEAR(of_q, -50, 20);
  EXPECT_GE(of_expected, of_sarsa - 3);  // section 6.6
}

// Example 6.7 (figure 6.5): from A, right ends with 0, left leads to B, whose ten actions each earn
// N(-0.1, 1). Q-learning goes left far too often at first; double Q-learning does so less.
TEST(MaximisationBias, DoubleQSuffersLessOfIt) {
  const auto lefts = [](ControlKind kind) {
    constexpr std::size_t kActionsOfB = 10, kEntries = 2 + kActionsOfB;
    double share = 0;
    for (std::uint64_t run = 0; run < 300; ++run) {
      Control control(kEntries, {.kind = kind, .step = 0.1, .epsilon = 0.1});
      Random random(run + 1);
      const ActionFeatures a = ActionFeatures::Table(kEntries, 0, 2);
      const ActionFeatures b = ActionFeatures::Table(kEntries, 2, kActionsOfB);
      for (int episode = 0; episode < 100; ++episode) {
        const bool left = control.Choose(a, &random) == 0;
        share += left ? 1.0 / (300 * 100) : 0;
        if (!left) {
          control.Learn(a, 1, 0, {}, 0, &random);
          continue;
        }
        control.Learn(a, 0, 0, b, 0, &random);
        const std::size_t action = control.Choose(b, &random);
        control.Learn(b, action, -0.1 + random.Normal(), {}, 0, &random);
      }
    }
    return share;
  };
  const double single = lefts(ControlKind::kQLearning), twice = lefts(ControlKind::kDoubleQ);
  EXPECT_GT(single, twice + 0.1);
  EXPECT_GT(single, 0.4);  // figure 6.5: above a half in the first hundred episodes
}

// Blackjack with an endless deck (example 5.1). The reference is dynamic programming over the same
// rules, computed here.
class Blackjack {
 public:
  static int Card(Random* random) {
    return std::min<int>(1 + static_cast<int>(random->Below(13)), 10);
  }
  static double CardChance(int card) { return card == 10 ? 4.0 / 13 : 1.0 / 13; }

  struct Hand {
    int sum = 0;
    bool usable = false;  // an ace that counts eleven
    Hand With(int card) const {
      Hand hand = *this;
      hand.sum += card;
      if (card == 1 && hand.sum + 10 <= 21) {
        hand.sum += 10;
        hand.usable = true;
      } else if (hand.sum > 21 && hand.usable) {
        hand.sum -= 10;
        hand.usable = false;
      }
      return hand;
    }
  };
  static int DealersSum(int showing, Random* random) {
    Hand hand = Hand{}.With(showing);
    while (hand.sum < 17) hand = hand.With(Card(random));
    return hand.sum;
  }
  static double Against(int sum, int dealer) {
    if (dealer > 21 || sum > dealer) return 1;
    return sum == dealer ? 0 : -1;
  }

  // What sticking and drawing on are worth, by (sum, usable, showing); drawing, then the best.
  double Stick(int sum, int showing) {
    const std::array<double, 27>& ends = Ends(showing);
    double value = 0;
    for (int dealer = 17; dealer < 27; ++dealer)
      value += ends[static_cast<std::size_t>(dealer)] * Against(sum, dealer);
    return value;
  }
  double Hit(const Hand& hand, int showing) {
    double value = 0;
    for (int card = 1; card <= 10; ++card) {
      const Hand next = hand.With(card);
      value += CardChance(card) * (next.sum > 21 ? -1 : Best(next, showing));
    }
    return value;
  }
  double Best(const Hand& hand, int showing) {
    const auto key = std::array<int, 3>{hand.sum, hand.usable ? 1 : 0, showing};
    if (const auto found = best_.find(key); found != best_.end()) return found->second;
    const double value = std::max(Stick(hand.sum, showing), Hit(hand, showing));
    return best_[key] = value;
  }

 private:
  const std::array<double, 27>& Ends(int showing) {
    const auto found = ends_.find(showing);
    if (found != ends_.end()) return found->second;
    std::array<double, 27>& ends = ends_[showing];
    ends.fill(0);
    Spread(Hand{}.With(showing), 1, &ends);
    return ends;
  }
  static void Spread(const Hand& hand, double chance, std::array<double, 27>* ends) {
    if (hand.sum >= 17) {
      (*ends)[static_cast<std::size_t>(std::min(hand.sum, 26))] += chance;
      return;
    }
    for (int card = 1; card <= 10; ++card) Spread(hand.With(card), chance * CardChance(card), ends);
  }
  std::map<std::array<int, 3>, double> best_;
  std::map<int, std::array<double, 27>> ends_;
};

TEST(MonteCarloControl, FindsBlackjacksBestPlayByExploringStarts) {
  // Entries: (sum 12..21) x (dealer 1..10) x (usable) x (stick, hit).
  const auto first = [](const Blackjack::Hand& hand, int showing) {
    return static_cast<std::size_t>(
        (((hand.sum - 12) * 10 + showing - 1) * 2 + (hand.usable ? 1 : 0)) * 2);
  };
  MonteCarloControl control(10 * 10 * 2 * 2, /*epsilon=*/0);
  Random random(7);
  for (int episode = 0; episode < 1'000'000; ++episode) {
    Blackjack::Hand hand{12 + static_cast<int>(random.Below(10)), random.Below(2) == 1};
    const int showing = Blackjack::Card(&random);
    std::vector<MonteCarloControl::Step> steps;
    std::size_t action = random.Below(2);
    for (;;) {
      steps.push_back({first(hand, showing) + action, 0});
      if (action == 0) {
        steps.back().reward = Blackjack::Against(hand.sum, Blackjack::DealersSum(showing, &random));
        break;
      }
      hand = hand.With(Blackjack::Card(&random));
      if (hand.sum > 21) {
        steps.back().reward = -1;
        break;
      }
      action = control.Choose(first(hand, showing), 2, &random);
    }
    control.Learn(steps);
  }
  Blackjack exact;
  int wrong = 0;
  double worst = 0;
  for (int sum = 12; sum <= 21; ++sum) {
    for (int showing = 1; showing <= 10; ++showing) {
      for (const bool usable : {false, true}) {
        const Blackjack::Hand hand{sum, usable};
        const double stick = exact.Stick(sum, showing), hit = exact.Hit(hand, showing);
        const std::size_t at = first(hand, showing);
        const bool sticks = control.Value(at) >= control.Value(at + 1);
        // Where both are nearly alike either is right.
        if (std::abs(stick - hit) > 0.03 && sticks != (stick > hit)) ++wrong;
        worst = std::max(worst, std::abs(control.Value(at) - stick));
      }
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_LT(worst, 0.1);  // a few thousand hands each
  // Figure 5.2: stick on 20 and 21, hit on 12 against an ace.
  EXPECT_GT(exact.Stick(20, 1), exact.Hit({20, false}, 1));
  EXPECT_LT(exact.Stick(12, 1), exact.Hit({12, false}, 1));
}

// A corridor whose far end pays: seven states, left and right, a short memory and a target that
// stands still.
TEST(NetworkQ, FindsTheEndOfACorridor) {
  constexpr std::size_t kStates = 7;
  const auto features = [](std::size_t s) {
    std::vector<double> values(2 * (kStates + 1));
    for (std::size_t a = 0; a < 2; ++a) {
      values[a * (kStates + 1) + s] = 1;
      values[a * (kStates + 1) + kStates] = a == 0 ? -1 : 1;
    }
    return ActionFeatures(std::move(values), kStates + 1);
  };
  Random random(3);
  NetworkQ q(kStates + 1, {.hidden = 12, .step = 0.02, .discount = 0.9, .epsilon = 0.5}, &random);
  for (int episode = 0; episode < 400; ++episode) {
    std::size_t s = 0;
    for (int step = 0; step < 100 && s + 1 < kStates; ++step) {
      const ActionFeatures state = features(s);
      const std::size_t action = q.Choose(state, &random);
      s = action == 1 ? s + 1 : s - std::min<std::size_t>(s, 1);
      const bool end = s + 1 == kStates;
      q.Learn(state[action], end ? 1 : 0, end ? ActionFeatures() : features(s), &random);
    }
  }
  for (std::size_t s = 0; s + 1 < kStates; ++s) {
    const ActionFeatures state = features(s);
    EXPECT_GT(q.Value(state[1]), q.Value(state[0])) << s;
    // gamma to the number of steps that are left after this one
    EXPECT_NEAR(q.Value(state[1]), std::pow(0.9, static_cast<double>(kStates - 2 - s)), 0.15) << s;
  }
}

TEST(Network, GradientIsThatOfDifferences) {
  Random random(5);
  Network network(4, 6, &random);
  for (double& w : network.weights()) w += 0.3 * random.Normal();
  const std::vector<double> x = {0.2, -1, 0.5, 2};
  const std::vector<double> gradient = network.Gradient(x);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    Network up = network, down = network;
    up.weights()[i] += 1e-5;
    down.weights()[i] -= 1e-5;
    EXPECT_NEAR(gradient[i], (up.Value(x) - down.Value(x)) / 2e-5, 1e-7);
  }
}

// Candidates with two features, of which the first is what is liked.
class PagesTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kCandidates = 5;
  PagesTest() {
    for (float& x : features_) x = static_cast<float>(random_.Normal());
  }
  FeatureRows rows() const { return {features_, 2}; }
  void Redraw() {
    for (float& x : features_) x = static_cast<float>(random_.Normal());
  }
  double Liked(std::size_t candidate) const {
    return 1 / (1 + std::exp(-2 * features_[2 * candidate]));
  }

  Random random_{17};
  std::vector<float> features_ = std::vector<float>(2 * kCandidates);
};

TEST_F(PagesTest, PlackettLuceGradientIsThatOfDifferences) {
  const std::vector<std::uint32_t> shown = {3, 0, 4};
  const std::vector<double> advantages = {1, -0.5, 2};
  const auto value = [&](const std::vector<double>& w) {
    std::vector<float> scores(kCandidates);
    for (std::size_t i = 0; i < kCandidates; ++i) {
      scores[i] = static_cast<float>(w[0] * features_[2 * i] + w[1] * features_[2 * i + 1]);
    }
    const std::vector<double> p = PlackettLucePropensities(scores, shown, 1);
    double sum = 0;
    for (std::size_t k = 0; k < 3; ++k) sum += advantages[k] * std::log(p[k]);
    return sum;
  };
  const std::vector<double> w = {0.4, -0.3};
  const std::vector<double> gradient = PlackettLuceGradient(rows(), w, shown, advantages);
  for (std::size_t a = 0; a < 2; ++a) {
    std::vector<double> up = w, down = w;
    up[a] += 1e-3;
    down[a] -= 1e-3;
    EXPECT_NEAR(gradient[a], (value(up) - value(down)) / 2e-3, 1e-3);
  }
}

TEST_F(PagesTest, PolicyGradientsLearnWhatIsLiked) {
  for (const auto kind : {PolicyGradient::Kind::kReinforce, PolicyGradient::Kind::kActorCritic}) {
    PolicyGradient policy({0, 0}, 3, {.kind = kind, .step = 0.1, .discount = 0.6});
    for (int page = 0; page < 4000; ++page) {
      Redraw();
      const DrawnPage drawn = policy.Draw(rows(), &random_);
      std::vector<double> rewards;
      for (const std::uint32_t c : drawn.shown) {
        rewards.push_back(random_.Uniform() < Liked(c) ? 1 : 0);
      }
      policy.Learn(rows(), drawn.shown, rewards);
    }
    EXPECT_GT(policy.weights()[0], 1) << static_cast<int>(kind);
    EXPECT_LT(std::abs(policy.weights()[1]), 0.3 * policy.weights()[0]);
  }
}

// The pair's weight by the definition itself: both pages' probabilities, whole.
TEST_F(PagesTest, PdgdWeighsPairsByThePagesProbabilities) {
  const std::vector<std::uint32_t> shown = {3, 0, 4, 1};
  const std::vector<bool> clicked = {false, true, false, false};
  const std::vector<double> w = {0.8, -0.2};
  std::vector<float> scores(kCandidates);
  for (std::size_t i = 0; i < kCandidates; ++i) {
    scores[i] = static_cast<float>(w[0] * features_[2 * i] + w[1] * features_[2 * i + 1]);
  }
  const auto probability = [&](const std::vector<std::uint32_t>& page) {
    const std::vector<double> p = PlackettLucePropensities(scores, page, 1);
    return std::accumulate(p.begin(), p.end(), 1.0, std::multiplies<>());
  };
  std::vector<double> wanted(2);
  for (const std::size_t u :
       {std::size_t{0}, std::size_t{2}}) {  // above, and right below the click
    std::vector<std::uint32_t> exchanged = shown;
    std::swap(exchanged[1], exchanged[u]);
    const double rho = probability(exchanged) / (probability(shown) + probability(exchanged));
    const double c = std::exp(scores[0]), o = std::exp(scores[shown[u]]);
    for (std::size_t a = 0; a < 2; ++a) {
      wanted[a] += rho * c * o / ((c + o) * (c + o)) * (features_[a] - features_[2 * shown[u] + a]);
    }
  }
  const std::vector<double> gradient = PdgdGradient(rows(), w, shown, clicked);
  for (std::size_t a = 0; a < 2; ++a) EXPECT_NEAR(gradient[a], wanted[a], 1e-6);
  EXPECT_EQ(PdgdGradient(rows(), w, shown, {false, false, false, false}),
            (std::vector<double>{0, 0}));
}

TEST_F(PagesTest, BanditsFindTheLineThatRewardsFollow) {
  for (const auto kind : {LinearBandit::Kind::kUcb, LinearBandit::Kind::kThompson}) {
    LinearBandit bandit(2, {.kind = kind, .width = 0.3});
    std::vector<std::array<double, 3>> seen;
    for (int page = 0; page < 2000; ++page) {
      Redraw();
      const std::uint32_t best = OrderByScore(bandit.Scores(rows(), &random_))[0];
      const double reward =
          0.5 * features_[2 * best] - 0.2 * features_[2 * best + 1] + 0.1 * random_.Normal();
      bandit.Learn(rows()[best], reward);
      seen.push_back({features_[2 * best], features_[2 * best + 1], reward});
    }
    const std::vector<double> theta = bandit.Theta();
    EXPECT_NEAR(theta[0], 0.5, 0.02);
    EXPECT_NEAR(theta[1], -0.2, 0.02);
    // Ridge regression over what was seen, solved directly.
    double a = 1, b = 0, c = 1, p = 0, q = 0;
    for (const auto& [x, y, r] : seen) {
      a += x * x;
      b += x * y;
      c += y * y;
      p += x * r;
      q += y * r;
    }
    EXPECT_NEAR(theta[0], (c * p - b * q) / (a * c - b * b), 1e-6);
    EXPECT_NEAR(theta[1], (a * q - b * p) / (a * c - b * b), 1e-6);
  }
}

}  // namespace
}  // namespace espy::ranking
