#include "captioning/drafts/draft_tree.h"

#include <algorithm>

#include "base/check.h"

namespace espy::captioning {

int DraftTree::Add(int parent, std::int32_t token, double chance) {
  ESPY_CHECK(parent >= kRoot && parent < size(), "a draft's parent is in the tree before it");
  int rank = 0;
  for (int i = parent + 1; i < size(); ++i) {
    Node& node = nodes_[static_cast<std::size_t>(i)];
    if (node.parent != parent) continue;
    if (node.token == token) {
      // What hangs below keeps the reach it was added with: it only orders nodes.
      if (chance > node.chance) {
        node.chance = chance;
        node.reach = (parent == kRoot ? 1 : reach(parent)) * chance;
      }
      return i;
    }
    ++rank;
  }
  if (size() == kMaxNodes) return kRoot;
  const int number = size();
  const std::uint64_t above = parent == kRoot ? 0 : ancestors(parent);
  nodes_.push_back({.token = token,
                    .parent = parent,
                    .depth = parent == kRoot ? 1 : depth(parent) + 1,
                    .rank = rank,
                    .chance = chance,
                    .reach = (parent == kRoot ? 1 : reach(parent)) * chance,
                    .ancestors = above | std::uint64_t{1} << number});
  return number;
}

int DraftTree::Child(int parent, std::int32_t token) const {
  for (int i = parent + 1; i < size(); ++i) {
    if (At(i).parent == parent && At(i).token == token) return i;
  }
  return kRoot;
}

std::vector<int> DraftTree::Children(int parent) const {
  std::vector<int> children;
  for (int i = parent + 1; i < size(); ++i) {
    if (At(i).parent == parent) children.push_back(i);
  }
  return children;
}

std::vector<int> DraftTree::Path(int node) const {
  std::vector<int> path;
  for (int i = node; i != kRoot; i = parent(i)) path.push_back(i);
  std::reverse(path.begin(), path.end());
  return path;
}

int DraftTree::MaxDepth() const {
  int depth = 0;
  for (const Node& node : nodes_) depth = std::max(depth, node.depth);
  return depth;
}

}  // namespace espy::captioning
