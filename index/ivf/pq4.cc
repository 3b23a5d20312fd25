#include "index/ivf/pq4.h"

#include <algorithm>

#include "base/status_macros.h"
#include "index/ivf/kmeans.h"

namespace espy::index {

void Pq4::Encode(const float* vector, std::uint8_t* code) const {
  for (std::int64_t m = 0; m < parts; ++m) {
    const float* x = vector + m * width;
    float least = 0;
    for (int j = 0; j < 16; ++j) {
      const float* centre = Centre(m, j);
      float distance = 0;
      for (std::int64_t i = 0; i < width; ++i) distance += (x[i] - centre[i]) * (x[i] - centre[i]);
      if (j > 0 && !(distance < least)) continue;
      least = distance;
      code[m] = static_cast<std::uint8_t>(j);
    }
  }
}

void Pq4::Decode(const std::uint8_t* code, float* vector) const {
  for (std::int64_t m = 0; m < parts; ++m) {
    std::copy(Centre(m, code[m]), Centre(m, code[m]) + width, vector + m * width);
  }
}

void Pq4::Table(const float* query, float* table) const {
  for (std::int64_t m = 0; m < parts; ++m) {
    const float* q = query + m * width;
    for (int j = 0; j < 16; ++j) {
      const float* centre = Centre(m, j);
      float sum = 0;
      for (std::int64_t i = 0; i < width; ++i) sum += q[i] * centre[i];
      table[m * 16 + j] = sum;
    }
  }
}

Result<Pq4> TrainPq4(const float* x, std::int64_t n, std::int64_t parts, std::int64_t width,
                     ThreadPool* pool, const std::stop_token& stop) {
  Pq4 pq;
  pq.parts = parts;
  pq.width = width;
  pq.centres.reserve(static_cast<std::size_t>(parts * 16 * width));
  std::vector<float> part(static_cast<std::size_t>(n * width));
  for (std::int64_t m = 0; m < parts; ++m) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float* from = x + i * parts * width + m * width;
      std::copy(from, from + width, part.data() + i * width);
    }
    const KMeansOptions options{.k = 16, .iterations = 20, .seed = static_cast<std::uint64_t>(m)};
    ESPY_ASSIGN_OR_RETURN(const std::vector<float> centres,
                          KMeans(part.data(), n, width, options, pool, stop));
    pq.centres.insert(pq.centres.end(), centres.begin(), centres.end());
  }
  return pq;
}

}  // namespace espy::index
