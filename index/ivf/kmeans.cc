#include "index/ivf/kmeans.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "index/ivf/nearest.h"

namespace espy::index {
namespace {

// Centres without rows move next to the largest ones, a hair to either side of them, so that the
// next assignment halves those.
void SplitLargest(std::int64_t d, std::vector<std::int64_t>* sizes, std::vector<float>* centres) {
  constexpr float kHair = 1.0f / 1024;
  for (std::size_t empty = 0; empty < sizes->size(); ++empty) {
    if ((*sizes)[empty] != 0) continue;
    const auto largest =
        static_cast<std::size_t>(std::max_element(sizes->begin(), sizes->end()) - sizes->begin());
    if ((*sizes)[largest] < 2) return;
    float* from = centres->data() + static_cast<std::int64_t>(largest) * d;
    float* to = centres->data() + static_cast<std::int64_t>(empty) * d;
    for (std::int64_t i = 0; i < d; ++i) {
      const float side = i % 2 == 0 ? kHair : -kHair;
      to[i] = from[i] * (1 + side);
      from[i] *= 1 - side;
    }
    (*sizes)[empty] = (*sizes)[largest] / 2;
    (*sizes)[largest] -= (*sizes)[empty];
  }
}

}  // namespace

Result<std::vector<float>> KMeans(const float* rows, std::int64_t n, std::int64_t d,
                                  const KMeansOptions& options, ThreadPool* pool,
                                  const std::stop_token& stop) {
  const std::int64_t k = options.k;
  std::mt19937_64 random(options.seed);
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::int64_t i = 0; i < std::min(k, n); ++i) {
    std::swap(order[i], order[i + static_cast<std::int64_t>(random() % (n - i))]);
  }
  std::vector<float> centres(static_cast<std::size_t>(k * d));
  for (std::int64_t c = 0; c < k; ++c) {
    const float* from = rows + order[c % n] * d;
    std::copy(from, from + d, centres.data() + c * d);
  }

  std::vector<std::int32_t> nearest(static_cast<std::size_t>(n));
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(k));
  std::vector<double> sums(static_cast<std::size_t>(k * d));
  for (int iteration = 0; iteration < options.iterations; ++iteration) {
    if (stop.stop_requested()) return Status::Cancelled("building a segment: stopped");
    PackedColumns(centres.data(), k, d, /*euclidean=*/true).Nearest(rows, n, pool, nearest.data());
    std::fill(sizes.begin(), sizes.end(), 0);
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::int64_t i = 0; i < n; ++i) {
      double* sum = sums.data() + nearest[i] * d;
      for (std::int64_t j = 0; j < d; ++j) sum[j] += rows[i * d + j];
      ++sizes[nearest[i]];
    }
    for (std::int64_t c = 0; c < k; ++c) {
      if (sizes[c] == 0) continue;
      const double scale = 1.0 / static_cast<double>(sizes[c]);
      for (std::int64_t j = 0; j < d; ++j) {
        centres[c * d + j] = static_cast<float>(sums[c * d + j] * scale);
      }
    }
    SplitLargest(d, &sizes, &centres);
  }
  return centres;
}

}  // namespace espy::index
