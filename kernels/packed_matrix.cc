#include "kernels/packed_matrix.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/parallel.h"

namespace espy::kernels {
namespace {

using cpu::Kernels;
using cpu::ProductKernels;

constexpr std::int64_t kLine = 64;

std::int64_t RoundUp(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; }

// The parts of a packed matrix, in bytes from its start.
struct Layout {
  Layout(std::int64_t outputs, std::int64_t inputs, Precision precision) {
    const ProductKernels& product = Kernels().product(precision);
    const std::int64_t panel = Kernels().panel_width;
    const std::int64_t full = (outputs - 1) / panel * panel;
    last_width = RoundUp(outputs - full, product.last_panel_lanes);
    output_bytes = RoundUp(inputs, product.group) * product.weight_bytes;
    // What SetRows leaves alone: the padding of the last panel, and that of the last group.
    padding = inputs % product.group == 0 ? full * output_bytes : 0;
    panels = (full + last_width) * output_bytes;
    scales = RoundUp(panels, kLine);
    offsets = scales;
    end = scales;
    if (precision == Precision::kInt8) {
      // Readable in whole vectors up to the end of a full panel.
      const std::int64_t columns = RoundUp(outputs, panel);
      offsets = scales + columns * static_cast<std::int64_t>(sizeof(float));
      end = RoundUp(offsets + columns * static_cast<std::int64_t>(sizeof(std::int32_t)), kLine);
    }
  }
  std::int64_t output_bytes = 0;  // of one output in a panel
  std::int64_t last_width = 0;    // outputs in the last panel, padding and all
  std::int64_t padding = 0;       // there is none before this byte
  std::int64_t panels = 0, scales = 0, offsets = 0, end = 0;
};

}  // namespace

std::int64_t PackedMatrix::PanelWidth() { return Kernels().panel_width; }

std::int64_t PackedMatrix::PackedBytes(std::int64_t outputs, std::int64_t inputs,
                                       Precision precision) {
  return Layout(outputs, inputs, precision).end;
}

PackedMatrix::PackedMatrix(std::int64_t outputs, std::int64_t inputs, Precision precision)
    : outputs_(outputs), inputs_(inputs), precision_(precision) {
  const Layout layout(outputs, inputs, precision);
  owned_ = AlignedBuffer(layout.end / static_cast<std::int64_t>(sizeof(float)));
  auto* bytes = reinterpret_cast<std::byte*>(owned_.data());
  std::memset(bytes + layout.padding, 0, static_cast<std::size_t>(layout.end - layout.padding));
  data_ = bytes;
}

PackedMatrix PackedMatrix::Borrow(std::int64_t outputs, std::int64_t inputs, Precision precision,
                                  const void* data) {
  PackedMatrix matrix;
  matrix.outputs_ = outputs;
  matrix.inputs_ = inputs;
  matrix.precision_ = precision;
  matrix.data_ = static_cast<const std::byte*>(data);
  return matrix;
}

const std::byte* PackedMatrix::panel(std::int64_t first_output) const {
  return data_ + first_output * Layout(outputs_, inputs_, precision_).output_bytes;
}

const float* PackedMatrix::scales() const {
  return reinterpret_cast<const float*>(data_ + Layout(outputs_, inputs_, precision_).scales);
}

const std::int32_t* PackedMatrix::offsets() const {
  return reinterpret_cast<const std::int32_t*>(data_ +
                                               Layout(outputs_, inputs_, precision_).offsets);
}

void PackedMatrix::SetRows(std::int64_t first, std::int64_t count, const void* source,
                           ElementType type, ThreadPool* pool) {
  ESPY_CHECK(first >= 0 && count >= 0 && first + count <= outputs_, "rows outside of the matrix");
  ESPY_CHECK(owned_.data() != nullptr || outputs_ == 0, "a borrowed matrix is not written to");
  if (count == 0) return;
  const Layout layout(outputs_, inputs_, precision_);
  const ProductKernels& product = Kernels().product(precision_);
  auto* to = reinterpret_cast<std::byte*>(owned_.data());
  auto* scales = reinterpret_cast<float*>(to + layout.scales);
  auto* offsets = reinterpret_cast<std::int32_t*>(to + layout.offsets);
  const std::int64_t panel = Kernels().panel_width;
  const std::int64_t first_panel = first / panel;
  const std::int64_t panels = (first + count - 1) / panel - first_panel + 1;
  const auto* bytes = static_cast<const unsigned char*>(source);
  ParallelFor(pool, panels, [&](std::int64_t p) {
    const std::int64_t start = (first_panel + p) * panel;
    const std::int64_t begin = std::max(first, start);
    const std::int64_t rows = std::min(first + count, start + panel) - begin;
    std::vector<float> converted(static_cast<std::size_t>(rows * inputs_));
    ToFloat(bytes + static_cast<std::size_t>((begin - first) * inputs_) * ElementBytes(type), type,
            rows * inputs_, converted.data());
    product.pack({.source = converted.data(),
                  .first = begin - start,
                  .count = rows,
                  .inputs = inputs_,
                  .width = start + panel >= outputs_ ? layout.last_width : panel,
                  .scales = scales + begin,
                  .offsets = offsets + begin},
                 to + start * layout.output_bytes);
  });
}

}  // namespace espy::kernels
