#include "training/losses/contrastive.h"

#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "training/ops/arithmetic.h"
#include "training/ops/cross_entropy.h"
#include "training/ops/linear.h"

namespace espy::training {

Node* ClipLoss(Tape& tape, Node* a, Node* b, Node* log_scale) {
  ESPY_CHECK(a->rows() == b->rows(), "a contrastive loss is of pairs");
  std::vector<std::int64_t> diagonal(static_cast<std::size_t>(a->rows()));
  std::iota(diagonal.begin(), diagonal.end(), std::int64_t{0});
  const auto one_way = [&](Node* from, Node* to) {
    return CrossEntropy(tape, TimesExp(tape, Linear(tape, from, to), log_scale), diagonal);
  };
  const std::array<std::pair<Node*, float>, 2> ways = {
      {{one_way(a, b), 0.5f}, {one_way(b, a), 0.5f}}};
  return WeightedTotal(tape, ways);
}

Node* SiglipLoss(Tape& tape, Node* a, Node* b, Node* log_scale, Node* bias) {
  ESPY_CHECK(a->rows() == b->rows() && bias->size() == 1, "a contrastive loss is of pairs");
  Node* logits = TimesExp(tape, Linear(tape, a, b), log_scale);
  const std::int64_t n = a->rows();
  Node* loss = tape.New(1, 1, logits->needs_gradient() || bias->needs_gradient());
  const auto signed_logit = [logits, bias, n](std::int64_t i) {
    const float sign = i % (n + 1) == 0 ? 1.0f : -1.0f;  // every (n + 1)th is on the diagonal
    return std::pair(sign, static_cast<double>(sign) *
                               (static_cast<double>(logits->value()[i]) + bias->scalar()));
  };
  double sum = 0;
  for (std::int64_t i = 0; i < n * n; ++i) {
    const double z = signed_logit(i).second;
    // -log sigmoid(z), without overflow on either side.
    sum += std::max(-z, 0.0) + std::log1p(std::exp(-std::abs(z)));
  }
  loss->mutable_value()[0] = static_cast<float>(sum / static_cast<double>(n));
  if (!loss->needs_gradient()) return loss;
  tape.OnBackward([logits, bias, loss, n, signed_logit] {
    if (!loss->has_gradient()) return;
    const double scale = static_cast<double>(loss->Gradient()[0]) / static_cast<double>(n);
    double bias_sum = 0;
    for (std::int64_t i = 0; i < n * n; ++i) {
      const auto [sign, z] = signed_logit(i);
      const double d = -scale * sign / (1 + std::exp(z));
      bias_sum += d;
      if (logits->needs_gradient()) logits->Gradient()[i] += static_cast<float>(d);
    }
    if (bias->needs_gradient()) bias->Gradient()[0] += static_cast<float>(bias_sum);
  });
  return loss;
}

}  // namespace espy::training
