// How pages are drawn: what may move, and that every probability is exact.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "ranking/bounded_exploration.h"
#include "ranking/team_draft.h"

namespace espy::ranking {
namespace {

using Pages = std::map<std::vector<std::uint32_t>, int>;

double Product(const std::vector<double>& p) {
  return std::accumulate(p.begin(), p.end(), 1.0, std::multiplies<>());
}

// Every page of `slots` slots, by what `probability` says of it.
template <class Probability>
double SumOverPages(std::size_t candidates, std::size_t slots, const Probability& probability) {
  std::vector<std::uint32_t> order(candidates);
  std::iota(order.begin(), order.end(), 0u);
  std::map<std::vector<std::uint32_t>, double> pages;
  do {
    const std::vector<std::uint32_t> page(order.begin(), order.begin() + static_cast<long>(slots));
    if (!pages.contains(page)) pages[page] = Product(probability(page));
  } while (std::next_permutation(order.begin(), order.end()));
  double sum = 0;
  for (const auto& [page, p] : pages) sum += p;
  return sum;
}

double ChiSquare(const Pages& counts, int draws,
                 const std::map<std::vector<std::uint32_t>, double>& expected) {
  double sum = 0;
  for (const auto& [page, p] : expected) {
    const auto found = counts.find(page);
    const double count = found == counts.end() ? 0 : found->second;
    sum += (count - draws * p) * (count - draws * p) / (draws * p);
  }
  return sum;
}

constexpr Exploration kSome{.slots = 2, .within = 5, .chance = 0.3};

TEST(BoundedExploration, ProbabilitiesOfAllPagesSumToOne) {
  const std::vector<std::uint32_t> order = {3, 0, 5, 1, 4, 2};
  const double sum = SumOverPages(6, 4, [&](const std::vector<std::uint32_t>& page) {
    return ExploringPropensities(order, page, kSome);
  });
  EXPECT_NEAR(sum, 1, 1e-12);
}

TEST(BoundedExploration, DrawsAsOftenAsItSays) {
  const std::vector<std::uint32_t> order = {3, 0, 5, 1, 4, 2};
  constexpr int kDraws = 100'000;
  Random random(11);
  Pages counts;
  std::map<std::vector<std::uint32_t>, double> expected;
  for (int i = 0; i < kDraws; ++i) {
    const DrawnPage page = DrawExploring(order, 3, kSome, &random);
    EXPECT_EQ(page.propensities, ExploringPropensities(order, page.shown, kSome));
    ++counts[page.shown];
    expected[page.shown] = Product(page.propensities);
  }
  const double degrees = static_cast<double>(expected.size()) - 1;
  EXPECT_LT(ChiSquare(counts, kDraws, expected), degrees + 3.3 * std::sqrt(2 * degrees));
}

TEST(BoundedExploration, NothingFromBelowMovesUpAndFewSlotsExplore) {
  std::vector<std::uint32_t> order(30);
  std::iota(order.begin(), order.end(), 0u);
  Random random(2);
  int explored = 0;
  for (int i = 0; i < 2000; ++i) {
    const DrawnPage page =
        DrawExploring(order, 10, {.slots = 2, .within = 8, .chance = 0.5}, &random);
    std::uint32_t next = 0;
    int strange = 0;
    std::vector<bool> placed(30);
    for (const std::uint32_t candidate : page.shown) {
      while (placed[next]) ++next;
      if (candidate != next) {
        ++strange;
        EXPECT_LT(candidate, 8u);
      }
      placed[candidate] = true;
    }
    EXPECT_LE(strange, 2);
    explored += strange;
  }
  EXPECT_GT(explored, 3000);
}

TEST(BoundedExploration, NoneIsTheOrderItself) {
  const std::vector<std::uint32_t> order = {2, 0, 1};
  Random random(1);
  const DrawnPage page = DrawExploring(order, 9, {}, &random);
  EXPECT_EQ(page.shown, order);
  EXPECT_EQ(page.propensities, (std::vector<double>{1, 1, 1}));
}

// By simulation of the draft itself: the page hides who picked, and its probabilities must not.
TEST(TeamDraft, ProbabilitiesAreThoseOfTheDraft) {
  const std::vector<std::uint32_t> a = {0, 1, 2, 3, 4}, b = {1, 0, 4, 2, 3};
  constexpr int kDraws = 100'000;
  Random random(5);
  Pages counts;
  std::map<std::vector<std::uint32_t>, double> expected;
  for (int i = 0; i < kDraws; ++i) {
    const DraftedPage page = DrawTeams(a, b, 4, &random);
    ++counts[page.shown];
    const double p = Product(page.propensities);
    EXPECT_DOUBLE_EQ(expected.emplace(page.shown, p).first->second, p);
  }
  double sum = 0;
  for (const auto& [page, p] : expected) sum += p;
  EXPECT_NEAR(sum, 1, 1e-9);
  const double degrees = static_cast<double>(expected.size()) - 1;
  EXPECT_LT(ChiSquare(counts, kDraws, expected), degrees + 3.3 * std::sqrt(2 * degrees));
}

TEST(TeamDraft, EachTeamPicksAsOften) {
  std::vector<std::uint32_t> a(10);
  std::iota(a.begin(), a.end(), 0u);
  const std::vector<std::uint32_t> b(a.rbegin(), a.rend());
  Random random(6);
  for (int i = 0; i < 100; ++i) {
    const DraftedPage page = DrawTeams(a, b, 10, &random);
    EXPECT_EQ(std::count(page.teams.begin(), page.teams.end(), '\x01'), 5);
    for (std::size_t slot = 0; slot < 10; slot += 2) {
      EXPECT_NE(page.teams[slot], page.teams[slot + 1]);
    }
  }
}

TEST(TeamDraft, ADuelIsDecidedByWhoseePicksEarnMore) {
  Duel duel;
  duel.Add("\x01\x02", std::vector<double>{1, 0});
  duel.Add("\x01\x02", std::vector<double>{0, 0.5});
  duel.Add("\x01\x02", std::vector<double>{1, 1});
  EXPECT_EQ(duel.wins, 1u);
  EXPECT_EQ(duel.losses, 1u);
  // Binomial(20, 1/2): P(X <= 5) = 0.0206947326660..., from the table of any statistics book.
  EXPECT_NEAR((Duel{.wins = 5, .losses = 15}.ChanceOfSoFewWins()), 0.020694732666015625, 1e-12);
  EXPECT_NEAR((Duel{.wins = 20, .losses = 0}.ChanceOfSoFewWins()), 1, 1e-9);
}

}  // namespace
}  // namespace espy::ranking
