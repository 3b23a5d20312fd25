#include "captioning/drafts/acceptance_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace espy::captioning {
namespace {

TEST(AcceptanceTable, GoesFromThePriorToWhatIsObserved) {
  AcceptanceTable table;
  table.SetPrior(1, 0, 0.9);
  EXPECT_DOUBLE_EQ(table.Chance(1, 0), 0.9);
  for (int i = 0; i < 10000; ++i) table.Observe(1, 0, i % 10 < 3);
  EXPECT_NEAR(table.Chance(1, 0), 0.3, 0.01);
  EXPECT_EQ(table.Trials(1, 0), 10000);
  EXPECT_EQ(table.Hits(1, 0), 3000);
}

TEST(AcceptanceTable, FollowsALibraryThatChanges) {
  AcceptanceTable table;
  for (int i = 0; i < 100000; ++i) table.Observe(2, 1, true);
  for (int i = 0; i < 20000; ++i) table.Observe(2, 1, false);
  EXPECT_LT(table.Chance(2, 1), 0.1);
}

TEST(AcceptanceTable, HasNoChanceOutsideAndTakesNoNonsense) {
  AcceptanceTable table;
  EXPECT_EQ(table.Chance(0, 0), 0);
  EXPECT_EQ(table.Chance(17, 0), 0);
  EXPECT_EQ(table.Chance(1, 16), 0);
  EXPECT_EQ(table.Chance(1, -1), 0);
  table.Observe(17, 0, true);
  table.SetPrior(1, 16, 0.5);
  EXPECT_EQ(table.Trials(17, 0), 0);
  table.SetPrior(1, 0, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(table.Chance(1, 0), 0);
  table.SetPrior(1, 0, 3);
  EXPECT_EQ(table.Chance(1, 0), 1);
}

TEST(AcceptanceTable, ObservesANodeOnlyWhereItsParentWasRight) {
  DraftTree tree;
  const int a = tree.Add(DraftTree::kRoot, 10, 0.5);
  const int b = tree.Add(DraftTree::kRoot, 11, 0.5);
  tree.Add(a, 12, 0.5);
  tree.Add(b, 13, 0.5);
  tree.Add(b, 14, 0.5);
  AcceptanceTable table;
  table.ObserveTree(tree, std::vector<std::int32_t>{11, 14, 15});
  EXPECT_EQ(table.Trials(1, 0), 1);
  EXPECT_EQ(table.Hits(1, 0), 0);
  EXPECT_EQ(table.Hits(1, 1), 1);
  EXPECT_EQ(table.Trials(2, 0), 1) << "of 11's children, not of 10's";
  EXPECT_EQ(table.Hits(2, 0), 0);
  EXPECT_EQ(table.Hits(2, 1), 1);
  EXPECT_EQ(table.Trials(3, 0), 0);
}

}  // namespace
}  // namespace espy::captioning
