// What texts at hand say after the words so far.
#ifndef ESPY_CAPTIONING_DRAFTS_CONTINUATIONS_H_
#define ESPY_CAPTIONING_DRAFTS_CONTINUATIONS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "captioning/drafts/acceptance_table.h"
#include "captioning/drafts/draft_tree.h"

namespace espy::captioning {

// A text to draft from, as tokens, with how much it is believed beside the others (above 0).
struct DraftText {
  std::vector<std::int32_t> tokens;
  double weight = 1;
};

// Merges into `tree` what follows, in `texts`, the longest run of tokens that `context` ends with
// and that is found in any of them: of those, every place where it is followed by something. At
// most `longest` tokens of the context are compared. A child's chance is its share of the votes,
// times how often, by `reliability` (depth, rank 0), a tree of this kind has held the right token
// at that depth. Returns how many tokens of the context were found (0: none, and the tree is as it
// was). O(tokens of the texts x longest).
int AddContinuations(std::span<const DraftText> texts, std::span<const std::int32_t> context,
                     int longest, int nodes, int depth, const AcceptanceTable& reliability,
                     DraftTree* tree);

// Observes, as rank 0, whether the right token was among a node's children, along `truth`.
void ObserveAnyChild(const DraftTree& proposed, std::span<const std::int32_t> truth,
                     AcceptanceTable* reliability);

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_CONTINUATIONS_H_
