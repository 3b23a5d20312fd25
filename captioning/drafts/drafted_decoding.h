// Decoding with drafts: the same texts in fewer passes.
#ifndef ESPY_CAPTIONING_DRAFTS_DRAFTED_DECODING_H_
#define ESPY_CAPTIONING_DRAFTS_DRAFTED_DECODING_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "captioning/decoder.h"
#include "captioning/drafts/drafter.h"
#include "captioning/drafts/speculation.h"
#include "espy/status.h"

namespace espy::captioning {

// One text of a batch.
struct DraftedText {
  // In: what it begins with, at least one token. Out: that, and what followed.
  std::vector<std::int32_t> tokens;
  std::int32_t sequence = 0;    // of the cache, of no kept row yet
  std::int64_t max_tokens = 0;  // of `tokens`, the beginning included: a text of so many is done

  // Plain decoding's choice after `text`, from the logits [vocabulary] of its last token. Called
  // exactly once for each token of the text and in their order, so that it may keep a state: what
  // it gave before, or a stream of random numbers.
  std::function<std::int32_t(std::span<const std::int32_t> text, const float* logits)> choose;
  // Whether the text is done with its last token, which `choose` gave.
  std::function<bool(std::span<const std::int32_t> text)> done;
  // Told of each token as it is taken, in order, with the logits that it was taken by; may be
  // empty.
  std::function<void(std::int32_t token, const float* logits)> taken;
  // In sampling, what DraftContext::guess is after `ahead` tokens more than the text has; may be
  // empty.
  std::function<std::int32_t(int ahead, const float* logits)> guess;
  // For the other kinds of acceptance: what `choose` chooses by, [vocabulary] of sum 1, and random
  // numbers in [0, 1).
  std::function<std::vector<float>(std::span<const std::int32_t> text, const float* logits)>
      probabilities;
  Uniform uniform;

  std::int64_t passes = 0;  // out: of the decoder, in which the text had a part

  Drafter* drafter = nullptr;  // null: plain. One of its own for every text of a batch
  DraftPicture picture;        // for the drafter
};

// Decodes all texts to their ends, one pass at a time for all that are not done. With drafters, and
// acceptance that is exact, every text is what it is without any, token for token: the decoder's
// bits of a row do not depend on the tree beside it, and `choose` sees the same logits in the same
// order. Errors are the decoder's; a drafter's error costs the draft alone.
Status DecodeDrafted(const TextDecoder& decoder, std::span<DraftedText> texts, KvCache* cache,
                     CrossCache* cross, DecoderOutput* out, Speculation* speculation);

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_DRAFTED_DECODING_H_
