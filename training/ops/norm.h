// Normalisation of rows, in FP32 whatever the tape computes in.
#ifndef ESPY_TRAINING_OPS_NORM_H_
#define ESPY_TRAINING_OPS_NORM_H_

#include "training/tape.h"

namespace espy::training {

// y = n w + b, n = (x - mean) / s, s = sqrt(variance + eps), the biased variance (Ba et al., 2016;
// torch.nn.LayerNorm). With g = dy w:
//   dx = (g - mean(g) - n mean(g n)) / s,  dw = sum of dy n,  db = sum of dy
// x [rows, width], weight and bias [1, width].
Node* LayerNorm(Tape& tape, Node* x, Node* weight, Node* bias, float eps);

// y = n w, n = x / s, s = sqrt(mean(x^2) + eps) (Zhang and Sennrich, 2019; torch.nn.RMSNorm).
//   dx = (g - n mean(g n)) / s,  dw = sum of dy n
Node* RmsNorm(Tape& tape, Node* x, Node* weight, float eps);

// y = x / max(|x|, eps), as torch.nn.functional.normalize.
//   dx = (dy - y (y . dy)) / |x|, or dy / eps where |x| < eps
Node* L2Normalize(Tape& tape, Node* x, float eps = 1e-12f);

}  // namespace espy::training

#endif  // ESPY_TRAINING_OPS_NORM_H_
