// y = x W^T + b, as torch.nn.Linear.
//   dx = dy W,  dW = dy^T x,  db = sum of dy's rows
#ifndef ESPY_TRAINING_OPS_LINEAR_H_
#define ESPY_TRAINING_OPS_LINEAR_H_

#include "training/tape.h"

namespace espy::training {

// x [rows, inputs], weight [outputs, inputs], bias [1, outputs] or null -> [rows, outputs], rounded
// as the tape computes; so is dy where it comes in, and dx where it leaves. dW and db are FP32
// sums. `weight` may be any node: with two sets of vectors this is the matrix of their dot
// products.
Node* Linear(Tape& tape, Node* x, Node* weight, Node* bias = nullptr);

}  // namespace espy::training

#endif  // ESPY_TRAINING_OPS_LINEAR_H_
