#include "training/ops/linear.h"

#include <vector>

#include "base/check.h"
#include "training/ops/reduce.h"
#include "training/product.h"

namespace espy::training {

Node* Linear(Tape& tape, Node* x, Node* weight, Node* bias) {
  const std::int64_t rows = x->rows();
  const std::int64_t inputs = x->columns();
  const std::int64_t outputs = weight->rows();
  ESPY_CHECK(weight->columns() == inputs, "a linear layer's weight must be as wide as its input");
  ESPY_CHECK(bias == nullptr || bias->size() == outputs, "a bias has one number an output");
  const bool wanted = x->needs_gradient() || weight->needs_gradient() ||
                      (bias != nullptr && bias->needs_gradient());
  Node* y = tape.New(rows, outputs, wanted);
  float* out = y->mutable_value();
  Product(tape.compute(), Rows(x->value(), rows, inputs), Rows(weight->value(), outputs, inputs),
          false, out, outputs, tape.pool());
  if (bias != nullptr) AddToRows(bias->value(), rows, outputs, out);
  Round(tape.compute(), rows * outputs, out);
  if (!wanted) return y;

  tape.OnBackward([&tape, x, weight, bias, y, rows, inputs, outputs] {
    if (!y->has_gradient()) return;
    const Compute compute = tape.compute();
    float* dy = y->Gradient();
    Round(compute, rows * outputs, dy);
    if (x->needs_gradient()) {
      const Operand a = Rows(dy, rows, outputs);
      const Operand b = TransposeOf(weight->value(), outputs, inputs);
      if (compute == Compute::kFloat32) {
        Product(compute, a, b, true, x->Gradient(), inputs, tape.pool());
      } else {
        std::vector<float> dx(static_cast<std::size_t>(rows * inputs));
        Product(compute, a, b, false, dx.data(), inputs, tape.pool());
        Round(compute, rows * inputs, dx.data());
        float* sum = x->Gradient();
        for (std::size_t i = 0; i < dx.size(); ++i) sum[i] += dx[i];
      }
    }
    if (weight->needs_gradient()) {
      Product(compute, TransposeOf(dy, rows, outputs), TransposeOf(x->value(), rows, inputs), true,
              weight->Gradient(), inputs, tape.pool());
    }
    if (bias != nullptr && bias->needs_gradient()) AddRowSums(dy, rows, outputs, bias->Gradient());
  });
  return y;
}

}  // namespace espy::training
