#include "ranking/plackett_luce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "ranking/order.h"

namespace espy::ranking {
namespace {

TEST(OrderByScore, EqualScoresStayInSimilarityOrder) {
  const std::vector<float> scores = {1, 3, 1, 3, 2};
  EXPECT_EQ(OrderByScore(scores), (std::vector<std::uint32_t>{1, 3, 4, 0, 2}));
}

TEST(PlackettLuce, ProbabilitiesOfAllOrdersSumToOne) {
  const std::vector<float> scores = {0.3f, -1.2f, 2.0f, 0.3f};
  std::vector<std::uint32_t> order = {0, 1, 2, 3};
  double sum = 0;
  do {
    const std::vector<double> p = PlackettLucePropensities(scores, order, 0.7);
    sum += std::accumulate(p.begin(), p.end(), 1.0, std::multiplies<>());
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_NEAR(sum, 1, 1e-12);
}

TEST(PlackettLuce, DrawsAsOftenAsItsPropensitiesSay) {
  const std::vector<float> scores = {0.5f, -0.5f, 1.0f, 0.0f};
  constexpr int kDraws = 60'000;
  Random random(7);
  std::map<std::vector<std::uint32_t>, int> counts;
  for (int i = 0; i < kDraws; ++i) {
    const DrawnPage page = DrawPlackettLuce(scores, 2, 1, &random);
    EXPECT_EQ(page.propensities, PlackettLucePropensities(scores, page.shown, 1));
    ++counts[page.shown];
  }
  double chi_square = 0;
  for (const auto& [shown, count] : counts) {
    const std::vector<double> p = PlackettLucePropensities(scores, shown, 1);
    const double expected = kDraws * p[0] * p[1];
    chi_square += (count - expected) * (count - expected) / expected;
  }
  EXPECT_EQ(counts.size(), 12u);
  EXPECT_LT(chi_square, 31.3);  // 11 degrees of freedom: exceeded once in 1,000
}

TEST(PlackettLuce, FarApartScoresStayFinite) {
  const std::vector<float> scores = {1e30f, -1e30f, 0};
  Random random(1);
  const DrawnPage page = DrawPlackettLuce(scores, 9, 0.01, &random);
  EXPECT_EQ(page.shown, (std::vector<std::uint32_t>{0, 2, 1}));
  EXPECT_EQ(page.propensities, (std::vector<double>{1, 1, 1}));
  EXPECT_EQ(PlackettLucePropensities(scores, std::vector<std::uint32_t>{1}, 1)[0], 0);
}

}  // namespace
}  // namespace espy::ranking
