// Which tree to draft, and how much of it to verify.
#ifndef ESPY_CAPTIONING_DRAFTS_TREE_CHOICE_H_
#define ESPY_CAPTIONING_DRAFTS_TREE_CHOICE_H_

#include <functional>
#include <span>
#include <vector>

#include "captioning/drafts/acceptance_table.h"
#include "captioning/drafts/draft_tree.h"

namespace espy::captioning {

// A tree before its tokens are known: a node is the rank-th candidate after its parent.
struct ShapeNode {
  int parent = DraftTree::kRoot;  // an earlier node of the shape
  int rank = 0;
  int depth = 1;
  double reach = 0;  // the chance that the whole path to it is right
};

// The shape of at most `nodes` nodes whose expected number of right tokens is the greatest, nodes
// in the order of their depth. The expectation is the sum of the nodes' reaches (at most one path
// is right, and it has one node a depth); a node's reach is never above its parent's, so that
// taking the greatest one left, again and again, takes parents first and is the best for every
// number of nodes at once (the construction of Medusa, Cai et al. 2024, section 2.3.3). Nodes of no
// chance are left out. O(nodes x ranks x log).
std::vector<ShapeNode> BestShape(const AcceptanceTable& chances, int nodes, int max_depth,
                                 int max_ranks);

// The same choice among the nodes that a tree has: the numbers of the best `nodes` of them,
// greatest reach first, parents before their children.
std::vector<int> BestNodes(const DraftTree& tree, int nodes);

// The tree of these nodes alone, in the order of their depth. Each node's parent is among them.
DraftTree Keep(const DraftTree& tree, std::span<const int> nodes);

// How many nodes to verify, of a tree whose best nodes have these reaches in falling order: the n
// with the most tokens expected a second, (1 + reach[0] + ... + reach[n-1]) / seconds(n), and 0
// when no n > 0 is better than none. `seconds(n)` is the time of a step that verifies n nodes.
int BestSize(std::span<const double> reaches, const std::function<double(int)>& seconds);

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_TREE_CHOICE_H_
