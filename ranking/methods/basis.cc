#include "ranking/methods/basis.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace espy::ranking {
namespace {

// Calls visit(c) for every c of n whole numbers from 0 to `order`.
template <class Visit>
void EachExponent(std::size_t n, int order, const Visit& visit) {
  std::vector<int> c(n);
  for (;;) {
    visit(c);
    std::size_t i = 0;
    while (i < n && c[i] == order) c[i++] = 0;
    if (i == n) return;
    ++c[i];
  }
}

}  // namespace

std::vector<double> Polynomial(std::span<const double> x, int order) {
  std::vector<double> features;
  EachExponent(x.size(), order, [&](const std::vector<int>& c) {
    double product = 1;
    for (std::size_t i = 0; i < x.size(); ++i) product *= std::pow(x[i], c[i]);
    features.push_back(product);
  });
  return features;
}

std::vector<double> Fourier(std::span<const double> x, int order) {
  std::vector<double> features;
  EachExponent(x.size(), order, [&](const std::vector<int>& c) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += c[i] * x[i];
    features.push_back(std::cos(std::numbers::pi * sum));
  });
  return features;
}

std::vector<double> Tiles(std::span<const double> x, std::size_t tilings, std::size_t tiles) {
  std::size_t cells = 1;
  for (std::size_t i = 0; i < x.size(); ++i) cells *= tiles + 1;  // a shifted grid has one more
  std::vector<double> features(tilings * cells);
  for (std::size_t t = 0; t < tilings; ++t) {
    std::size_t cell = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      // Odd multiples along the axes, so that grids do not shift along the diagonal alone.
      const double shift =
          static_cast<double>(t * (2 * i + 1) % tilings) / static_cast<double>(tilings);
      const double at = std::clamp(x[i], 0.0, 1.0) * static_cast<double>(tiles) + shift;
      cell = cell * (tiles + 1) + std::min(static_cast<std::size_t>(at), tiles);
    }
    features[t * cells + cell] = 1;
  }
  return features;
}

}  // namespace espy::ranking
