#include "captioning/drafts/verify_costs.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/temp_dir.h"

namespace espy::captioning {
namespace {

TEST(VerifyCosts, MeasuresTheFastestOfSeveralPassesAndStopsWhereNoneCouldPay) {
  std::vector<int> asked;
  int turn = 0;
  const auto costs = VerifyCosts::Measure(
      [&](int rows) -> Result<double> {
        asked.push_back(rows);
        // Every third pass is held up.
        return (1 + 0.5 * (rows - 1)) * (++turn % 3 == 0 ? 10 : 1);
      },
      64, 4);
  ESPY_ASSERT_OK(costs);
  EXPECT_EQ(asked.back(), 8) << "8 rows take 4.5 passes of one row";
  EXPECT_DOUBLE_EQ(costs->Seconds(1), 1);
  EXPECT_DOUBLE_EQ(costs->Seconds(8), 4.5);
  EXPECT_DOUBLE_EQ(costs->Seconds(6), 3.5) << "on the line between 4 and 8";
  EXPECT_DOUBLE_EQ(costs->Seconds(16), 8.5) << "beyond: along the last line";
}

TEST(VerifyCosts, APassThatFailsIsTheError) {
  const auto costs = VerifyCosts::Measure(
      [](int rows) -> Result<double> {
        if (rows == 4) return Status::ResourceExhausted("no memory");
        return 1.0;
      },
      64, 4);
  EXPECT_EQ(costs.status().code(), StatusCode::kResourceExhausted);
}

TEST(VerifyCosts, MoreRowsMayBeCheaperThanFewer) {
  const VerifyCosts costs({{1, 1.0, 3}, {2, 1.5, 3}, {4, 1.2, 3}});
  EXPECT_DOUBLE_EQ(costs.Seconds(2), 1.5);
  EXPECT_DOUBLE_EQ(costs.Seconds(4), 1.2);
  EXPECT_DOUBLE_EQ(costs.Seconds(40), 1.2) << "but passes of no time there are none";
}

TEST(VerifyCosts, APassOfOneRowSaysNothingGoodOfMore) {
  EXPECT_DOUBLE_EQ(VerifyCosts({{1, 2.0}}).Seconds(3), 6.0);
}

TEST(VerifyCosts, FollowsWhatPassesTake) {
  VerifyCosts costs({{1, 1.0, 3}, {4, 1.3, 3}, {8, 2.0, 3}});
  for (int i = 0; i < 200; ++i) costs.Observe(4, 2.6);
  EXPECT_NEAR(costs.Seconds(4), 2.6, 0.01);
  EXPECT_DOUBLE_EQ(costs.Seconds(8), 2.0);
  EXPECT_DOUBLE_EQ(costs.Seconds(1), 1.0) << "what was not asked stays";
  for (int i = 0; i < 400; ++i) costs.Observe(6, 3.0);
  EXPECT_NEAR(costs.Seconds(6), 3.0, 0.05);
}

TEST(VerifyCosts, OnePassThatWasHeldUpMovesLittle) {
  VerifyCosts costs({{1, 1.0, 100}, {8, 2.0, 100}});
  costs.Observe(8, 1000);
  EXPECT_LT(costs.Seconds(8), 2.2);
  costs.Observe(1, 0);
  EXPECT_GT(costs.Seconds(1), 0.9);
}

TEST(VerifyCosts, TheFirstPassesReplaceAGuess) {
  VerifyCosts costs({{1, 1.0}, {2, 1.1}, {4, 1.2}, {8, 1.4}});
  costs.Observe(1, 0.010);
  EXPECT_NEAR(costs.Seconds(1), 0.010, 1e-9);
  EXPECT_NEAR(costs.Seconds(8), 0.014, 1e-9) << "what was not seen keeps its proportion";
  costs.Observe(4, 0.030);
  EXPECT_NEAR(costs.Seconds(4), 0.030, 1e-9);
  EXPECT_NEAR(costs.Seconds(8), 0.035, 1e-9);
  EXPECT_NEAR(costs.Seconds(1), 0.010, 1e-9);
  EXPECT_NEAR(costs.Seconds(2), 0.010 + 0.020 / 3, 1e-9) << "between those that were seen";
}

}  // namespace
}  // namespace espy::captioning
