#include "kernels/matmul.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/aligned_buffer.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/parallel.h"

namespace espy::kernels {
namespace {

using cpu::Kernels;
using cpu::ProductKernels;

// Panels that one task streams for all of its rows: 384 KiB, which stay in a second-level cache of
// 512 KiB and up while the tiles of rows pass. Twice or half as much measured the same.
constexpr std::int64_t kTaskBytes = 384 * 1024;
// What a core computes in the time in which it reads a byte.
constexpr double kFlopOfAByte = 8;
// Tasks for each thread, so that a thread held up by other work leaves its share to the rest.
constexpr std::int64_t kTasksPerThread = 4;

// Activations in the form that the kernels of a precision read.
struct Activations {
  const void* rows = nullptr;
  std::int64_t stride = 0;  // in elements
  const float* scales = nullptr;
};

// Memory for them, kept between the calls of a thread.
struct Converted {
  AlignedBuffer rows;
  AlignedBuffer scales;
};

Activations Convert(const MatmulArgs& args, const ProductKernels& product, Converted* memory,
                    ThreadPool* pool) {
  if (product.convert_row == nullptr) return {.rows = args.a, .stride = args.a_stride};
  const std::int64_t inputs = args.weights->inputs();
  const std::int64_t line = 64 / product.activation_bytes;  // a whole number of groups
  const std::int64_t stride = (inputs + line - 1) / line * line;
  memory->rows.Reserve(args.rows * stride * product.activation_bytes / 4);
  memory->scales.Reserve(args.rows);
  auto* bytes = reinterpret_cast<std::byte*>(memory->rows.data());
  float* scales = memory->scales.data();
  const std::int64_t rows_per_task = std::max<std::int64_t>(1, 32768 / inputs);
  ParallelFor(pool, (args.rows + rows_per_task - 1) / rows_per_task, [&](std::int64_t task) {
    const std::int64_t end = std::min(args.rows, (task + 1) * rows_per_task);
    for (std::int64_t r = task * rows_per_task; r < end; ++r) {
      scales[r] = product.convert_row(args.a + r * args.a_stride, inputs,
                                      bytes + r * stride * product.activation_bytes);
    }
  });
  return {.rows = bytes, .stride = stride, .scales = scales};
}

}  // namespace

void Matmul(const MatmulArgs& args, ThreadPool* pool) {
  const PackedMatrix& w = *args.weights;
  const bool int8 = w.precision() == Precision::kInt8;
  const ProductKernels& product = Kernels().product(w.precision());
  const std::int64_t panel = Kernels().panel_width;
  const std::int64_t outputs = args.outputs == 0 ? w.outputs() - args.first_output : args.outputs;
  const std::int64_t end = args.first_output + outputs;
  ESPY_CHECK(args.first_output % panel == 0 && outputs > 0 && end <= w.outputs() &&
                 (end % panel == 0 || end == w.outputs()),
             "a product's outputs must begin and end with a panel");
  if (args.rows == 0) return;

  const double flop =
      2.0 * static_cast<double>(args.rows * outputs) * static_cast<double>(w.inputs());
  // A decoding step's few rows are bound by the weights that are read, not by what is computed.
  const double bytes = static_cast<double>(outputs * w.inputs() * product.weight_bytes);
  if (!WorthThreads(pool, std::max(flop, kFlopOfAByte * bytes))) pool = nullptr;
  const std::int64_t threads = pool == nullptr ? 1 : pool->threads();
  const std::int64_t panels = (outputs + panel - 1) / panel;
  const std::int64_t wanted_tasks = threads == 1 ? 1 : threads * kTasksPerThread;
  const std::int64_t cached =
      std::max<std::int64_t>(1, kTaskBytes / (panel * w.inputs() * product.weight_bytes));
  const std::int64_t even = std::max<std::int64_t>(1, panels / wanted_tasks);
  const std::int64_t panels_per_task = std::min(cached, even);
  const std::int64_t column_tasks = (panels + panels_per_task - 1) / panels_per_task;
  // Few outputs and many rows: the rows are divided too.
  const std::int64_t row_tasks =
      std::clamp<std::int64_t>(wanted_tasks / column_tasks, 1, (args.rows + 47) / 48);
  const std::int64_t rows_per_task = (args.rows + row_tasks - 1) / row_tasks;

  static thread_local Converted memory;
  const Activations a = Convert(args, product, &memory, pool);
  ParallelFor(pool, column_tasks * row_tasks, [&](std::int64_t task) {
    const std::int64_t row = task % row_tasks * rows_per_task;
    if (row >= args.rows) return;
    const std::int64_t column = task / row_tasks * panels_per_task * panel;
    const std::int64_t first = args.first_output + column;
    product.matmul({
        .a = static_cast<const std::byte*>(a.rows) + row * a.stride * product.activation_bytes,
        .a_stride = a.stride,
        .rows = std::min(rows_per_task, args.rows - row),
        .panels = w.panel(first),
        .inputs = w.inputs(),
        .a_scales = int8 ? a.scales + row : nullptr,
        .weight_scales = int8 ? w.scales() + first : nullptr,
        .weight_offsets = int8 ? w.offsets() + first : nullptr,
        .columns = std::min(panels_per_task * panel, outputs - column),
        .bias = args.bias == nullptr ? nullptr : args.bias + first,
        .activation = args.activation,
        .residual = args.residual == nullptr ? nullptr
                                             : args.residual + row * args.residual_stride + column,
        .residual_stride = args.residual_stride,
        .out = args.out + row * args.out_stride + column,
        .out_stride = args.out_stride,
    });
  });
}

}  // namespace espy::kernels
