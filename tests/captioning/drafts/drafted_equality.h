// Captions with drafts beside the same without, for as many random cases as are asked for.
#ifndef ESPY_TESTS_CAPTIONING_DRAFTS_DRAFTED_EQUALITY_H_
#define ESPY_TESTS_CAPTIONING_DRAFTS_DRAFTED_EQUALITY_H_

#include <cstdint>
#include <string>

#include "captioning/drafts/speculation.h"

namespace espy::captioning {

struct EqualityReport {
  std::int64_t captions = 0;
  std::int64_t different = 0;
  std::string first_difference;  // what to run to see it
  SpeculationCounters counters;  // of all
};

// Decoders of several shapes and precisions, images, prompts, options (greedy, repetition penalty,
// least length, sampling), batches of 1 to 4, and for each caption a drafter of some kind. Seeds
// `first` and on, until there are `captions`.
EqualityReport CompareDrafted(std::int64_t captions, unsigned first);

}  // namespace espy::captioning

#endif  // ESPY_TESTS_CAPTIONING_DRAFTS_DRAFTED_EQUALITY_H_
