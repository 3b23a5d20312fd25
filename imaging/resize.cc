#include "imaging/resize.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/cpu_features.h"
#include "imaging/resize_passes.h"

namespace espy::imaging {
namespace {

double Triangle(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

// Keys' cubic convolution with a = -1/2.
double Cubic(double x) {
  constexpr double kA = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * kA;
  return 0.0;
}

}  // namespace

Taps MakeTaps(std::int32_t in_size, std::int32_t out_size, std::int32_t begin, std::int32_t count,
              Filter filter) {
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale =
      std::max(scale, 1.0);  // antialiasing: the filter widens with the reduction
  const double support = (filter == Filter::kBicubic ? 2.0 : 1.0) * filter_scale;
  const double inverse = 1.0 / filter_scale;
  const auto widest = static_cast<std::int32_t>(std::ceil(support)) * 2 + 1;

  Taps taps;
  taps.stride = (widest + kTapGroup - 1) / kTapGroup * kTapGroup;
  taps.spans.resize(static_cast<std::size_t>(count));
  taps.coefficients.assign(static_cast<std::size_t>(count) * taps.stride, 0);
  std::vector<double> weights(static_cast<std::size_t>(taps.stride));
  for (std::int32_t i = 0; i < count; ++i) {
    const double center = (begin + i + 0.5) * scale;
    const std::int32_t first = std::max(static_cast<std::int32_t>(center - support + 0.5), 0);
    const std::int32_t end = std::min(static_cast<std::int32_t>(center + support + 0.5), in_size);
    double total = 0.0;
    for (std::int32_t t = 0; t < end - first; ++t) {
      const double x = (t + first - center + 0.5) * inverse;
      weights[t] = filter == Filter::kBicubic ? Cubic(x) : Triangle(x);
      total += weights[t];
    }
    taps.spans[i] = {first, end - first};
    std::int32_t* out = &taps.coefficients[static_cast<std::size_t>(i) * taps.stride];
    for (std::int32_t t = 0; t < end - first; ++t) {
      const double normal = total != 0.0 ? weights[t] / total : weights[t];
      out[t] =
          static_cast<std::int32_t>(normal * (1 << kPrecisionBits) + (normal < 0 ? -0.5 : 0.5));
    }
  }
  return taps;
}

void HorizontalPlain(const std::uint8_t* in, std::int32_t rows, std::int32_t in_width,
                     const Taps& taps, std::uint8_t* out) {
  const std::size_t width = taps.spans.size();
  for (std::int32_t y = 0; y < rows; ++y) {
    const std::uint8_t* row = in + static_cast<std::size_t>(y) * in_width * 3;
    for (std::size_t x = 0; x < width; ++x) {
      const Taps::Span span = taps.spans[x];
      const std::int32_t* k = &taps.coefficients[x * taps.stride];
      const std::uint8_t* p = row + static_cast<std::size_t>(span.first) * 3;
      std::int32_t sum[3] = {1 << (kPrecisionBits - 1), 1 << (kPrecisionBits - 1),
                             1 << (kPrecisionBits - 1)};
      for (std::int32_t t = 0; t < span.count; ++t, p += 3) {
        for (int c = 0; c < 3; ++c) sum[c] += p[c] * k[t];
      }
      for (int c = 0; c < 3; ++c) *out++ = ClampToByte(sum[c]);
    }
  }
}

void VerticalPlain(const std::uint8_t* in, std::int64_t row_bytes, const Taps& taps,
                   std::uint8_t* out) {
  for (std::size_t y = 0; y < taps.spans.size(); ++y) {
    const Taps::Span span = taps.spans[y];
    const std::int32_t* k = &taps.coefficients[y * taps.stride];
    const std::uint8_t* top = in + span.first * row_bytes;
    for (std::int64_t x = 0; x < row_bytes; ++x) {
      std::int32_t sum = 1 << (kPrecisionBits - 1);
      for (std::int32_t t = 0; t < span.count; ++t) sum += top[t * row_bytes + x] * k[t];
      *out++ = ClampToByte(sum);
    }
  }
}

ResizePasses ChoosePasses() {
#if defined(__x86_64__)
  if (CpuFeatures().avx512) return {HorizontalAvx2, VerticalAvx512};
  if (CpuFeatures().avx2) return {HorizontalAvx2, VerticalAvx2};
#endif
  return {HorizontalPlain, VerticalPlain};
}

namespace {

// Rows or columns of the input that the taps reach.
Taps::Span Reach(const Taps& taps) {
  std::int32_t first = taps.spans.front().first;
  std::int32_t end = first;
  for (const Taps::Span& span : taps.spans) {
    first = std::min(first, span.first);
    end = std::max(end, span.first + span.count);
  }
  return {first, end - first};
}

}  // namespace

bool VerticalFirst(std::int32_t width, std::int32_t height, std::int32_t out_width,
                   std::int32_t out_height) {
  return out_height < height &&
         std::int64_t{height} - out_height > 2 * (std::int64_t{width} - out_width);
}

std::vector<PlannedPass> PlanResize(std::int32_t in_width, std::int32_t in_height,
                                    std::int32_t out_width, std::int32_t out_height,
                                    const Window& window, Filter filter) {
  // A side that keeps its size has one tap of weight 1 for each position; Pillow leaves such a pass
  // out.
  const bool skip_horizontal = out_width == in_width && window.width == in_width;
  const bool skip_vertical = out_height == in_height && window.height == in_height;
  PlannedPass across{.in_width = in_width, .width = window.width, .height = in_height, .taps = {}};
  PlannedPass down{.horizontal = false,
                   .in_width = window.width,
                   .width = window.width,
                   .height = window.height,
                   .taps = {}};
  if (!skip_horizontal) {
    across.taps = MakeTaps(in_width, out_width, window.x, window.width, filter);
    if (skip_vertical) return {std::move(across)};
  }
  down.taps = MakeTaps(in_height, out_height, window.y, window.height, filter);
  if (skip_horizontal) return {std::move(down)};
  if (VerticalFirst(in_width, in_height, out_width, out_height)) {
    down.in_width = down.width = in_width;
    across.height = window.height;
    return {std::move(down), std::move(across)};
  }
  // The horizontal pass runs over the rows that the vertical one will read, no more.
  const Taps::Span rows = Reach(down.taps);
  for (Taps::Span& span : down.taps.spans) span.first -= rows.first;
  across.first_row = rows.first;
  across.height = rows.count;
  return {std::move(across), std::move(down)};
}

Image ResizeBy(const ResizePasses& passes, const Image& in, std::int32_t out_width,
               std::int32_t out_height, const Window& window, Filter filter) {
  Image out;
  out.width = window.width;
  out.height = window.height;
  out.pixels.resize(static_cast<std::size_t>(window.width) * window.height * 3);
  const std::vector<PlannedPass> plan =
      PlanResize(in.width, in.height, out_width, out_height, window, filter);
  const std::uint8_t* from = in.pixels.data();
  std::vector<std::uint8_t> middle;
  for (const PlannedPass& pass : plan) {
    std::uint8_t* to = out.pixels.data();
    if (&pass != &plan.back()) {
      middle.resize(static_cast<std::size_t>(pass.width) * pass.height * 3);
      to = middle.data();
    }
    if (pass.horizontal) {
      const std::size_t row_bytes = static_cast<std::size_t>(pass.in_width) * 3;
      passes.horizontal(from + static_cast<std::size_t>(pass.first_row) * row_bytes, pass.height,
                        pass.in_width, pass.taps, to);
    } else {
      passes.vertical(from, std::int64_t{pass.in_width} * 3, pass.taps, to);
    }
    from = to;
  }
  return out;
}

Image Resize(const Image& in, std::int32_t width, std::int32_t height, Filter filter) {
  if (width == in.width && height == in.height) return in;
  return ResizeBy(ChoosePasses(), in, width, height, {0, 0, width, height}, filter);
}

Image ResizeAndCrop(const Image& in, std::int32_t width, std::int32_t height, std::int32_t x,
                    std::int32_t y, std::int32_t crop_width, std::int32_t crop_height,
                    Filter filter) {
  return ResizeBy(ChoosePasses(), in, width, height, {x, y, crop_width, crop_height}, filter);
}

}  // namespace espy::imaging
