// Off-policy estimates: equal to the Open Bandit Pipeline's, right on average, and as sure as they
// say.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/random.h"
#include "ranking/estimate/bandit.h"
#include "ranking/estimate/interval.h"
#include "ranking/estimate/judge.h"
#include "ranking/estimate/slate.h"

namespace espy::ranking {
namespace {

using Json = nlohmann::json;

constexpr double kNoClip = std::numeric_limits<double>::infinity();

double Mean(const std::vector<double>& terms) {
  return std::accumulate(terms.begin(), terms.end(), 0.0) / static_cast<double>(terms.size());
}

Json Goldens() {
  std::ifstream in(std::string(ESPY_SOURCE_DIR) + "/tests/ranking/ope_goldens.json");
  return Json::parse(in);
}

// The reference is obp 0.5.7 (make_ope_goldens.py).
TEST(Estimates, OfOneDecisionAreObps) {
  const Json goldens = Goldens();
  for (const Json& golden : goldens["bandit"]) {
    std::vector<Decision> decisions;
    for (std::size_t i = 0; i < golden["reward"].size(); ++i) {
      decisions.push_back({golden["reward"][i], golden["logged"][i], golden["target"][i],
                           golden["expected"][i], golden["expected_of_target"][i]});
    }
    const double clip = golden["clip"];
    EXPECT_NEAR(Mean(DirectTerms(decisions)), golden["dm"], 1e-6);
    EXPECT_NEAR(Mean(InverseTerms(decisions, kNoClip)), golden["ips"], 1e-6);
    EXPECT_NEAR(Mean(InverseTerms(decisions, clip)), golden["clipped"], 1e-6);
    EXPECT_NEAR(SelfNormalized(decisions), golden["snips"], 1e-6);
    EXPECT_NEAR(Mean(DoublyRobustTerms(decisions, kNoClip)), golden["dr"], 1e-6);
    EXPECT_NEAR(Mean(SwitchTerms(decisions, clip)), golden["switch"], 1e-6);
    EXPECT_NE(Mean(InverseTerms(decisions, kNoClip)), Mean(InverseTerms(decisions, clip)));
  }
}

TEST(Estimates, OfPagesAreObps) {
  const Json goldens = Goldens();
  for (const Json& golden : goldens["slate"]) {
    const std::size_t slots = golden["slots"];
    std::vector<Page> pages(golden["reward"].size() / slots);
    for (std::size_t i = 0; i < golden["reward"].size(); ++i) {
      pages[i / slots].push_back({golden["reward"][i], golden["logged"][i], golden["target"][i],
                                  golden["logged_marginal"][i], golden["target_marginal"][i],
                                  golden["expected"][i], golden["expected_of_target"][i]});
    }
    const std::vector<double> alike(slots, 1);
    EXPECT_NEAR(Mean(StandardTerms(pages, alike)), golden["standard"], 1e-6);
    EXPECT_NEAR(Mean(IndependentTerms(pages, alike)), golden["independent"], 1e-6);
    EXPECT_NEAR(Mean(CascadeTerms(pages, alike)), golden["cascade"], 1e-6);
    EXPECT_NEAR(Mean(CascadeDoublyRobustTerms(pages, alike)), golden["cascade_dr"], 1e-6);
  }
}

// Clicks by the position-based model itself: the estimate of another order must be that order's
// own clicks, on average.
TEST(Estimates, PositionBasedIsRightOnAverageUnderItsModel) {
  const std::vector<double> examination = {1, 0.6, 0.3};
  const std::vector<double> liked = {0.2, 0.9, 0.5};   // by logged slot
  const std::vector<std::uint32_t> slots = {2, 0, 1};  // in the other order
  double truth = 0;
  for (std::size_t j = 0; j < 3; ++j) truth += examination[slots[j]] * liked[j];
  Random random(8);
  std::vector<double> terms;
  for (int i = 0; i < 200'000; ++i) {
    std::vector<double> rewards;
    for (std::size_t j = 0; j < 3; ++j) {
      rewards.push_back(random.Uniform() < examination[j] * liked[j] ? 1 : 0);
    }
    terms.push_back(PositionBasedTerm(rewards, slots, examination));
  }
  const Interval interval = NormalInterval(terms, 0.999);
  EXPECT_LT(interval.lower, truth);
  EXPECT_GT(interval.upper, truth);
  EXPECT_LT(interval.upper - interval.lower, 0.03);
}

// How often the interval holds the truth, over runs: as often as it says, within what 400 runs can
// tell (three standard errors).
TEST(Intervals, HoldTheTruthAsOftenAsTheySay) {
  Random random(21);
  constexpr int kRuns = 400;
  int normal = 0, bootstrap = 0, bernstein = 0;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<double> terms(300);
    for (double& term : terms) term = random.Uniform() < 0.3 ? 1 : 0;
    const auto holds = [](const Interval& i) { return i.lower <= 0.3 && 0.3 <= i.upper ? 1 : 0; };
    normal += holds(NormalInterval(terms, 0.95));
    bootstrap += holds(BootstrapInterval(terms, {}, 0.95, 400, static_cast<std::uint64_t>(run)));
    bernstein += holds(EmpiricalBernstein(terms, 0, 1, 0.95));
  }
  const double low = kRuns * 0.95 - 3 * std::sqrt(kRuns * 0.95 * 0.05);
  EXPECT_GE(normal, low);
  EXPECT_GE(bootstrap, low);
  EXPECT_GE(bernstein, low);
  EXPECT_LT(normal, kRuns) << "an interval that always holds is too wide";
  EXPECT_LT(bootstrap, kRuns);
}

TEST(Intervals, GroupsThatHangTogetherMakeThemWider) {
  Random random(3);
  std::vector<double> terms;
  std::vector<std::uint32_t> groups;
  for (std::uint32_t group = 0; group < 20; ++group) {
    const double mood = random.Normal();
    for (int i = 0; i < 30; ++i) {
      terms.push_back(mood + 0.1 * random.Normal());
      groups.push_back(group);
    }
  }
  const Interval apart = BootstrapInterval(terms, {}, 0.95, 500, 1);
  const Interval together = BootstrapInterval(terms, groups, 0.95, 500, 1);
  EXPECT_GT(together.upper - together.lower, 3 * (apart.upper - apart.lower));
}

TEST(Intervals, KnownNumbers) {
  EXPECT_NEAR(NormalQuantile(0.95), 1.959963984540054, 1e-9);
  EXPECT_DOUBLE_EQ(EffectiveSampleSize(std::vector<double>{2, 2, 2, 2}), 4);
  EXPECT_DOUBLE_EQ(EffectiveSampleSize(std::vector<double>{1, 0, 0}), 1);
  // Maurer and Pontil's bound by hand: terms 0 and 1 alternating, n = 100, range 1, d = 0.025.
  std::vector<double> terms(100);
  for (std::size_t i = 0; i < 100; i += 2) terms[i] = 1;
  const double logarithm = std::log(2 / 0.025);
  const double variance = 100 * 0.25 / 99;
  const double error = std::sqrt(2 * variance * logarithm / 100) + 7 * logarithm / (3 * 99);
  EXPECT_NEAR(EmpiricalBernstein(terms, 0, 1, 0.95).lower, 0.5 - error, 1e-12);
  EXPECT_EQ(NormalInterval(std::vector<double>{1}, 0.9).lower, -kNoClip);
}

// Pages whose items are liked by candidate; the candidate policy shows the liked ones first.
std::vector<JudgedPage> Pages(int n, double liked_low, double liked_high, std::uint64_t seed) {
  Random random(seed);
  const std::vector<double> examination = {1, 0.9, 0.71, 0.5};
  std::vector<JudgedPage> pages;
  for (int i = 0; i < n; ++i) {
    JudgedPage& page = pages.emplace_back();
    for (std::uint32_t slot = 0; slot < 4; ++slot) {
      const double liked = slot < 2 ? liked_low : liked_high;
      page.rewards.push_back(random.Uniform() < examination[slot] * liked ? 1 : 0);
      page.in_use.push_back(slot);
      page.candidate.push_back((slot + 2) % 4);
    }
    page.group = static_cast<std::uint32_t>(i % 7);
  }
  return pages;
}

TEST(Judge, SwitchesOnWhatIsBetterAndNothingElse) {
  const Verdict better = Judge(Pages(600, 0.1, 0.5, 1));
  EXPECT_TRUE(better.better) << better.why;
  EXPECT_GT(better.gain.lower, 0);
  EXPECT_LE(better.gain_bernstein.lower, better.gain.lower);
  const Verdict worse = Judge(Pages(600, 0.5, 0.1, 2));
  EXPECT_FALSE(worse.better);
  EXPECT_LT(worse.gain.upper, 0);
  const Verdict few = Judge(Pages(30, 0.1, 0.9, 3));
  EXPECT_FALSE(few.better);
  EXPECT_NE(few.why.find("too little"), std::string::npos);
}

TEST(Judge, IsSeldomWrongAboutWhatIsAlike) {
  int switched = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    JudgeOptions options;
    options.rounds = 300;
    switched += Judge(Pages(300, 0.3, 0.3, 100 + seed), options).better ? 1 : 0;
  }
  EXPECT_LE(switched, 9);  // 2.5 expected; 10 or more once in 3,000
}

}  // namespace
}  // namespace espy::ranking
