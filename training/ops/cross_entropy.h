// Softmax cross-entropy, as torch.nn.functional.cross_entropy with the mean. For a row with target
// t, p = softmax(x) and s the smoothing:
//   loss = -(1 - s) log p_t - s / n sum_j log p_j,  dx = (p - (1 - s) [j = t] - s / n) / rows
// The mean is over the rows that have a target.
#ifndef ESPY_TRAINING_OPS_CROSS_ENTROPY_H_
#define ESPY_TRAINING_OPS_CROSS_ENTROPY_H_

#include <cstdint>
#include <span>

#include "training/tape.h"

namespace espy::training {

inline constexpr std::int64_t kIgnore = -100;  // a row without a target, as PyTorch names it

struct CrossEntropyOptions {
  float label_smoothing = 0;  // [0, 1)
  // [rows] or empty: the loss is then the sum of weight * row's loss over the rows that have a
  // target, and not their mean.
  std::span<const float> row_weights;
};

// logits [rows, n]; targets [rows], each in [0, n) or kIgnore -> one number. Where every row is
// ignored the loss and its gradients are 0 (PyTorch has NaN).
Node* CrossEntropy(Tape& tape, Node* logits, std::span<const std::int64_t> targets,
                   const CrossEntropyOptions& options = {});

}  // namespace espy::training

#endif  // ESPY_TRAINING_OPS_CROSS_ENTROPY_H_
