// Multi-head attention with its way back: O = P V, P = softmax(scale Q K^T) for every head
// (Vaswani et al., 2017). With D the row sums of P o dP:
//   dV = P^T dO,  dP = dO V^T,  dS = P o (dP - D),  dQ = scale dS K,  dK = scale dS^T Q
#ifndef ESPY_TRAINING_OPS_ATTENTION_H_
#define ESPY_TRAINING_OPS_ATTENTION_H_

#include <cstdint>
#include <vector>

#include "training/tape.h"

namespace espy::training {

// One sequence's rows of q and out, and of k and v. Rows of no sequence are padding: their output
// and gradients are zero. Sequences may share keys (captions of one picture), not queries.
struct AttentionSequence {
  std::int64_t first_query = 0;
  std::int64_t queries = 0;
  std::int64_t first_key = 0;
  std::int64_t keys = 0;
};

struct AttentionShape {
  std::int64_t heads = 1;
  float scale = 1;      // of Q K^T, 1 / sqrt(head_dim) mostly
  bool causal = false;  // query i of a sequence sees its keys 0..i; as many queries as keys
  std::vector<AttentionSequence> sequences;
  // [key rows], 0: no query sees that key (padding that is not at the end); empty: all are seen. A
  // query that sees no key gets zeros.
  std::vector<std::uint8_t> key_seen;
};

// `count` sequences of `length` rows each, one after the other, attending to themselves.
std::vector<AttentionSequence> EqualSequences(std::int64_t count, std::int64_t length);

// q [query rows, heads * head_dim], k and v [key rows, heads * head_dim] -> as q. The four products
// round as the tape computes, softmax is FP32. P is kept until the way back: queries * keys * heads
// floats a sequence.
Node* Attention(Tape& tape, Node* q, Node* k, Node* v, const AttentionShape& shape);

}  // namespace espy::training

#endif  // ESPY_TRAINING_OPS_ATTENTION_H_
