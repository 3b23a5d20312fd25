#include "captioning/drafts/heads_drafter.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <numeric>

#include "base/check.h"
#include "base/status_macros.h"
#include "captioning/drafts/tree_choice.h"

namespace espy::captioning {

std::vector<std::int32_t> TopTokens(const float* logits, std::int64_t vocabulary, int count) {
  // Few are kept: an insertion into a short sorted list, which almost every token fails to enter.
  std::vector<std::int32_t> best;
  for (std::int64_t i = 0; i < vocabulary; ++i) {
    const bool full = static_cast<int>(best.size()) == count;
    if (full && !(logits[i] > logits[best.back()])) continue;
    if (full) best.pop_back();
    auto at = best.end();
    while (at != best.begin() && logits[i] > logits[*(at - 1)]) --at;
    best.insert(at, static_cast<std::int32_t>(i));
  }
  return best;
}

HeadsDrafter::HeadsDrafter(const TextDecoder* decoder, const MedusaHeads* heads,
                           const MtpModule* module, ThreadPool* pool)
    : decoder_(decoder), heads_(heads), module_(module), pool_(pool), state_(decoder->config()) {
  ESPY_CHECK(heads != nullptr || module != nullptr, "a drafter of heads has a head");
  if (module_ != nullptr) {
    module_depth_ = heads_ == nullptr ? kModuleDepth : kModuleDepthBesideHeads;
  }
  if (heads_ != nullptr) heads_->acceptance().SetPriors(module_depth_ + 1, max_depth(), &table_);
  if (module_ != nullptr) module_->acceptance().SetPriors(1, module_depth_, &table_);
}

std::string_view HeadsDrafter::name() const {
  if (module_ == nullptr) return "medusa";
  return heads_ == nullptr ? "mtp" : "mtp+medusa";
}

int HeadsDrafter::max_depth() const {
  return std::max(module_depth_, heads_ == nullptr ? 0 : heads_->count());
}

Status HeadsDrafter::Begin(const DraftPicture& picture) {
  picture_ = picture;
  looked_ = false;
  return Status::Ok();
}

// Reads what the decoder has read since the last proposal; the last row's state is the root's.
Status HeadsDrafter::ReadNewRows(const DraftContext& context) {
  const std::int64_t width = decoder_->config().width;
  if (!looked_) {
    ESPY_RETURN_IF_ERROR(module_->Begin(picture_.image, picture_.tokens, &state_));
    looked_ = true;
  }
  const std::int64_t rows = context.rows;
  const std::int64_t first = static_cast<std::int64_t>(context.tokens.size()) - rows;
  ESPY_CHECK(first >= 1 && state_.cache.length(0) == first - 1,
             "a drafter is shown every row that the decoder reads");
  embeddings_.Reserve(rows * width);
  for (std::int64_t r = 0; r < rows; ++r) {
    decoder_->WordEmbedding(context.tokens[static_cast<std::size_t>(first + r)],
                            embeddings_.data() + r * width);
  }
  std::vector<std::int32_t> parents(static_cast<std::size_t>(rows));
  std::iota(parents.begin(), parents.end(), -1);
  const float* out = nullptr;
  ESPY_RETURN_IF_ERROR(module_->Run(context.hidden, embeddings_.data(), parents, &state_, &out));
  root_state_.assign(out + (rows - 1) * width, out + rows * width);
  module_->KeepAll(rows, &state_);
  drafted_.clear();
  drafted_states_.clear();
  return Status::Ok();
}

// The likeliest tokens; in sampling, before them, the one that will be drawn if these are nearly
// the decoder's logits.
std::vector<std::int32_t> HeadsDrafter::Candidates(const DraftContext& context, int depth,
                                                   const float* logits) const {
  std::vector<std::int32_t> best = TopTokens(logits, decoder_->config().vocabulary, kRanks);
  // What is drawn from numbers that are none is not defined.
  if (!context.guess || !std::all_of(logits, logits + decoder_->config().vocabulary,
                                     [](float logit) { return std::isfinite(logit); })) {
    return best;
  }
  const std::int32_t guess = context.guess(depth, logits);
  const auto found = std::find(best.begin(), best.end(), guess);
  if (found == best.end()) {
    best.back() = guess;
    std::rotate(best.begin(), best.end() - 1, best.end());
  } else {
    std::rotate(best.begin(), found, found + 1);
  }
  return best;
}

// What the module says after each of `nodes`, whose parents were expanded before. Rows of the draft
// are read again with each depth, since a pass keeps no pending rows: they are few, and what costs
// is the weights.
Status HeadsDrafter::ExpandByModule(const DraftContext& context, const DraftTree& tree,
                                    const std::vector<int>& nodes,
                                    std::vector<std::vector<std::int32_t>>* candidates) {
  const std::int64_t width = decoder_->config().width;
  const std::size_t before = drafted_.size();
  drafted_.insert(drafted_.end(), nodes.begin(), nodes.end());
  const auto rows = static_cast<std::int64_t>(drafted_.size());
  hidden_.Reserve(rows * width);
  embeddings_.Reserve(rows * width);
  std::vector<std::int32_t> parents;
  for (std::int64_t r = 0; r < rows; ++r) {
    const int node = drafted_[static_cast<std::size_t>(r)];
    const int above = tree.parent(node);
    const auto row = std::find(drafted_.begin(), drafted_.end(), above) - drafted_.begin();
    const bool root = above == DraftTree::kRoot;
    const float* state = root ? root_state_.data() : drafted_states_.data() + row * width;
    std::copy(state, state + width, hidden_.data() + r * width);
    decoder_->WordEmbedding(tree.token(node), embeddings_.data() + r * width);
    parents.push_back(root ? -1 : static_cast<std::int32_t>(row));
  }
  const float* out = nullptr;
  ESPY_RETURN_IF_ERROR(module_->Run(hidden_.data(), embeddings_.data(), parents, &state_, &out));
  drafted_states_.assign(out, out + rows * width);
  const auto fresh = static_cast<std::int64_t>(nodes.size());
  const std::int64_t vocabulary = decoder_->config().vocabulary;
  logits_.Reserve(fresh * vocabulary);
  decoder_->Head(drafted_states_.data() + static_cast<std::int64_t>(before) * width, fresh,
                 logits_.data(), &transformed_);
  for (std::int64_t i = 0; i < fresh; ++i) {
    candidates->push_back(Candidates(context, tree.depth(nodes[static_cast<std::size_t>(i)]) + 1,
                                     logits_.data() + i * vocabulary));
  }
  return Status::Ok();
}

// Nodes of depths for which the module would have to run again, where they are too unlikely.
void HeadsDrafter::DropPoorDepths(std::vector<ShapeNode>* shape) {
  std::vector<double> expected(static_cast<std::size_t>(AcceptanceTable::kMaxDepth) + 1, 0);
  for (const ShapeNode& node : *shape) expected[static_cast<std::size_t>(node.depth)] += node.reach;
  int depth = 1;
  while (depth < AcceptanceTable::kMaxDepth &&
         expected[static_cast<std::size_t>(depth) + 1] >= kWorthADepth) {
    ++depth;
  }
  std::erase_if(*shape, [depth](const ShapeNode& node) { return node.depth > depth; });
}

Status HeadsDrafter::ProposeNodes(const DraftContext& context, DraftTree* tree) {
  const std::int64_t width = decoder_->config().width;
  const std::int64_t vocabulary = decoder_->config().vocabulary;
  if (module_ != nullptr) ESPY_RETURN_IF_ERROR(ReadNewRows(context));
  std::vector<ShapeNode> shape =
      BestShape(table_, context.nodes, std::min(max_depth(), context.depth), kRanks);
  if (heads_ == nullptr) DropPoorDepths(&shape);
  if (shape.empty()) return Status::Ok();
  const int depth = shape.back().depth;

  // The heads' candidates of depths module_depth_ + 1 to `depth`, and the module's after the root:
  // one product with the vocabulary for all.
  const int by_heads = heads_ == nullptr ? 0 : depth;
  const std::int64_t rows = by_heads + 1;
  states_.Reserve(rows * width);
  logits_.Reserve(rows * vocabulary);
  if (by_heads > 0) {
    heads_->Run(context.hidden + (context.rows - 1) * width, by_heads, states_.data(), pool_);
  }
  if (module_ != nullptr) {  // in the place of the first head
    std::copy(root_state_.begin(), root_state_.end(), states_.data());
  }
  decoder_->Head(states_.data(), std::max(by_heads, 1), logits_.data(), &transformed_);
  std::vector<std::vector<std::int32_t>> lists;  // of depth 1 + i
  for (int i = 0; i < std::max(by_heads, 1); ++i) {
    lists.push_back(Candidates(context, i + 1, logits_.data() + i * vocabulary));
  }

  std::vector<int> place;                         // of shape nodes in the tree; kRoot: left out
  std::vector<std::vector<std::int32_t>> own(1);  // [node + 1] by the module, else empty
  own[0] = lists[0];
  for (std::size_t i = 0; i < shape.size();) {
    const int level = shape[i].depth;
    for (; i < shape.size() && shape[i].depth == level; ++i) {
      const ShapeNode& node = shape[i];
      const int parent = node.parent == DraftTree::kRoot
                             ? DraftTree::kRoot
                             : place[static_cast<std::size_t>(node.parent)];
      place.push_back(DraftTree::kRoot);
      if (node.parent != DraftTree::kRoot && parent == DraftTree::kRoot) continue;
      const int slot = parent + 1;
      const auto& list = level == 1 || level <= module_depth_
                             ? own[static_cast<std::size_t>(slot)]
                             : lists[static_cast<std::size_t>(level - 1)];
      if (node.rank >= static_cast<int>(list.size())) continue;  // a tiny vocabulary
      place.back() = tree->Add(parent, list[static_cast<std::size_t>(node.rank)],
                               table_.Chance(level, node.rank));
      ranks_.push_back(node.rank);
    }
    own.resize(static_cast<std::size_t>(tree->size()) + 1);
    if (level >= module_depth_) continue;
    std::vector<int> expanded;
    for (std::size_t j = i; j < shape.size() && shape[j].depth == level + 1; ++j) {
      const int node = place[static_cast<std::size_t>(shape[j].parent)];
      if (node == DraftTree::kRoot) continue;
      if (std::find(expanded.begin(), expanded.end(), node) == expanded.end()) {
        expanded.push_back(node);
      }
    }
    if (expanded.empty()) continue;
    std::vector<std::vector<std::int32_t>> candidates;
    ESPY_RETURN_IF_ERROR(ExpandByModule(context, *tree, expanded, &candidates));
    for (std::size_t j = 0; j < expanded.size(); ++j) {
      own[static_cast<std::size_t>(expanded[j]) + 1] = std::move(candidates[j]);
    }
  }
  return Status::Ok();
}

Status HeadsDrafter::Propose(const DraftContext& context, DraftTree* tree) {
  tree->Clear();
  proposed_.Clear();
  ranks_.clear();
  if (context.rows == 0) return Status::Ok();
  try {
    ESPY_RETURN_IF_ERROR(ProposeNodes(context, tree));
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("drafts: not enough memory; caption without drafts");
  }
  proposed_ = *tree;
  return Status::Ok();
}

void HeadsDrafter::Observe(std::span<const std::int32_t> truth) {
  table_.ObserveTree(proposed_, truth, ranks_);
}

}  // namespace espy::captioning
