#include "training/losses/language.h"

#include <cmath>
#include <utility>

#include "base/check.h"
#include "training/ops/arithmetic.h"

namespace espy::training {

std::vector<std::int64_t> TokensAhead(std::span<const std::int64_t> tokens,
                                      std::span<const std::int64_t> lengths, std::int64_t ahead) {
  std::vector<std::int64_t> targets;
  targets.reserve(tokens.size());
  std::int64_t first = 0;
  for (const std::int64_t length : lengths) {
    for (std::int64_t t = 0; t < length; ++t) {
      targets.push_back(t + ahead < length ? tokens[static_cast<std::size_t>(first + t + ahead)]
                                           : kIgnore);
    }
    first += length;
  }
  ESPY_CHECK(first == static_cast<std::int64_t>(tokens.size()), "lengths must sum to the tokens");
  return targets;
}

Node* LanguageLoss(Tape& tape, Node* logits, std::span<const std::int64_t> tokens,
                   std::span<const std::int64_t> lengths, const CrossEntropyOptions& options) {
  return CrossEntropy(tape, logits, TokensAhead(tokens, lengths, 1), options);
}

Node* MedusaLoss(Tape& tape, std::span<Node* const> head_logits,
                 std::span<const std::int64_t> tokens, std::span<const std::int64_t> lengths,
                 float decay) {
  std::vector<std::pair<Node*, float>> losses;
  float weight = 1;
  for (std::size_t i = 0; i < head_logits.size(); ++i) {
    weight *= decay;
    const auto ahead = static_cast<std::int64_t>(i) + 2;
    losses.emplace_back(CrossEntropy(tape, head_logits[i], TokensAhead(tokens, lengths, ahead)),
                        weight);
  }
  return WeightedTotal(tape, losses);
}

Node* MtpLoss(Tape& tape, std::span<Node* const> depth_logits, std::span<const std::int64_t> tokens,
              std::span<const std::int64_t> lengths, float weight) {
  std::vector<std::pair<Node*, float>> losses;
  for (std::size_t i = 0; i < depth_logits.size(); ++i) {
    const auto ahead = static_cast<std::int64_t>(i) + 2;
    losses.emplace_back(CrossEntropy(tape, depth_logits[i], TokensAhead(tokens, lengths, ahead)),
                        weight / static_cast<float>(depth_logits.size()));
  }
  return WeightedTotal(tape, losses);
}

}  // namespace espy::training
