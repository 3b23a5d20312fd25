#include "kernels/packed_matrix.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/crc32c.h"
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
  owned_ = AlignedBuffer(PackedBytes(outputs, inputs, precision) /
                         static_cast<std::int64_t>(sizeof(float)));
  data_ = writable_ = reinterpret_cast<std::byte*>(owned_.data());
  Clear();
}

void PackedMatrix::Clear() {
  const Layout layout(outputs_, inputs_, precision_);
  std::memset(writable_ + layout.padding, 0, static_cast<std::size_t>(layout.end - layout.padding));
}

PackedMatrix PackedMatrix::Within(std::int64_t outputs, std::int64_t inputs, Precision precision,
                                  void* memory) {
  PackedMatrix matrix = Borrow(outputs, inputs, precision, memory);
  matrix.writable_ = static_cast<std::byte*>(memory);
  matrix.Clear();
  return matrix;
}

std::string PackedMatrix::LayoutId(Precision precision) {
  // Matrices of one panel and of several, whole and not, with inputs that fill a group and that do
  // not; numbers without a pattern, so that no two places can be exchanged unseen.
  std::uint32_t hash = 0;
  const std::int64_t panel = PanelWidth();
  for (const std::int64_t outputs : {std::int64_t{3}, 2 * panel + 5, 3 * panel}) {
    for (const std::int64_t inputs : {std::int64_t{7}, std::int64_t{192}}) {
      std::vector<float> numbers(static_cast<std::size_t>(outputs * inputs));
      std::uint32_t state = 1;
      for (float& number : numbers) {
        state = state * 1664525u + 1013904223u;  // a linear congruential generator
        number = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1.8p-31f;
      }
      PackedMatrix matrix(outputs, inputs, precision);
      matrix.SetRows(0, outputs, numbers.data(), ElementType::kFloat32, nullptr);
      hash = Crc32c({reinterpret_cast<const char*>(matrix.data()),
                     static_cast<std::size_t>(PackedBytes(outputs, inputs, precision))},
                    hash);
    }
  }
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", hash);
  return CpuFamily() + "-" + digits;
}

std::string PackedMatrix::CpuFamily() { return Kernels().name; }

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
  ESPY_CHECK(writable_ != nullptr || outputs_ == 0, "a borrowed matrix is not written to");
  if (count == 0) return;
  const Layout layout(outputs_, inputs_, precision_);
  const ProductKernels& product = Kernels().product(precision_);
  std::byte* to = writable_;
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
