#include "training/ops/activation.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/parallel.h"

namespace espy::training {
namespace {

struct ValueAndSlope {
  float value;
  float slope;
};

ValueAndSlope SigmoidTimes(float x, float factor) {
  const float s = 1 / (1 + std::exp(-factor * x));
  return {x * s, s + factor * x * s * (1 - s)};
}

ValueAndSlope At(Pointwise function, float x) {
  switch (function) {
    case Pointwise::kGelu: {
      constexpr auto kInverseRoot2Pi =
          static_cast<float>(std::numbers::inv_sqrtpi / std::numbers::sqrt2);
      // erfc keeps the digits of the left tail, where 1 + erf would cancel.
      const float p = 0.5f * std::erfc(-x / std::numbers::sqrt2_v<float>);
      return {x * p, p + x * kInverseRoot2Pi * std::exp(-0.5f * x * x)};
    }
    case Pointwise::kGeluTanh: {
      constexpr float kRoot2OverPi = 0.79788456f;
      const float t = std::tanh(kRoot2OverPi * (x + 0.044715f * x * x * x));
      const float du = kRoot2OverPi * (1 + 3 * 0.044715f * x * x);
      return {0.5f * x * (1 + t), 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * du};
    }
    case Pointwise::kQuickGelu:
      return SigmoidTimes(x, 1.702f);
    case Pointwise::kSilu:
      return SigmoidTimes(x, 1.0f);
  }
  return {x, 1};
}

template <class Body>
void ForElements(const Tape& tape, std::int64_t n, const Body& body) {
  constexpr std::int64_t kPerTask = 8192;
  ThreadPool* pool = tape.pool();
  if (!kernels::WorthThreads(pool, 50.0 * static_cast<double>(n))) pool = nullptr;
  kernels::ParallelFor(pool, (n + kPerTask - 1) / kPerTask, [&](std::int64_t task) {
    const std::int64_t end = std::min(n, (task + 1) * kPerTask);
    for (std::int64_t i = task * kPerTask; i < end; ++i) body(i);
  });
}

}  // namespace

Node* Activate(Tape& tape, Pointwise function, Node* x) {
  Node* y = tape.New(x->rows(), x->columns(), x->needs_gradient());
  float* out = y->mutable_value();
  ForElements(tape, x->size(), [&](std::int64_t i) { out[i] = At(function, x->value()[i]).value; });
  if (!y->needs_gradient()) return y;

  tape.OnBackward([&tape, function, x, y] {
    if (!y->has_gradient()) return;
    const float* dy = y->Gradient();
    float* dx = x->Gradient();
    ForElements(tape, x->size(),
                [&](std::int64_t i) { dx[i] += dy[i] * At(function, x->value()[i]).slope; });
  });
  return y;
}

}  // namespace espy::training
