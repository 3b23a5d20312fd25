// Which of a draft's nodes hold, once the decoder has read them.
//
// Exact: `choose` says what plain decoding takes after a path, greedily or by the random number
// that belongs to that place of the text, and a node is accepted when that is its token. The text
// is the one of plain decoding, token for token, in sampling too, by the same seed. Whatever the
// drafts are, they were made before that number was looked at. For drafts that no random number
// enters, no lossless rule accepts more often: the token after a path is among its children with
// the probability that the target gives them together, whatever rule tells it. (Rejection with q =
// 1 at the draft, accept with p(x) or draw from p without x, is this in other words.)
//
// Rejection (recursive rejection sampling: Jeon et al. 2024, arXiv 2402.14160; for one child
// Leviathan et al. 2023, arXiv 2211.17192) is for drafts that are themselves drawn, the children of
// a node one after another without replacement from a proposal q. The text has the distribution of
// plain sampling, though not the same words by the same seed. Why: the first child has distribution
// q; it is accepted with min(1, p / q), and otherwise what is to be drawn has the density max(p -
// q, 0): that is a draw from p (the lemma of speculative sampling). Given that it was rejected, the
// second child is a draw from q without the first, and the same step makes a draw from that
// remainder; and so on to the last, where the remainder itself is drawn from.
//
// Typical (Medusa, Cai et al. 2024, section 2.3.1) is not lossless: it takes what is likely enough
// under the decoder, p(x) > min(epsilon, delta * exp(-H(p))), and so writes other texts than plain
// sampling, and likelier ones.
#ifndef ESPY_CAPTIONING_DRAFTS_ACCEPTANCE_H_
#define ESPY_CAPTIONING_DRAFTS_ACCEPTANCE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "captioning/drafts/draft_tree.h"

namespace espy::captioning {

struct Accepted {
  std::vector<int> path;  // accepted nodes, from a child of the root on
  std::int32_t next = 0;  // the token chosen after the last of them
};

// Whether a text ends with this token, `taken` tokens after the root (1 for the first). What ends a
// text is returned as `next`, and nothing after it is looked at.
using Ends = std::function<bool(std::int32_t token, int taken)>;
// The token that plain decoding takes after the path to `node` (kRoot: after the root).
using Choose = std::function<std::int32_t(int node)>;
// The decoder's probabilities after the path to `node`: [vocabulary], of sum 1.
using Target = std::function<std::span<const float>(int node)>;
// What the children of `node` were drawn from, without replacement and in the order of their ranks;
// empty where they were not drawn, but are what they are whatever any random number is.
using Proposal = std::function<std::span<const float>(int node)>;
using Uniform = std::function<double()>;  // in [0, 1), fresh at every call

Accepted AcceptExact(const DraftTree& tree, const Choose& choose, const Ends& ends);

Accepted AcceptByRejection(const DraftTree& tree, const Target& target, const Proposal& proposal,
                           const Uniform& uniform, const Ends& ends);

struct TypicalOptions {
  double epsilon = 0.09;
  double delta = 0.3;
};
// The longest path that is accepted throughout, of equals the one with the greatest sum of log
// probabilities; `choose` gives what follows it.
Accepted AcceptTypical(const DraftTree& tree, const Target& target, const TypicalOptions& options,
                       const Choose& choose, const Ends& ends);

// A draw from weights of any positive sum by u in [0, 1); the last index of weight where rounding
// leaves none.
std::int32_t DrawWeighted(std::span<const float> weights, double u);
// `count` different tokens drawn from `proposal` one after another, fewer where fewer have weight.
std::vector<std::int32_t> DrawWithoutReplacement(std::span<const float> proposal, int count,
                                                 const Uniform& uniform);

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_ACCEPTANCE_H_
