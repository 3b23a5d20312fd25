#include "captioning/drafts/text_drafter.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/support/temp_dir.h"

namespace espy::captioning {
namespace {

using Tokens = std::vector<std::int32_t>;

// Every path from the root to a leaf.
std::set<Tokens> Leaves(const DraftTree& tree) {
  std::set<Tokens> leaves;
  for (int node = 0; node < tree.size(); ++node) {
    if (!tree.Children(node).empty()) continue;
    Tokens path;
    for (const int step : tree.Path(node)) path.push_back(tree.token(step));
    leaves.insert(path);
  }
  return leaves;
}

DraftContext Context(const Tokens& tokens) {
  DraftContext context;
  context.tokens = tokens;
  return context;
}

TEST(NeighbourDrafter, FollowsEveryCaptionFromItsStart) {
  NeighbourDrafter drafter;
  drafter.SetCaptions({{{1, 10, 11, 12, 2}, 1}, {{1, 10, 11, 13, 2}, 3}, {{1, 20, 21, 2}, 1}});
  DraftTree tree;
  const Tokens begun = {1};
  ESPY_ASSERT_OK(drafter.Propose(Context(begun), &tree));
  EXPECT_EQ(Leaves(tree), (std::set<Tokens>{{10, 11, 12, 2}, {10, 11, 13, 2}, {20, 21, 2}}));
  EXPECT_EQ(tree.token(tree.Children(DraftTree::kRoot)[0]), 10) << "four votes of five";
  const int common = tree.Child(tree.Child(DraftTree::kRoot, 10), 11);
  EXPECT_EQ(tree.rank(tree.Child(common, 13)), 0) << "the nearer caption first";
}

TEST(NeighbourDrafter, LeavesTheCaptionsThatTheTextHasLeft) {
  NeighbourDrafter drafter;
  drafter.SetCaptions({{{1, 10, 11, 12, 2}, 1}, {{1, 20, 11, 14, 2}, 1}});
  DraftTree tree;
  const Tokens begun = {1, 10, 11};
  ESPY_ASSERT_OK(drafter.Propose(Context(begun), &tree));
  EXPECT_EQ(Leaves(tree), (std::set<Tokens>{{12, 2}}));
  // A beginning that no caption has: by the words that are shared later on.
  const Tokens other = {1, 30, 11};
  ESPY_ASSERT_OK(drafter.Propose(Context(other), &tree));
  EXPECT_EQ(Leaves(tree), (std::set<Tokens>{{12, 2}, {14, 2}}));
  const Tokens strange = {1, 30, 31};
  ESPY_ASSERT_OK(drafter.Propose(Context(strange), &tree));
  EXPECT_TRUE(tree.empty());
}

TEST(NeighbourDrafter, KeepsTheLikelierNodesWithinItsBudgets) {
  NeighbourDrafter drafter;
  drafter.SetCaptions({{{1, 10, 11, 12, 13, 2}, 5}, {{1, 20, 21, 2}, 1}});
  DraftTree tree;
  const Tokens begun = {1};
  DraftContext context = Context(begun);
  context.nodes = 3;
  context.depth = 2;
  ESPY_ASSERT_OK(drafter.Propose(context, &tree));
  EXPECT_EQ(tree.size(), 3);
  EXPECT_EQ(tree.MaxDepth(), 2);
  EXPECT_NE(tree.Child(tree.Child(DraftTree::kRoot, 10), 11), DraftTree::kRoot);
}

TEST(NeighbourDrafter, LearnsHowFarNeighboursAreRight) {
  NeighbourDrafter drafter;
  drafter.SetCaptions({{{1, 10, 11, 12, 2}, 1}});
  DraftTree tree;
  const Tokens begun = {1};
  for (int turn = 0; turn < 500; ++turn) {
    ESPY_ASSERT_OK(drafter.Propose(Context(begun), &tree));
    drafter.Observe(Tokens{10, 30});
  }
  ESPY_ASSERT_OK(drafter.Propose(Context(begun), &tree));
  const int first = tree.Child(DraftTree::kRoot, 10);
  EXPECT_GT(tree.chance(first), 0.95);
  EXPECT_LT(tree.chance(tree.Child(first, 11)), 0.05);
}

TEST(NeighbourDrafter, HoldsNoMoreCaptionsThanItsLimit) {
  NeighbourDrafter drafter;
  std::vector<DraftText> many;
  for (int i = 0; i < 200; ++i) many.push_back({{1, 10 + i}, 1});
  drafter.SetCaptions(many);
  DraftTree tree;
  const Tokens begun = {1};
  ESPY_ASSERT_OK(drafter.Propose(Context(begun), &tree));
  EXPECT_EQ(tree.size(), 63);
  EXPECT_EQ(tree.Child(DraftTree::kRoot, 10 + 64), DraftTree::kRoot);
}

TEST(LookupDrafter, RepeatsWhatTheTextSaidAfterTheSameWords) {
  LookupDrafter drafter;
  DraftTree tree;
  const Tokens text = {1, 5, 6, 7, 8, 9, 5, 6};
  ESPY_ASSERT_OK(drafter.Propose(Context(text), &tree));
  EXPECT_EQ(Leaves(tree), (std::set<Tokens>{{7, 8, 9, 5, 6}}));
  const Tokens fresh = {1, 2, 3};
  ESPY_ASSERT_OK(drafter.Propose(Context(fresh), &tree));
  EXPECT_TRUE(tree.empty());
}

TEST(LookupDrafter, PrefersTheLongerRunOfSharedWords) {
  LookupDrafter drafter({{{5, 6, 40, 41}, 1}, {{9, 6, 50, 51}, 1}});
  DraftTree tree;
  const Tokens text = {1, 9, 6};
  ESPY_ASSERT_OK(drafter.Propose(Context(text), &tree));
  EXPECT_EQ(Leaves(tree), (std::set<Tokens>{{50, 51}}));
}

TEST(CombinedDrafter, MergesTreesAndFallsBack) {
  NeighbourDrafter neighbours;
  neighbours.SetCaptions({{{1, 10, 11, 2}, 1}});
  LookupDrafter lookup({{{10, 12, 13}, 1}});
  CombinedDrafter both({&neighbours, &lookup});
  DraftTree tree;
  const Tokens begun = {1, 10};
  ESPY_ASSERT_OK(both.Begin({}));
  ESPY_ASSERT_OK(both.Propose(Context(begun), &tree));
  EXPECT_EQ(Leaves(tree), (std::set<Tokens>{{11, 2}, {12, 13}}));
  // Where the neighbours have nothing to say, the other drafter does.
  const Tokens left = {1, 99, 12};
  ESPY_ASSERT_OK(both.Propose(Context(left), &tree));
  EXPECT_EQ(Leaves(tree), (std::set<Tokens>{{13}}));
  for (int turn = 0; turn < 300; ++turn) {
    ESPY_ASSERT_OK(both.Propose(Context(begun), &tree));
    both.Observe(Tokens{12, 13});
  }
  ESPY_ASSERT_OK(both.Propose(Context(begun), &tree));
  EXPECT_EQ(tree.token(0), 12) << "each drafter is told the truth";
}

}  // namespace
}  // namespace espy::captioning
