#include "training/tape.h"

#include "base/check.h"

namespace espy::training {

float* Node::Gradient() {
  if (gradient_ == nullptr) {
    own_gradient_.assign(static_cast<std::size_t>(size()), 0.0f);
    gradient_ = own_gradient_.data();
  }
  return gradient_;
}

Node* Tape::Use(Parameter* parameter) {
  Node* node = Constant(parameter->value.data(), parameter->rows, parameter->columns);
  node->needs_gradient_ = true;
  node->gradient_ = parameter->gradient.data();
  return node;
}

Node* Tape::Constant(const float* values, std::int64_t rows, std::int64_t columns) {
  nodes_.emplace_back();
  Node* node = &nodes_.back();
  node->rows_ = rows;
  node->columns_ = columns;
  node->value_ = values;
  return node;
}

Node* Tape::New(std::int64_t rows, std::int64_t columns, bool needs_gradient) {
  Node* node = Constant(nullptr, rows, columns);
  node->own_.assign(static_cast<std::size_t>(rows * columns), 0.0f);
  node->value_ = node->own_.data();
  node->needs_gradient_ = needs_gradient;
  return node;
}

void Tape::Backward(Node* loss, float scale) {
  ESPY_CHECK(loss->size() == 1, "a loss is one number");
  loss->Gradient()[0] = scale;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) (*step)();
  steps_.clear();
}

}  // namespace espy::training
