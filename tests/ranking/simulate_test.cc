// The simulated users, against what their models say in closed form.
#include "ranking/simulate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "ranking/examination.h"
#include "ranking/order.h"

namespace espy::ranking {
namespace {

std::vector<double> Rates(UserKind kind, const std::vector<int>& grades) {
  const User user(kind, 1);
  Random random(12);
  std::vector<double> rates(grades.size());
  constexpr int kVisits = 100'000;
  for (int i = 0; i < kVisits; ++i) {
    const std::vector<bool> clicked = user.Visit(grades, &random);
    for (std::size_t k = 0; k < grades.size(); ++k) rates[k] += clicked[k] ? 1.0 / kVisits : 0;
  }
  return rates;
}

const std::vector<int> kSomeGrades = {0, 3, 1, 4, 2};

TEST(Users, ClickChancesAreUltras) {
  const std::vector<double> wanted = {0.1, 0.16, 0.28, 0.52, 1};
  for (int g = 0; g < kGrades; ++g)
    EXPECT_NEAR(ClickChance(g), wanted[static_cast<std::size_t>(g)], 1e-12);
}

TEST(Users, PbmClicksByPlaceAndGrade) {
  const std::vector<double> examination = PositionExamination(5);
  const std::vector<double> rates = Rates(UserKind::kPbm, kSomeGrades);
  for (std::size_t k = 0; k < 5; ++k) {
    EXPECT_NEAR(rates[k], examination[k] * ClickChance(kSomeGrades[k]), 0.006) << k;
  }
}

TEST(Users, CascadeStopsAtTheFirstClick) {
  const std::vector<double> rates = Rates(UserKind::kCascade, kSomeGrades);
  double left = 1;
  for (std::size_t k = 0; k < 5; ++k) {
    EXPECT_NEAR(rates[k], left * ClickChance(kSomeGrades[k]), 0.006) << k;
    left *= 1 - ClickChance(kSomeGrades[k]);
  }
}

TEST(Users, DcmGoesOnAfterAClickByChance) {
  const std::vector<double> on = PositionExamination(5);
  const std::vector<double> rates = Rates(UserKind::kDcm, kSomeGrades);
  double there = 1;
  for (std::size_t k = 0; k < 5; ++k) {
    const double click = ClickChance(kSomeGrades[k]);
    EXPECT_NEAR(rates[k], there * click, 0.006) << k;
    there *= 1 - click + click * on[k];
  }
}

TEST(Users, UbmLooksOnBelowAClick) {
  const std::vector<int> first_is_clicked = {4, 1, 1}, first_is_not = {0, 1, 1};
  const std::vector<double> examination = PositionExamination(3);
  const std::vector<double> rates = Rates(UserKind::kUbm, first_is_clicked);
  const double looks = examination[1] + (1 - examination[1]) * 0.5;
  EXPECT_NEAR(rates[1], looks * ClickChance(1), 0.006);
  EXPECT_LT(Rates(UserKind::kUbm, first_is_not)[1], rates[1]);
}

TEST(MadeQueries, SimilarityKnowsSomeOfTheGradesAndIsTheOrderOfDocuments) {
  const MadeQueries made = MakeQueries(200, 30, 12, 1, 2);
  double similar = 0, random_order = 0;
  std::vector<std::uint32_t> order(30);
  std::iota(order.begin(), order.end(), 0u);
  Random random(1);
  for (std::size_t q = 0; q < 200; ++q) {
    for (std::size_t i = 1; i < 30; ++i) EXPECT_LE(made.rows(q)[i][0], made.rows(q)[i - 1][0]);
    similar += Ndcg(order, made.grades[q], 10) / 200;
    std::vector<float> scores(30);
    for (float& s : scores) s = static_cast<float>(random.Uniform());
    random_order += Ndcg(OrderByScore(scores), made.grades[q], 10) / 200;
  }
  EXPECT_GT(similar, random_order + 0.15);
  EXPECT_LT(similar, 0.9);
}

TEST(Ndcg, ByHand) {
  const std::vector<int> grades = {2, 0, 1};
  const std::vector<std::uint32_t> order = {1, 0, 2};
  const double dcg = 3 / std::log2(3) + 1 / std::log2(4);
  EXPECT_NEAR(Ndcg(order, grades, 3), dcg / (3 + 1 / std::log2(3)), 1e-12);
  EXPECT_EQ(Ndcg(order, std::vector<int>{0, 0, 0}, 3), 1);
}

}  // namespace
}  // namespace espy::ranking
