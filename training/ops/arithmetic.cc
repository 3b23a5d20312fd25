#include "training/ops/arithmetic.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"

namespace espy::training {

Node* Add(Tape& tape, Node* a, Node* b, float factor_a, float factor_b) {
  ESPY_CHECK(a->rows() == b->rows() && a->columns() == b->columns(), "a sum is of one shape");
  Node* y = tape.New(a->rows(), a->columns(), a->needs_gradient() || b->needs_gradient());
  for (std::int64_t i = 0; i < y->size(); ++i) {
    y->mutable_value()[i] = factor_a * a->value()[i] + factor_b * b->value()[i];
  }
  if (!y->needs_gradient()) return y;
  tape.OnBackward([a, b, y, factor_a, factor_b] {
    if (!y->has_gradient()) return;
    const float* dy = y->Gradient();
    for (const auto& [node, factor] : {std::pair(a, factor_a), std::pair(b, factor_b)}) {
      if (!node->needs_gradient()) continue;
      float* dx = node->Gradient();
      for (std::int64_t i = 0; i < y->size(); ++i) dx[i] += factor * dy[i];
    }
  });
  return y;
}

Node* TimesExp(Tape& tape, Node* x, Node* t) {
  ESPY_CHECK(t->size() == 1, "a temperature is one number");
  const float factor = std::exp(t->scalar());
  Node* y = tape.New(x->rows(), x->columns(), x->needs_gradient() || t->needs_gradient());
  for (std::int64_t i = 0; i < y->size(); ++i) y->mutable_value()[i] = factor * x->value()[i];
  if (!y->needs_gradient()) return y;
  tape.OnBackward([x, t, y, factor] {
    if (!y->has_gradient()) return;
    const float* dy = y->Gradient();
    if (x->needs_gradient()) {
      float* dx = x->Gradient();
      for (std::int64_t i = 0; i < y->size(); ++i) dx[i] += factor * dy[i];
    }
    if (t->needs_gradient()) {
      double sum = 0;
      for (std::int64_t i = 0; i < y->size(); ++i)
        sum += static_cast<double>(dy[i]) * y->value()[i];
      t->Gradient()[0] += static_cast<float>(sum);
    }
  });
  return y;
}

Node* JoinColumns(Tape& tape, Node* a, Node* b) {
  ESPY_CHECK(a->rows() == b->rows(), "rows are joined one by one");
  const std::int64_t width = a->columns() + b->columns();
  Node* y = tape.New(a->rows(), width, a->needs_gradient() || b->needs_gradient());
  for (std::int64_t r = 0; r < y->rows(); ++r) {
    float* row = y->mutable_value() + r * width;
    std::copy_n(a->value() + r * a->columns(), a->columns(), row);
    std::copy_n(b->value() + r * b->columns(), b->columns(), row + a->columns());
  }
  if (!y->needs_gradient()) return y;
  tape.OnBackward([a, b, y, width] {
    if (!y->has_gradient()) return;
    std::int64_t first = 0;
    for (Node* node : {a, b}) {
      if (node->needs_gradient()) {
        float* dx = node->Gradient();
        for (std::int64_t r = 0; r < y->rows(); ++r) {
          for (std::int64_t c = 0; c < node->columns(); ++c) {
            dx[r * node->columns() + c] += y->Gradient()[r * width + first + c];
          }
        }
      }
      first += node->columns();
    }
  });
  return y;
}

Node* JoinRows(Tape& tape, std::span<Node* const> parts) {
  std::int64_t rows = 0;
  bool wanted = false;
  for (const Node* part : parts) {
    ESPY_CHECK(part->columns() == parts[0]->columns(), "rows joined are of one width");
    rows += part->rows();
    wanted = wanted || part->needs_gradient();
  }
  Node* y = tape.New(rows, parts[0]->columns(), wanted);
  std::int64_t at = 0;
  for (const Node* part : parts) {
    std::copy_n(part->value(), part->size(), y->mutable_value() + at);
    at += part->size();
  }
  if (!wanted) return y;
  tape.OnBackward([y, kept = std::vector<Node*>(parts.begin(), parts.end())] {
    if (!y->has_gradient()) return;
    const float* dy = y->Gradient();
    for (Node* part : kept) {
      if (part->needs_gradient()) {
        float* dx = part->Gradient();
        for (std::int64_t i = 0; i < part->size(); ++i) dx[i] += dy[i];
      }
      dy += part->size();
    }
  });
  return y;
}

Node* WeightedTotal(Tape& tape, std::span<const std::pair<Node*, float>> losses) {
  bool wanted = false;
  float sum = 0;
  for (const auto& [loss, weight] : losses) {
    ESPY_CHECK(loss->size() == 1, "a loss is one number");
    wanted = wanted || loss->needs_gradient();
    sum += weight * loss->scalar();
  }
  Node* total = tape.New(1, 1, wanted);
  total->mutable_value()[0] = sum;
  if (!wanted) return total;
  tape.OnBackward([total, kept = std::vector(losses.begin(), losses.end())] {
    if (!total->has_gradient()) return;
    for (const auto& [loss, weight] : kept) {
      if (loss->needs_gradient()) loss->Gradient()[0] += weight * total->Gradient()[0];
    }
  });
  return total;
}

Node* Dot(Tape& tape, Node* x, std::span<const float> factors) {
  ESPY_CHECK(static_cast<std::int64_t>(factors.size()) == x->size(), "one factor a number");
  double sum = 0;
  for (std::int64_t i = 0; i < x->size(); ++i) {
    sum += static_cast<double>(x->value()[i]) * factors[static_cast<std::size_t>(i)];
  }
  Node* y = tape.New(1, 1, x->needs_gradient());
  y->mutable_value()[0] = static_cast<float>(sum);
  if (!y->needs_gradient()) return y;
  tape.OnBackward([x, y, factors] {
    if (!y->has_gradient()) return;
    float* dx = x->Gradient();
    for (std::int64_t i = 0; i < x->size(); ++i) {
      dx[i] += y->Gradient()[0] * factors[static_cast<std::size_t>(i)];
    }
  });
  return y;
}

}  // namespace espy::training
