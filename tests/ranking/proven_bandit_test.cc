// A bandit that has to prove itself: it stays with similarity order where clicks say nothing, and
// learns what a line cannot say where they do.
#include "ranking/methods/proven_bandit.h"

#include <gtest/gtest.h>

#include <numeric>

#include "ranking/products.h"
#include "ranking/simulate.h"

namespace espy::ranking {
namespace {

TEST(Products, EveryPairStandsOnceBehindTheRow) {
  const std::vector<float> row = {2, 3, 5};
  EXPECT_EQ(WithProducts(row), (std::vector<float>{2, 3, 5, 4, 6, 10, 9, 15, 25}));
  EXPECT_EQ(ProductColumns(3), 9u);
  EXPECT_EQ(ProductColumns(0), 0u);
}

std::vector<double> SimilarityPrior(std::size_t columns) {
  std::vector<double> prior(columns);
  prior[0] = 0.1;
  return prior;
}

std::vector<std::uint32_t> InOrder(std::size_t n) {
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  return order;
}

double MeanNdcg(const ProvenBandit& bandit, const MadeQueries& queries, bool similarity) {
  double sum = 0;
  for (std::size_t q = 0; q < queries.features.size(); ++q) {
    const auto order = similarity ? InOrder(queries.documents) : bandit.Best(queries.rows(q));
    sum += Ndcg(order, queries.grades[q], 10);
  }
  return sum / static_cast<double>(queries.features.size());
}

// Plays sessions; `blind`: users who click by chance. How often it was proven.
int Play(ProvenBandit* bandit, const MadeQueries& queries, int sessions, bool blind,
         std::uint64_t seed) {
  const User user(UserKind::kPbm, 1);
  Random random(seed);
  int proven = 0;
  for (int s = 0; s < sessions; ++s) {
    const std::size_t q = random.Below(queries.features.size());
    const auto shown = bandit->Show(q, queries.rows(q), &random);
    EXPECT_EQ(shown.size(), 10u);
    std::vector<int> grades;
    for (const std::uint32_t d : shown) grades.push_back(blind ? 2 : queries.grades[q][d]);
    std::vector<double> rewards;
    for (const bool clicked : user.Visit(grades, &random)) rewards.push_back(clicked ? 1 : 0);
    bandit->Learn(q, queries.rows(q), shown, rewards);
    proven += bandit->proven() ? 1 : 0;
  }
  return proven;
}

TEST(ProvenBandit, BeginsInSimilarityOrder) {
  const MadeQueries queries = MakeQueries(5, 30, 6, 1, 2);
  const ProvenBandit bandit(SimilarityPrior(6), {});
  for (std::size_t q = 0; q < 5; ++q) EXPECT_EQ(bandit.Best(queries.rows(q)), InOrder(30));
}

TEST(ProvenBandit, LearnsAndProvesIt) {
  const MadeQueries queries = MakeQueries(200, 30, 6, 3, 4), others = MakeQueries(100, 30, 6, 3, 5);
  ProvenBandit bandit(SimilarityPrior(6), {});
  Play(&bandit, queries, 3'000, false, 6);
  EXPECT_TRUE(bandit.proven());
  EXPECT_GT(MeanNdcg(bandit, others, false), MeanNdcg(bandit, others, true) + 0.05);
}

TEST(ProvenBandit, ClicksByChanceProveNothing) {
  const MadeQueries queries = MakeQueries(200, 30, 6, 3, 4);
  int proven = 0;
  for (std::uint64_t seed = 10; seed < 20; ++seed) {
    ProvenBandit bandit(SimilarityPrior(6), {});
    proven += Play(&bandit, queries, 1'000, true, seed) > 0 ? 1 : 0;
  }
  EXPECT_LE(proven, 1) << "of 10 libraries whose clicks say nothing";
}

TEST(ProvenBandit, TheSameSeedGivesTheSamePages) {
  const MadeQueries queries = MakeQueries(50, 30, 6, 3, 4);
  ProvenBandit a(SimilarityPrior(6), {}), b(SimilarityPrior(6), {});
  EXPECT_EQ(Play(&a, queries, 500, false, 7), Play(&b, queries, 500, false, 7));
  for (std::size_t q = 0; q < 50; ++q) {
    EXPECT_EQ(a.Best(queries.rows(q)), b.Best(queries.rows(q)));
  }
}

}  // namespace
}  // namespace espy::ranking
