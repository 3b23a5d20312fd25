#include "encoders/siglip2/position_grid.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace espy::encoders {
namespace {

// out[i] = sum of weights[j] * in[first + j].
struct Taps {
  std::int64_t first = 0;
  std::vector<float> weights;
};

std::vector<Taps> TapsFor(std::int64_t inputs, std::int64_t outputs) {
  const double scale = static_cast<double>(inputs) / static_cast<double>(outputs);
  const double support = std::max(scale, 1.0);
  std::vector<Taps> taps(static_cast<std::size_t>(outputs));
  for (std::int64_t i = 0; i < outputs; ++i) {
    Taps& at = taps[static_cast<std::size_t>(i)];
    const double center = scale * (static_cast<double>(i) + 0.5);
    at.first = std::max<std::int64_t>(static_cast<std::int64_t>(center - support + 0.5), 0);
    const std::int64_t end =
        std::min<std::int64_t>(static_cast<std::int64_t>(center + support + 0.5), inputs);
    std::vector<double> weights;
    double total = 0;
    for (std::int64_t j = at.first; j < end; ++j) {
      const double distance = (static_cast<double>(j) - center + 0.5) / support;
      weights.push_back(std::max(0.0, 1.0 - std::fabs(distance)));
      total += weights.back();
    }
    for (const double weight : weights) at.weights.push_back(static_cast<float>(weight / total));
  }
  return taps;
}

void AddScaled(const float* in, float weight, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] += weight * in[i];
}

}  // namespace

void AddResizedGrid(const float* grid, std::int64_t side, std::int64_t width, std::int64_t rows,
                    std::int64_t columns, float* out) {
  if (rows == side && columns == side) {
    AddScaled(grid, 1.0f, rows * columns * width, out);
    return;
  }
  std::vector<float> wide(static_cast<std::size_t>(side * columns * width), 0.0f);
  const std::vector<Taps> across = TapsFor(side, columns);
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < columns; ++x) {
      const Taps& taps = across[static_cast<std::size_t>(x)];
      float* to = wide.data() + (y * columns + x) * width;
      const float* from = grid + (y * side + taps.first) * width;
      for (const float weight : taps.weights) {
        AddScaled(from, weight, width, to);
        from += width;
      }
    }
  }
  // A whole row of the grid at a time; summed before it is added, so that a picture's rounding does
  // not depend on what stands in `out`.
  std::vector<float> line(static_cast<std::size_t>(columns * width));
  const std::vector<Taps> down = TapsFor(side, rows);
  for (std::int64_t y = 0; y < rows; ++y) {
    const Taps& taps = down[static_cast<std::size_t>(y)];
    std::fill(line.begin(), line.end(), 0.0f);
    const float* from = wide.data() + taps.first * columns * width;
    for (const float weight : taps.weights) {
      AddScaled(from, weight, columns * width, line.data());
      from += columns * width;
    }
    AddScaled(line.data(), 1.0f, columns * width, out + y * columns * width);
  }
}

}  // namespace espy::encoders
