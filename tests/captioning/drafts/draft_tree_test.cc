#include "captioning/drafts/draft_tree.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace espy::captioning {
namespace {

TEST(DraftTree, HoldsACommonBeginningOnce) {
  DraftTree tree;
  const int a = tree.Add(DraftTree::kRoot, 5, 0.5);
  const int b = tree.Add(a, 6, 0.5);
  EXPECT_EQ(tree.Add(DraftTree::kRoot, 5, 0.25), a);
  EXPECT_EQ(tree.chance(a), 0.5) << "the greater chance stays";
  const int c = tree.Add(a, 7, 0.1);
  const int d = tree.Add(DraftTree::kRoot, 6, 0.1);
  EXPECT_EQ(tree.size(), 4);
  EXPECT_EQ(tree.Children(a), (std::vector<int>{b, c}));
  EXPECT_EQ(tree.Children(DraftTree::kRoot), (std::vector<int>{a, d}));
  EXPECT_EQ(tree.Child(a, 7), c);
  EXPECT_EQ(tree.Child(b, 7), DraftTree::kRoot);
  EXPECT_EQ(tree.rank(c), 1);
  EXPECT_EQ(tree.depth(c), 2);
  EXPECT_EQ(tree.Path(c), (std::vector<int>{a, c}));
  EXPECT_EQ(tree.reach(b), 0.25);
  EXPECT_EQ(tree.MaxDepth(), 2);
}

TEST(DraftTree, TakesNoMoreNodesThanAPassHasRows) {
  DraftTree tree;
  int at = DraftTree::kRoot;
  for (int i = 0; i < DraftTree::kMaxNodes; ++i) at = tree.Add(at, i, 1);
  EXPECT_EQ(tree.size(), 63);
  EXPECT_EQ(tree.Add(at, 100, 1), DraftTree::kRoot);
  EXPECT_EQ(tree.Add(DraftTree::kRoot, 0, 1), 0) << "what it holds it still finds";
  EXPECT_EQ(tree.size(), 63);
  EXPECT_EQ(tree.ancestors(62), ~std::uint64_t{0} >> 1);
}

TEST(DraftTree, AncestorBitsAreThePathsOfRandomTrees) {
  std::mt19937 random(7);
  for (int turn = 0; turn < 50; ++turn) {
    DraftTree tree;
    while (tree.size() < DraftTree::kMaxNodes) {
      const int parent = static_cast<int>(random() % static_cast<unsigned>(tree.size() + 1)) - 1;
      tree.Add(parent, static_cast<std::int32_t>(random() % 100), 0.5);
    }
    for (int node = 0; node < tree.size(); ++node) {
      ASSERT_LT(tree.parent(node), node);
      std::uint64_t bits = 0;
      for (const int above : tree.Path(node)) bits |= std::uint64_t{1} << above;
      ASSERT_EQ(tree.ancestors(node), bits);
      ASSERT_EQ(static_cast<int>(tree.Path(node).size()), tree.depth(node));
    }
  }
}

}  // namespace
}  // namespace espy::captioning
