// Who guesses the tokens to come.
#ifndef ESPY_CAPTIONING_DRAFTS_DRAFTER_H_
#define ESPY_CAPTIONING_DRAFTS_DRAFTER_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "captioning/drafts/draft_tree.h"
#include "espy/status.h"

namespace espy::captioning {

// What the vision tower gave for a picture: [tokens, vision width]. Null where a drafter does not
// look.
struct DraftPicture {
  const float* image = nullptr;
  std::int64_t tokens = 0;
};

struct DraftContext {
  // The text so far, the prompt included. Its last token is the tree's root: chosen, but not yet
  // read by the decoder.
  std::span<const std::int32_t> tokens;
  // [rows, width]: the decoder's hidden states of the tokens that it read since Begin or the last
  // Propose, in their order. The last row is that of the token before the root. There may be none:
  // a drafter that needs them then proposes nothing.
  const float* hidden = nullptr;
  std::int64_t rows = 0;
  // At most so many nodes, and so many tokens deep, can be of use.
  int nodes = DraftTree::kMaxNodes;
  int depth = DraftTree::kMaxNodes;
  // In sampling: the token that plain decoding would take `depth` places after the root (1: the
  // next one) if these were its logits [vocabulary], by the random number that it will use there. A
  // model that is nearly the decoder's thus guesses what it will draw, and not only what is likely.
  // Empty: the likeliest is the guess.
  std::function<std::int32_t(int depth, const float* logits)> guess;
};

// The drafts of one text after another. A drafter is asked for a tree and told the truth; it knows
// nothing of how trees are verified, and whatever it proposes the text is the same. One thread at
// a time; what drafters share (heads, a module) is constant.
class Drafter {
 public:
  virtual ~Drafter() = default;

  virtual std::string_view name() const = 0;
  // A new text about `picture`, whose features stay valid until the next Begin.
  virtual Status Begin(const DraftPicture& picture) = 0;
  // Replaces `tree` by what may follow context.tokens, with chances as far as they are known.
  virtual Status Propose(const DraftContext& context, DraftTree* tree) = 0;
  // For acceptance by rejection: what the children of `node` of the last proposal were drawn from,
  // one after another without replacement in the order of their ranks, [vocabulary] of any positive
  // sum. Empty: they were not drawn. The chances of drawn nodes do not depend on what was drawn.
  virtual std::span<const float> Proposal(int /*node*/) const { return {}; }
  // What followed the root of the last proposal: at least one token. Not called after a step that
  // did not ask.
  virtual void Observe(std::span<const std::int32_t> truth) = 0;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_DRAFTER_H_
