// Pointwise functions and their derivatives, in FP32 whatever the tape computes in.
#ifndef ESPY_TRAINING_OPS_ACTIVATION_H_
#define ESPY_TRAINING_OPS_ACTIVATION_H_

#include "training/tape.h"

namespace espy::training {

enum class Pointwise {
  kGelu,       // x P(x), P the normal distribution's; P + x p (Hendrycks and Gimpel, 2016)
  kGeluTanh,   // x (1 + tanh u) / 2, u = sqrt(2/pi) (x + 0.044715 x^3)
  kQuickGelu,  // x s(1.702 x), s the sigmoid; s + 1.702 x s (1 - s)
  kSilu,       // x s(x); s + x s (1 - s) (Elfwing et al., 2017)
};

Node* Activate(Tape& tape, Pointwise function, Node* x);

}  // namespace espy::training

#endif  // ESPY_TRAINING_OPS_ACTIVATION_H_
