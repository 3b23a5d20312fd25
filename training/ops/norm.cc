#include "training/ops/norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "kernels/parallel.h"
#include "training/ops/reduce.h"

namespace espy::training {
namespace {

constexpr std::int64_t kRowsPerTask = 16;

template <class Body>
void ForRows(const Tape& tape, std::int64_t rows, std::int64_t width, const Body& body) {
  ThreadPool* pool = tape.pool();
  if (!kernels::WorthThreads(pool, 10.0 * static_cast<double>(rows * width))) pool = nullptr;
  kernels::ParallelFor(pool, (rows + kRowsPerTask - 1) / kRowsPerTask, [&](std::int64_t task) {
    const std::int64_t end = std::min(rows, (task + 1) * kRowsPerTask);
    for (std::int64_t r = task * kRowsPerTask; r < end; ++r) body(r);
  });
}

// What both norms keep for the way back.
struct Normalised {
  std::vector<float> n;              // [rows, width]
  std::vector<float> inverse_scale;  // [rows], 1 / s
};

// LayerNorm and RMSNorm differ in whether the mean is taken off.
Node* Norm(Tape& tape, Node* x, Node* weight, Node* bias, float eps, bool centred) {
  const std::int64_t rows = x->rows();
  const std::int64_t width = x->columns();
  ESPY_CHECK(weight->size() == width && (bias == nullptr || bias->size() == width),
             "a norm's weights must be as wide as its input");
  const bool wanted = x->needs_gradient() || weight->needs_gradient() ||
                      (bias != nullptr && bias->needs_gradient());
  Node* y = tape.New(rows, width, wanted);
  Normalised kept{std::vector<float>(static_cast<std::size_t>(rows * width)),
                  std::vector<float>(static_cast<std::size_t>(rows))};
  float* out = y->mutable_value();
  ForRows(tape, rows, width, [&](std::int64_t r) {
    const float* in = x->value() + r * width;
    float* n = kept.n.data() + r * width;
    double mean = 0;
    if (centred) {
      for (std::int64_t c = 0; c < width; ++c) mean += in[c];
      mean /= static_cast<double>(width);
    }
    double squares = 0;
    for (std::int64_t c = 0; c < width; ++c) squares += (in[c] - mean) * (in[c] - mean);
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(width) + eps);
    kept.inverse_scale[static_cast<std::size_t>(r)] = static_cast<float>(inverse);
    for (std::int64_t c = 0; c < width; ++c) {
      n[c] = static_cast<float>((in[c] - mean) * inverse);
      out[r * width + c] = n[c] * weight->value()[c] + (bias == nullptr ? 0 : bias->value()[c]);
    }
  });
  if (!wanted) return y;

  tape.OnBackward([&tape, x, weight, bias, y, rows, width, centred, kept = std::move(kept)] {
    if (!y->has_gradient()) return;
    const float* dy = y->Gradient();
    if (x->needs_gradient()) {
      float* dx = x->Gradient();
      ForRows(tape, rows, width, [&](std::int64_t r) {
        const float* n = kept.n.data() + r * width;
        const float* g = dy + r * width;
        double mean = 0;
        double along = 0;
        for (std::int64_t c = 0; c < width; ++c) {
          const double gw = static_cast<double>(g[c]) * weight->value()[c];
          mean += gw;
          along += gw * n[c];
        }
        mean = centred ? mean / static_cast<double>(width) : 0;
        along /= static_cast<double>(width);
        const double inverse = kept.inverse_scale[static_cast<std::size_t>(r)];
        for (std::int64_t c = 0; c < width; ++c) {
          const double gw = static_cast<double>(g[c]) * weight->value()[c];
          dx[r * width + c] += static_cast<float>((gw - mean - n[c] * along) * inverse);
        }
      });
    }
    if (weight->needs_gradient()) {
      float* dw = weight->Gradient();
      for (std::int64_t i = 0; i < rows * width; ++i) {
        dw[i % width] += dy[i] * kept.n[static_cast<std::size_t>(i)];
      }
    }
    if (bias != nullptr && bias->needs_gradient()) AddRowSums(dy, rows, width, bias->Gradient());
  });
  return y;
}

}  // namespace

Node* LayerNorm(Tape& tape, Node* x, Node* weight, Node* bias, float eps) {
  return Norm(tape, x, weight, bias, eps, true);
}

Node* RmsNorm(Tape& tape, Node* x, Node* weight, float eps) {
  return Norm(tape, x, weight, nullptr, eps, false);
}

Node* L2Normalize(Tape& tape, Node* x, float eps) {
  const std::int64_t rows = x->rows();
  const std::int64_t width = x->columns();
  Node* y = tape.New(rows, width, x->needs_gradient());
  std::vector<double> lengths(static_cast<std::size_t>(rows));
  float* out = y->mutable_value();
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* in = x->value() + r * width;
    double squares = 0;
    for (std::int64_t c = 0; c < width; ++c) squares += static_cast<double>(in[c]) * in[c];
    const double length = std::sqrt(squares);
    lengths[static_cast<std::size_t>(r)] = length;
    const double divisor = std::max(length, static_cast<double>(eps));
    for (std::int64_t c = 0; c < width; ++c) {
      out[r * width + c] = static_cast<float>(in[c] / divisor);
    }
  }
  if (!y->needs_gradient()) return y;

  tape.OnBackward([x, y, rows, width, eps, lengths = std::move(lengths)] {
    if (!y->has_gradient()) return;
    const float* dy = y->Gradient();
    float* dx = x->Gradient();
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* unit = y->value() + r * width;
      const float* g = dy + r * width;
      const double length = lengths[static_cast<std::size_t>(r)];
      double along = 0;
      if (length >= eps) {
        for (std::int64_t c = 0; c < width; ++c) along += static_cast<double>(g[c]) * unit[c];
      }
      const double divisor = std::max(length, static_cast<double>(eps));
      for (std::int64_t c = 0; c < width; ++c) {
        dx[r * width + c] += static_cast<float>((g[c] - unit[c] * along) / divisor);
      }
    }
  });
  return y;
}

}  // namespace espy::training
