#include "captioning/drafts/text_drafter.h"

#include <algorithm>

#include "base/status_macros.h"
#include "captioning/drafts/tree_choice.h"

namespace espy::captioning {

Status LookupDrafter::Propose(const DraftContext& context, DraftTree* tree) {
  tree->Clear();
  texts_.push_back({{context.tokens.begin(), context.tokens.end()}, 1});
  AddContinuations(texts_, context.tokens, kLongest, context.nodes, context.depth, reliability_,
                   tree);
  texts_.pop_back();
  proposed_ = *tree;
  return Status::Ok();
}

void LookupDrafter::Observe(std::span<const std::int32_t> truth) {
  ObserveAnyChild(proposed_, truth, &reliability_);
}

void NeighbourDrafter::SetCaptions(std::vector<DraftText> captions) {
  captions_ = std::move(captions);
  if (captions_.size() > kMaxTexts) captions_.resize(kMaxTexts);
}

Status NeighbourDrafter::Propose(const DraftContext& context, DraftTree* tree) {
  tree->Clear();
  AddContinuations(captions_, context.tokens, kLongest, context.nodes, context.depth, reliability_,
                   tree);
  proposed_ = *tree;
  return Status::Ok();
}

void NeighbourDrafter::Observe(std::span<const std::int32_t> truth) {
  ObserveAnyChild(proposed_, truth, &reliability_);
}

Status CombinedDrafter::Begin(const DraftPicture& picture) {
  for (Drafter* drafter : drafters_) ESPY_RETURN_IF_ERROR(drafter->Begin(picture));
  return Status::Ok();
}

Status CombinedDrafter::Propose(const DraftContext& context, DraftTree* tree) {
  std::vector<DraftTree> trees(drafters_.size());
  for (std::size_t i = 0; i < drafters_.size(); ++i) {
    ESPY_RETURN_IF_ERROR(drafters_[i]->Propose(context, &trees[i]));
  }
  // All trees' nodes by their reach, so that a full tree lacks the least likely ones; ties by
  // drafter, in the order they were given. A parent never comes after its child: its reach is not
  // less, and it stands first in its own tree's order.
  struct Ranked {
    double reach;
    std::size_t tree;
    int node;
  };
  std::vector<Ranked> ranked;
  for (std::size_t i = 0; i < trees.size(); ++i) {
    for (const int node : BestNodes(trees[i], DraftTree::kMaxNodes)) {
      ranked.push_back({trees[i].reach(node), i, node});
    }
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Ranked& a, const Ranked& b) { return a.reach > b.reach; });
  std::vector<std::vector<int>> place(trees.size());
  for (std::size_t i = 0; i < trees.size(); ++i) {
    place[i].assign(static_cast<std::size_t>(trees[i].size()), DraftTree::kRoot);
  }
  tree->Clear();
  for (const Ranked& one : ranked) {
    const DraftTree& from = trees[one.tree];
    const int parent = from.parent(one.node);
    int above = DraftTree::kRoot;
    if (parent != DraftTree::kRoot) {
      above = place[one.tree][static_cast<std::size_t>(parent)];
      if (above == DraftTree::kRoot) continue;  // the tree was full
    }
    place[one.tree][static_cast<std::size_t>(one.node)] =
        tree->Add(above, from.token(one.node), from.chance(one.node));
  }
  return Status::Ok();
}

void CombinedDrafter::Observe(std::span<const std::int32_t> truth) {
  for (Drafter* drafter : drafters_) drafter->Observe(truth);
}

}  // namespace espy::captioning
