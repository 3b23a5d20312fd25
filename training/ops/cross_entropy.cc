#include "training/ops/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "kernels/activation.h"
#include "kernels/parallel.h"

namespace espy::training {
namespace {

template <class Body>
void ForRows(const Tape& tape, std::int64_t rows, std::int64_t n, const Body& body) {
  ThreadPool* pool = tape.pool();
  if (!kernels::WorthThreads(pool, 20.0 * static_cast<double>(rows * n))) pool = nullptr;
  kernels::ParallelFor(pool, rows, body);
}

}  // namespace

Node* CrossEntropy(Tape& tape, Node* logits, std::span<const std::int64_t> targets,
                   const CrossEntropyOptions& options) {
  const std::int64_t rows = logits->rows();
  const std::int64_t n = logits->columns();
  ESPY_CHECK(static_cast<std::int64_t>(targets.size()) == rows, "one target a row");
  ESPY_CHECK(options.row_weights.empty() || options.row_weights.size() == targets.size(),
             "one weight a row");
  std::int64_t counted = 0;
  for (const std::int64_t target : targets) {
    ESPY_CHECK(target == kIgnore || (target >= 0 && target < n), "a target must be a column");
    if (target != kIgnore) ++counted;
  }
  Node* loss = tape.New(1, 1, logits->needs_gradient());
  if (counted == 0) return loss;

  const double smoothing = options.label_smoothing;
  std::vector<double> log_sums(static_cast<std::size_t>(rows));  // log sum_j e^x_j
  std::vector<double> losses(static_cast<std::size_t>(rows));
  ForRows(tape, rows, n, [&](std::int64_t r) {
    const std::int64_t target = targets[static_cast<std::size_t>(r)];
    if (target == kIgnore) return;
    const float* x = logits->value() + r * n;
    const float largest = *std::max_element(x, x + n);
    std::vector<float> e(static_cast<std::size_t>(n));
    double all = 0;
    for (std::int64_t j = 0; j < n; ++j) {
      e[static_cast<std::size_t>(j)] = x[j] - largest;
      all += x[j];
    }
    kernels::Exp(e.data(), n, e.data());
    double sum = 0;
    for (const float value : e) sum += value;
    const double log_sum = static_cast<double>(largest) + std::log(sum);
    log_sums[static_cast<std::size_t>(r)] = log_sum;
    losses[static_cast<std::size_t>(r)] = (1 - smoothing) * (log_sum - x[target]) +
                                          smoothing * (log_sum - all / static_cast<double>(n));
  });
  std::vector<float> weights(options.row_weights.begin(), options.row_weights.end());
  if (weights.empty()) {
    weights.assign(static_cast<std::size_t>(rows), 1.0f / static_cast<float>(counted));
  }
  double sum = 0;
  for (std::size_t r = 0; r < losses.size(); ++r) sum += losses[r] * weights[r];
  loss->mutable_value()[0] = static_cast<float>(sum);
  if (!loss->needs_gradient()) return loss;

  tape.OnBackward([&tape, logits, loss, rows, n, smoothing, weights = std::move(weights),
                   log_sums = std::move(log_sums),
                   kept = std::vector<std::int64_t>(targets.begin(), targets.end())] {
    if (!loss->has_gradient()) return;
    const auto even = static_cast<float>(smoothing / static_cast<double>(n));
    float* gradient = logits->Gradient();
    ForRows(tape, rows, n, [&](std::int64_t r) {
      const std::int64_t target = kept[static_cast<std::size_t>(r)];
      if (target == kIgnore) return;
      const float scale = loss->Gradient()[0] * weights[static_cast<std::size_t>(r)];
      const float* x = logits->value() + r * n;
      std::vector<float> p(static_cast<std::size_t>(n));
      for (std::int64_t j = 0; j < n; ++j) {
        p[static_cast<std::size_t>(j)] =
            static_cast<float>(x[j] - log_sums[static_cast<std::size_t>(r)]);
      }
      kernels::Exp(p.data(), n, p.data());
      float* dx = gradient + r * n;
      for (std::int64_t j = 0; j < n; ++j) {
        dx[j] += scale * (p[static_cast<std::size_t>(j)] - even);
      }
      dx[target] -= scale * static_cast<float>(1 - smoothing);
    });
  });
  return loss;
}

}  // namespace espy::training
