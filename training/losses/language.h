// Losses over next tokens. Sequences lie one after the other in rows, as attention has them.
#ifndef ESPY_TRAINING_LOSSES_LANGUAGE_H_
#define ESPY_TRAINING_LOSSES_LANGUAGE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "training/ops/cross_entropy.h"
#include "training/tape.h"

namespace espy::training {

// For each row the token `ahead` places later in its own sequence, or kIgnore where it ends before.
// tokens [rows]; lengths sum to the rows. Tokens that are kIgnore stay so: a prompt that is not to
// be learnt is masked before.
std::vector<std::int64_t> TokensAhead(std::span<const std::int64_t> tokens,
                                      std::span<const std::int64_t> lengths, std::int64_t ahead);

// Language modelling: row t predicts token t + 1 (BLIP: smoothing 0.1).
Node* LanguageLoss(Tape& tape, Node* logits, std::span<const std::int64_t> tokens,
                   std::span<const std::int64_t> lengths, const CrossEntropyOptions& options = {});

// Medusa-1 (Cai et al., 2024, section 2.2.1): head i = 1, 2, ... at row t predicts token t + 1 + i,
// for the decoder itself predicts t + 1; the sum over heads of decay^i times head i's
// cross-entropy, decay 0.8.
Node* MedusaLoss(Tape& tape, std::span<Node* const> head_logits,
                 std::span<const std::int64_t> tokens, std::span<const std::int64_t> lengths,
                 float decay = 0.8f);

// Multi-token prediction (DeepSeek-V3, section 2.2, equations 24 and 25): depth i = 1, 2, ... of
// the chained module predicts token t + 1 + i; weight times the mean over depths. A depth's logits
// are [rows], too: rows whose target lies beyond the end are ignored.
Node* MtpLoss(Tape& tape, std::span<Node* const> depth_logits, std::span<const std::int64_t> tokens,
              std::span<const std::int64_t> lengths, float weight = 1.0f);

}  // namespace espy::training

#endif  // ESPY_TRAINING_LOSSES_LANGUAGE_H_
