#include "captioning/drafts/tree_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace espy::captioning {
namespace {

double Expected(const std::vector<ShapeNode>& shape) {
  double sum = 0;
  for (const ShapeNode& node : shape) sum += node.reach;
  return sum;
}

// The best expectation of any set of at most `left` nodes that holds each node's parent: every
// order-free way of growing such a set, by choosing or refusing each node of the frontier.
double BruteForce(const AcceptanceTable& table, std::vector<ShapeNode> frontier, int left,
                  int max_depth, int max_ranks) {
  if (left == 0 || frontier.empty()) return 0;
  const ShapeNode node = frontier.back();
  frontier.pop_back();
  const double without = BruteForce(table, frontier, left, max_depth, max_ranks);
  if (node.depth < max_depth) {
    for (int rank = 0; rank < max_ranks; ++rank) {
      frontier.push_back(
          {0, rank, node.depth + 1, node.reach * table.Chance(node.depth + 1, rank)});
    }
  }
  const double with = node.reach + BruteForce(table, frontier, left - 1, max_depth, max_ranks);
  return std::max(without, with);
}

AcceptanceTable RandomTable(std::mt19937* random) {
  AcceptanceTable table;
  std::uniform_real_distribution<double> chance(0, 0.5);
  for (int depth = 1; depth <= 3; ++depth) {
    // Not in falling order of rank: measured figures need not be.
    for (int rank = 0; rank < 3; ++rank) table.SetPrior(depth, rank, chance(*random));
  }
  return table;
}

TEST(TreeChoice, NoTreeOfNNodesIsExpectedToHoldMore) {
  std::mt19937 random(20);
  for (int turn = 0; turn < 20; ++turn) {
    const AcceptanceTable table = RandomTable(&random);
    for (int nodes = 1; nodes <= 5; ++nodes) {
      std::vector<ShapeNode> frontier;
      for (int rank = 0; rank < 3; ++rank) frontier.push_back({0, rank, 1, table.Chance(1, rank)});
      const double best = BruteForce(table, frontier, nodes, 3, 3);
      ASSERT_NEAR(Expected(BestShape(table, nodes, 3, 3)), best, 1e-12)
          << "turn " << turn << ", nodes " << nodes;
    }
  }
}

TEST(TreeChoice, AShapeHasParentsFirstAndADepthAfterTheOther) {
  std::mt19937 random(21);
  const std::vector<ShapeNode> shape = BestShape(RandomTable(&random), 30, 3, 3);
  ASSERT_EQ(shape.size(), 30u);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const int parent = shape[i].parent;
    EXPECT_GE(shape[i].depth, i == 0 ? 1 : shape[i - 1].depth);
    if (parent == DraftTree::kRoot) {
      EXPECT_EQ(shape[i].depth, 1);
      continue;
    }
    ASSERT_LT(parent, static_cast<int>(i));
    EXPECT_EQ(shape[static_cast<std::size_t>(parent)].depth + 1, shape[i].depth);
  }
}

TEST(TreeChoice, LeavesOutWhatHasNoChance) {
  AcceptanceTable table;
  for (int depth = 1; depth <= AcceptanceTable::kMaxDepth; ++depth) {
    for (int rank = 0; rank < AcceptanceTable::kMaxRanks; ++rank) {
      table.SetPrior(depth, rank, depth == 1 && rank < 2 ? 0.4 : 0);
    }
  }
  EXPECT_EQ(BestShape(table, 63, 16, 16).size(), 2u);
}

TEST(TreeChoice, TheBestNodesOfATreeAreThoseOfGreatestReach) {
  DraftTree tree;
  const int a = tree.Add(DraftTree::kRoot, 1, 0.3);
  const int b = tree.Add(DraftTree::kRoot, 2, 0.6);
  const int c = tree.Add(a, 3, 0.9);
  const int d = tree.Add(b, 4, 0.1);
  const int e = tree.Add(b, 5, 0.8);
  EXPECT_EQ(BestNodes(tree, 5), (std::vector<int>{b, e, a, c, d}));
  EXPECT_EQ(BestNodes(tree, 2), (std::vector<int>{b, e}));
  const DraftTree kept = Keep(tree, std::vector<int>{b, e, a});
  ASSERT_EQ(kept.size(), 3);
  EXPECT_EQ(kept.token(0), 2);
  EXPECT_EQ(kept.token(1), 1);
  EXPECT_EQ(kept.token(2), 5);
  EXPECT_EQ(kept.parent(2), 0);
}

TEST(TreeChoice, ANodeWhoseChanceGrewTakesItsChildrenWithIt) {
  DraftTree tree;
  const int a = tree.Add(DraftTree::kRoot, 1, 0.1);
  const int b = tree.Add(a, 2, 0.9);
  const int c = tree.Add(DraftTree::kRoot, 3, 0.2);
  tree.Add(DraftTree::kRoot, 1, 0.8);
  EXPECT_EQ(BestNodes(tree, 3), (std::vector<int>{a, b, c}));
}

TEST(TreeChoice, TheSizeIsTheOneOfTheMostTokensASecond) {
  const std::vector<double> reaches = {0.8, 0.6, 0.3, 0.2, 0.1, 0.05};
  // Rows for nothing: everything is worth verifying.
  EXPECT_EQ(BestSize(reaches, [](int) { return 1.0; }), 6);
  // Every row costs as much as a pass: nothing is.
  EXPECT_EQ(BestSize(reaches, [](int n) { return 1.0 + n; }), 0);
  // By hand: rates 1, 1.8/1.2 = 1.5, 2.4/1.4 = 1.71, 2.7/1.6 = 1.69, ...
  EXPECT_EQ(BestSize(reaches, [](int n) { return 1.0 + 0.2 * n; }), 2);
  // A step up after four rows, as a register tile has.
  EXPECT_EQ(BestSize(reaches, [](int n) { return n < 4 ? 1.0 : 1.6; }), 3);
  EXPECT_EQ(BestSize({}, [](int) { return 1.0; }), 0);
}

}  // namespace
}  // namespace espy::captioning
