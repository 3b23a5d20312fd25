#include "ranking/linear_solve.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace espy::ranking {

std::vector<double> SolvePositive(std::span<const double> a, std::span<const double> b) {
  const std::size_t n = b.size();
  ESPY_CHECK(a.size() == n * n, "a system has as many rows as columns");
  std::vector<double> l(a.begin(), a.end());
  double greatest = 0;
  for (std::size_t i = 0; i < n; ++i) greatest = std::max(greatest, l[i * n + i]);
  for (std::size_t j = 0; j < n; ++j) {
    double pivot = l[j * n + j];
    for (std::size_t k = 0; k < j; ++k) pivot -= l[j * n + k] * l[j * n + k];
    l[j * n + j] = std::sqrt(std::max(pivot, 1e-12 * std::max(greatest, 1e-300)));
    for (std::size_t i = j + 1; i < n; ++i) {
      double sum = l[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= l[i * n + k] * l[j * n + k];
      l[i * n + j] = sum / l[j * n + j];
    }
  }
  std::vector<double> x(b.begin(), b.end());
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) x[i] -= l[i * n + k] * x[k];
    x[i] /= l[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) x[i] -= l[k * n + i] * x[k];
    x[i] /= l[i * n + i];
  }
  return x;
}

}  // namespace espy::ranking
