// generate.h's greedy captions and samples, with drafts.
#ifndef ESPY_CAPTIONING_DRAFTS_GENERATE_DRAFTED_H_
#define ESPY_CAPTIONING_DRAFTS_GENERATE_DRAFTED_H_

#include <cstdint>
#include <span>
#include <vector>

#include "captioning/drafts/drafter.h"
#include "captioning/drafts/speculation.h"
#include "captioning/generate.h"
#include "espy/status.h"

namespace espy::captioning {

// Generate with a drafter for each picture, null for one without; `pictures` are what the drafters
// may look at, in the same order. With exact acceptance the captions are Generate's, token for
// token, sampled ones with their seed too, and their log-probabilities; only Generated::steps is
// smaller. Beam search is Generate's own: drafts are not asked, since beams are not one text.
Result<std::vector<Generated>> GenerateDrafted(const TextDecoder& decoder, CrossCache* cross,
                                               std::span<const std::vector<std::int32_t>> starts,
                                               const GenerateOptions& options,
                                               std::span<Drafter* const> drafters,
                                               std::span<const DraftPicture> pictures,
                                               Speculation* speculation);

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_GENERATE_DRAFTED_H_
