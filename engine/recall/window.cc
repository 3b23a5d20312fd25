#include "engine/recall/window.h"

#include <algorithm>
#include <cmath>

namespace espy::recall {

void Window::Add(std::uint64_t found, std::uint64_t of) {
  const std::uint64_t share = found * kUnit / of;
  ++searches;
  wanted += of;
  shares += share;
  squares += share * share;
}

void Window::Halve() {
  searches /= 2;
  wanted /= 2;
  shares /= 2;
  squares /= 2;
}

double Window::mean() const {
  if (searches == 0) return 1;
  const double mean = static_cast<double>(shares) / static_cast<double>(searches * kUnit);
  return std::min(mean, 1.0);
}

Interval Window::Bounds(double z) const {
  if (searches == 0) return {};
  const auto n = static_cast<double>(searches);
  const double p = mean();
  constexpr double kUnitSquared = static_cast<double>(kUnit) * kUnit;
  const double variance = std::max(0.0, static_cast<double>(squares) / n / kUnitSquared - p * p);
  // Trials that would give a mean over them this variance: p (1 - p) / trials = variance / n.
  const double most = std::max(n, static_cast<double>(wanted));
  const double trials = variance > 0 ? std::clamp(p * (1 - p) * n / variance, n, most) : most;
  const double z2 = z * z / trials;
  const double centre = (p + z2 / 2) / (1 + z2);
  const double half = z / (1 + z2) * std::sqrt(p * (1 - p) / trials + z2 / (4 * trials));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

}  // namespace espy::recall
