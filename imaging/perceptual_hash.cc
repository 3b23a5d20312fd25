#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "imaging/facts.h"
#include "imaging/resize.h"

namespace espy::imaging {
namespace {

constexpr int kSide = 32;
constexpr int kKept = 8;

// cos(pi u (2x + 1) / 64) in units of 2^-14. Whole numbers make the hash the same on every machine:
// no libm's last bit and no order of additions can change it.
std::array<std::array<std::int64_t, kSide>, kKept> CosineTable() {
  std::array<std::array<std::int64_t, kSide>, kKept> table{};
  for (int u = 0; u < kKept; ++u) {
    for (int x = 0; x < kSide; ++x) {
      table[u][x] =
          std::lround(std::cos(std::numbers::pi * u * (2 * x + 1) / (2.0 * kSide)) * 16384);
    }
  }
  return table;
}

}  // namespace

std::uint64_t PerceptualHash(const Image& image) {
  static const auto table = CosineTable();
  const Image small = Resize(image, kSide, kSide, Filter::kBilinear);
  std::array<std::array<std::int64_t, kSide>, kSide> gray{};
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const std::uint8_t* p = &small.pixels[static_cast<std::size_t>(y * kSide + x) * 3];
      gray[y][x] = 299 * p[0] + 587 * p[1] + 114 * p[2];  // ITU-R BT.601, in thousandths
    }
  }
  std::array<std::array<std::int64_t, kSide>, kKept> rows{};  // [u][y]
  for (int u = 0; u < kKept; ++u) {
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) rows[u][y] += table[u][x] * gray[y][x];
    }
  }
  std::array<std::int64_t, kKept * kKept> frequency{};  // [v * 8 + u]
  for (int v = 0; v < kKept; ++v) {
    for (int u = 0; u < kKept; ++u) {
      for (int y = 0; y < kSide; ++y) frequency[v * kKept + u] += table[v][y] * rows[u][y];
    }
  }
  // The constant term is brightness: it has no bit, and bit 0 is always 0. 63 are left, an odd
  // number with a true median.
  std::array<std::int64_t, kKept * kKept - 1> sorted{};
  std::copy(frequency.begin() + 1, frequency.end(), sorted.begin());
  std::nth_element(sorted.begin(), sorted.begin() + sorted.size() / 2, sorted.end());
  const std::int64_t median = sorted[sorted.size() / 2];
  std::uint64_t hash = 0;
  for (std::size_t i = 1; i < frequency.size(); ++i) {
    if (frequency[i] > median) hash |= std::uint64_t{1} << i;
  }
  return hash;
}

}  // namespace espy::imaging
