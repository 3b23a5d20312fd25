// BLIP's image-text matching (Li et al., 2022, section 3.2; BLIP models/blip_pretrain.py): a head
// with two outputs says whether picture and text belong together, and learns from the pairs that
// are hardest to tell apart.
#ifndef ESPY_TRAINING_LOSSES_MATCHING_H_
#define ESPY_TRAINING_LOSSES_MATCHING_H_

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "training/tape.h"

namespace espy::training {

struct HardNegatives {
  std::vector<std::int64_t> text_of_image;  // for each picture, a text that is not its own
  std::vector<std::int64_t> image_of_text;
};

// One negative for each of n >= 2 pairs, drawn with probabilities in proportion to
// softmax(similarity) + 1e-4 with the pair itself at 0. `similarity` [n, n] of pictures (rows) and
// texts, times the temperature; `same` [n] gives pairs that belong together the same number (a
// picture's second caption, a caption that two pictures share), which are never each other's
// negatives; empty: all differ. A picture whose every partner is the same gets -1.
HardNegatives SampleHardNegatives(std::span<const float> similarity, std::int64_t n,
                                  std::span<const std::int64_t> same, Random* random);

// The head's logits [3n, 2] for the n pairs, the n pictures with their negative texts, and the n
// texts with their negative pictures, in this order -> the cross-entropy with 1 (together) for the
// first n and 0 for the rest. Rows of negatives that are -1 are ignored.
Node* MatchingLoss(Tape& tape, Node* logits, const HardNegatives& negatives);

}  // namespace espy::training

#endif  // ESPY_TRAINING_LOSSES_MATCHING_H_
