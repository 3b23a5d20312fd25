#include "captioning/drafts/tree_choice.h"

#include <algorithm>
#include <queue>

#include "base/check.h"

namespace espy::captioning {

namespace {

// Nodes in the order in which they are best taken: by reach, then as they were met.
struct Candidate {
  double reach;
  int met;
  bool operator<(const Candidate& other) const {  // std::priority_queue gives the greatest first
    return reach != other.reach ? reach < other.reach : met > other.met;
  }
};

}  // namespace

std::vector<ShapeNode> BestShape(const AcceptanceTable& chances, int nodes, int max_depth,
                                 int max_ranks) {
  nodes = std::min(nodes, DraftTree::kMaxNodes);
  std::vector<ShapeNode> met;
  std::vector<int> place;  // of a met node in the order of being taken
  std::priority_queue<Candidate> open;
  const auto meet_children = [&](int parent, int depth, double reach) {
    if (depth > max_depth) return;
    for (int rank = 0; rank < max_ranks; ++rank) {
      const double child = reach * chances.Chance(depth, rank);
      if (child <= 0) continue;
      open.push({child, static_cast<int>(met.size())});
      met.push_back({parent, rank, depth, child});
    }
  };
  std::vector<int> taken;
  meet_children(DraftTree::kRoot, 1, 1);
  while (static_cast<int>(taken.size()) < nodes && !open.empty()) {
    const int best = open.top().met;
    open.pop();
    taken.push_back(best);
    const ShapeNode node = met[static_cast<std::size_t>(best)];
    meet_children(best, node.depth + 1, node.reach);
  }
  std::stable_sort(taken.begin(), taken.end(), [&](int a, int b) {
    return met[static_cast<std::size_t>(a)].depth < met[static_cast<std::size_t>(b)].depth;
  });
  place.assign(met.size(), DraftTree::kRoot);
  std::vector<ShapeNode> shape;
  shape.reserve(taken.size());
  for (const int number : taken) {
    ShapeNode node = met[static_cast<std::size_t>(number)];
    if (node.parent != DraftTree::kRoot) node.parent = place[static_cast<std::size_t>(node.parent)];
    place[static_cast<std::size_t>(number)] = static_cast<int>(shape.size());
    shape.push_back(node);
  }
  return shape;
}

std::vector<int> BestNodes(const DraftTree& tree, int nodes) {
  std::priority_queue<Candidate> open;
  // A node's reach as its ancestors' chances now are, which may have grown since it was added.
  std::vector<double> reach(static_cast<std::size_t>(tree.size()));
  for (int i = 0; i < tree.size(); ++i) {
    const int parent = tree.parent(i);
    reach[static_cast<std::size_t>(i)] =
        tree.chance(i) * (parent == DraftTree::kRoot ? 1 : reach[static_cast<std::size_t>(parent)]);
  }
  const auto open_children = [&](int parent) {
    for (const int child : tree.Children(parent)) {
      open.push({reach[static_cast<std::size_t>(child)], child});
    }
  };
  std::vector<int> best;
  open_children(DraftTree::kRoot);
  while (static_cast<int>(best.size()) < nodes && !open.empty()) {
    best.push_back(open.top().met);
    open.pop();
    open_children(best.back());
  }
  return best;
}

DraftTree Keep(const DraftTree& tree, std::span<const int> nodes) {
  std::vector<int> order(nodes.begin(), nodes.end());
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return tree.depth(a) < tree.depth(b); });
  std::vector<int> place(static_cast<std::size_t>(tree.size()), DraftTree::kRoot);
  DraftTree kept;
  for (const int node : order) {
    const int parent = tree.parent(node);
    const int above =
        parent == DraftTree::kRoot ? DraftTree::kRoot : place[static_cast<std::size_t>(parent)];
    ESPY_CHECK(parent == DraftTree::kRoot || above != DraftTree::kRoot,
               "a kept draft's parent is kept");
    place[static_cast<std::size_t>(node)] = kept.Add(above, tree.token(node), tree.chance(node));
  }
  return kept;
}

int BestSize(std::span<const double> reaches, const std::function<double(int)>& seconds) {
  double expected = 1;
  double best_rate = 1 / seconds(0);
  int best = 0;
  for (std::size_t n = 1; n <= reaches.size(); ++n) {
    expected += reaches[n - 1];
    const double rate = expected / seconds(static_cast<int>(n));
    if (rate > best_rate) {
      best_rate = rate;
      best = static_cast<int>(n);
    }
  }
  return best;
}

}  // namespace espy::captioning
