// Lloyd's k-means: the centres of an inverted file's lists, and of its codes' small parts.
#ifndef ESPY_INDEX_IVF_KMEANS_H_
#define ESPY_INDEX_IVF_KMEANS_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/thread_pool.h"
#include "espy/status.h"

namespace espy::index {

struct KMeansOptions {
  std::int64_t k = 0;
  int iterations = 10;
  std::uint64_t seed = 1;
};

// `rows` is [n][d] with n >= 1. Returns [k][d]; the same on every run with the same seed on one
// kind of CPU, whatever the threads. A centre that loses its rows takes half of the largest one's;
// with fewer distinct rows than centres, some centres are equal. Cancelled soon after `stop`.
Result<std::vector<float>> KMeans(const float* rows, std::int64_t n, std::int64_t d,
                                  const KMeansOptions& options, ThreadPool* pool,
                                  const std::stop_token& stop);

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_KMEANS_H_
