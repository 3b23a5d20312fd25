// Sums, factors and joins.
#ifndef ESPY_TRAINING_OPS_ARITHMETIC_H_
#define ESPY_TRAINING_OPS_ARITHMETIC_H_

#include <initializer_list>
#include <span>
#include <utility>

#include "training/tape.h"

namespace espy::training {

// factor_a a + factor_b b, of one shape.
Node* Add(Tape& tape, Node* a, Node* b, float factor_a = 1, float factor_b = 1);

// e^t x, t one number (a learned temperature: Radford et al., 2021, section 2.3).
//   dx = e^t dy,  dt = sum of dy y
Node* TimesExp(Tape& tape, Node* x, Node* t);

// [a | b]: rows side by side.
Node* JoinColumns(Tape& tape, Node* a, Node* b);

// Rows one below the other, in order; all of one width.
Node* JoinRows(Tape& tape, std::span<Node* const> parts);

// The sum of weight * loss over losses of one number each.
Node* WeightedTotal(Tape& tape, std::span<const std::pair<Node*, float>> losses);

// The sum of x o factors, one number; `factors` must outlive the tape.
Node* Dot(Tape& tape, Node* x, std::span<const float> factors);

}  // namespace espy::training

#endif  // ESPY_TRAINING_OPS_ARITHMETIC_H_
