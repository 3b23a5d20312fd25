#include "kernels/matmul.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/parallel.h"

namespace espy::kernels {
namespace {

using cpu::Kernels;

// The lanes that the last panel of a matrix is padded to: a whole panel, or one vector when the
// rest fits in it.
std::int64_t LastPanelWidth(std::int64_t outputs) {
  const std::int64_t rest = outputs % Kernels().panel_width;
  return rest == 0 || rest > Kernels().lane_width ? Kernels().panel_width : Kernels().lane_width;
}

// Panels that one task streams for all of its rows: 384 KiB, which stay in a second-level cache of
// 512 KiB and up while the tiles of rows pass. Twice or half as much measured the same.
constexpr std::int64_t kTaskFloats = 96 * 1024;
// Tasks for each thread, so that a thread held up by other work leaves its share to the rest.
constexpr std::int64_t kTasksPerThread = 4;

}  // namespace

std::int64_t PackedMatrix::PanelWidth() { return Kernels().panel_width; }

PackedMatrix::PackedMatrix(std::int64_t outputs, std::int64_t inputs)
    : outputs_(outputs), inputs_(inputs) {
  const std::int64_t width = Kernels().panel_width;
  const std::int64_t full = (outputs - 1) / width * width;
  // The tiles prefetch a little past the last panel, and never read there.
  panels_ = AlignedBuffer(inputs * (full + LastPanelWidth(outputs)));
  std::fill(panels_.data() + inputs * full, panels_.data() + panels_.size(), 0.0f);
}

void PackedMatrix::SetRows(std::int64_t first, std::int64_t count, const void* source,
                           ElementType type, ThreadPool* pool) {
  ESPY_CHECK(first >= 0 && count >= 0 && first + count <= outputs_, "rows outside of the matrix");
  if (count == 0) return;
  const std::int64_t panel = Kernels().panel_width;
  const std::int64_t first_panel = first / panel;
  const std::int64_t panels = (first + count - 1) / panel - first_panel + 1;
  const auto* bytes = static_cast<const unsigned char*>(source);
  ParallelFor(pool, panels, [&](std::int64_t p) {
    const std::int64_t start = (first_panel + p) * panel;
    const std::int64_t begin = std::max(first, start);
    const std::int64_t rows = std::min(first + count, start + panel) - begin;
    const std::int64_t width = start + panel >= outputs_ ? LastPanelWidth(outputs_) : panel;
    std::vector<float> converted(static_cast<std::size_t>(rows * inputs_));
    ToFloat(bytes + static_cast<std::size_t>((begin - first) * inputs_) * ElementBytes(type), type,
            rows * inputs_, converted.data());
    Kernels().pack_panel(converted.data(), rows, inputs_,
                         panels_.data() + start * inputs_ + (begin - start), width);
  });
}

void Matmul(const MatmulArgs& args, ThreadPool* pool) {
  const PackedMatrix& w = *args.weights;
  const std::int64_t panel = Kernels().panel_width;
  const std::int64_t outputs = args.outputs == 0 ? w.outputs() - args.first_output : args.outputs;
  const std::int64_t end = args.first_output + outputs;
  ESPY_CHECK(args.first_output % panel == 0 && outputs > 0 && end <= w.outputs() &&
                 (end % panel == 0 || end == w.outputs()),
             "a product's outputs must begin and end with a panel");
  if (args.rows == 0) return;

  const double flop =
      2.0 * static_cast<double>(args.rows * outputs) * static_cast<double>(w.inputs());
  if (!WorthThreads(pool, flop)) pool = nullptr;
  const std::int64_t threads = pool == nullptr ? 1 : pool->threads();
  const std::int64_t panels = (outputs + panel - 1) / panel;
  const std::int64_t wanted_tasks = threads == 1 ? 1 : threads * kTasksPerThread;
  const std::int64_t cached = std::max<std::int64_t>(1, kTaskFloats / (panel * w.inputs()));
  const std::int64_t even = std::max<std::int64_t>(1, panels / wanted_tasks);
  const std::int64_t panels_per_task = std::min(cached, even);
  const std::int64_t column_tasks = (panels + panels_per_task - 1) / panels_per_task;
  // Few outputs and many rows: the rows are divided too.
  const std::int64_t row_tasks =
      std::clamp<std::int64_t>(wanted_tasks / column_tasks, 1, (args.rows + 47) / 48);
  const std::int64_t rows_per_task = (args.rows + row_tasks - 1) / row_tasks;

  ParallelFor(pool, column_tasks * row_tasks, [&](std::int64_t task) {
    const std::int64_t row = task % row_tasks * rows_per_task;
    if (row >= args.rows) return;
    const std::int64_t column = task / row_tasks * panels_per_task * panel;
    Kernels().matmul({
        .a = args.a + row * args.a_stride,
        .a_stride = args.a_stride,
        .rows = std::min(rows_per_task, args.rows - row),
        .panels = w.data() + (args.first_output + column) * w.inputs(),
        .inputs = w.inputs(),
        .columns = std::min(panels_per_task * panel, outputs - column),
        .bias = args.bias == nullptr ? nullptr : args.bias + args.first_output + column,
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
