// Losses over a batch of n matching pairs of unit vectors.
#ifndef ESPY_TRAINING_LOSSES_CONTRASTIVE_H_
#define ESPY_TRAINING_LOSSES_CONTRASTIVE_H_

#include "training/tape.h"

namespace espy::training {

// CLIP's (Radford et al., 2021, figure 3): with L = e^t A B^T,
//   (cross-entropy of L's rows + cross-entropy of L^T's rows) / 2, the diagonal being the targets.
// a and b [n, width] of unit length, log_scale one number (CLIP starts at log(1 / 0.07) and keeps
// it at or below log 100: kMaxLogScale, which whoever steps it clamps).
inline constexpr float kMaxLogScale = 4.6051702f;
Node* ClipLoss(Tape& tape, Node* a, Node* b, Node* log_scale);

// SigLIP's (Zhai et al., 2023, section 3.2; transformers' modeling_siglip): with
// L = e^t A B^T + bias and z = 1 on the diagonal, -1 elsewhere,
//   -1/n sum_ij log sigmoid(z_ij L_ij),  dL_ij = -z_ij sigmoid(-z_ij L_ij) / n
// SigLIP starts at t = log 10, bias = -10.
Node* SiglipLoss(Tape& tape, Node* a, Node* b, Node* log_scale, Node* bias);

}  // namespace espy::training

#endif  // ESPY_TRAINING_LOSSES_CONTRASTIVE_H_
