// A tree of tokens that may come next. Its root is the token that the text ends with; every path
// from the root is one guess at the text's continuation, and common beginnings are held once.
#ifndef ESPY_CAPTIONING_DRAFTS_DRAFT_TREE_H_
#define ESPY_CAPTIONING_DRAFTS_DRAFT_TREE_H_

#include <cstdint>
#include <vector>

namespace espy::captioning {

class DraftTree {
 public:
  // With the root these are the 64 rows of one verifying pass, and an ancestor mask is 64 bits.
  static constexpr int kMaxNodes = 63;
  static constexpr int kRoot = -1;

  // Appends a child of `parent`, a node or kRoot, and returns its number: parents have smaller
  // numbers than their children. A child of that token is not made twice: it keeps the greater
  // chance, and its number is returned. kRoot when the tree is full. `chance` is the estimated
  // probability, in [0, 1], that this node is right where its parent is.
  int Add(int parent, std::int32_t token, double chance);

  int size() const { return static_cast<int>(nodes_.size()); }
  bool empty() const { return nodes_.empty(); }
  void Clear() { nodes_.clear(); }

  std::int32_t token(int node) const { return At(node).token; }
  int parent(int node) const { return At(node).parent; }
  int depth(int node) const { return At(node).depth; }  // of a child of the root: 1
  // Its place among the siblings, in the order in which they were added.
  int rank(int node) const { return At(node).rank; }
  double chance(int node) const { return At(node).chance; }
  double reach(int node) const { return At(node).reach; }  // the product of chances from the root
  // Bit i for every node i of the path from the root to `node`, itself included.
  std::uint64_t ancestors(int node) const { return At(node).ancestors; }

  int Child(int parent, std::int32_t token) const;  // kRoot when there is none
  std::vector<int> Children(int parent) const;      // in the order of their ranks
  std::vector<int> Path(int node) const;            // from the root's child to `node`
  int MaxDepth() const;                             // 0 when empty

 private:
  struct Node {
    std::int32_t token;
    int parent;
    int depth;
    int rank;
    double chance;
    double reach;
    std::uint64_t ancestors;
  };
  const Node& At(int node) const { return nodes_[static_cast<std::size_t>(node)]; }

  std::vector<Node> nodes_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_DRAFT_TREE_H_
