#include "kernels/norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/activation.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/parallel.h"

namespace espy::kernels {

void LayerNorm(const float* x, std::int64_t x_stride, std::int64_t rows, std::int64_t width,
               const float* weight, const float* bias, float eps, float* out,
               std::int64_t out_stride, ThreadPool* pool) {
  // A row is well under a microsecond: hand out enough of them to be worth a thread's waking.
  const std::int64_t rows_per_task = std::max<std::int64_t>(1, 32768 / width);
  ParallelFor(pool, (rows + rows_per_task - 1) / rows_per_task, [&](std::int64_t task) {
    const std::int64_t end = std::min(rows, (task + 1) * rows_per_task);
    for (std::int64_t r = task * rows_per_task; r < end; ++r) {
      cpu::Kernels().layer_norm(x + r * x_stride, width, weight, bias, eps, out + r * out_stride);
    }
  });
}

void L2Normalize(float* x, std::int64_t rows, std::int64_t width) {
  for (std::int64_t r = 0; r < rows; ++r) {
    float* row = x + r * width;
    const float squares = cpu::Kernels().sum_of_squares(row, width);
    if (squares == 0.0f) continue;
    const float scale = 1.0f / std::sqrt(squares);
    for (std::int64_t i = 0; i < width; ++i) row[i] *= scale;
  }
}

void Activate(Activation activation, std::int64_t n, float* values) {
  cpu::Kernels().activate(activation, n, values);
}

void Exp(const float* in, std::int64_t n, float* out) { cpu::Kernels().exp(in, n, out); }

}  // namespace espy::kernels
