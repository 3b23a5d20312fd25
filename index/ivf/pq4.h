// Product quantisation with 4 bits a part (Jegou, Douze and Schmid 2011): a vector is cut into
// parts of a few dimensions, and each part is named by the nearest of its 16 centres.
#ifndef ESPY_INDEX_IVF_PQ4_H_
#define ESPY_INDEX_IVF_PQ4_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/thread_pool.h"
#include "espy/status.h"

namespace espy::index {

// How many parts a code of `dimensions` has: the most up to 64 that divide them, a multiple of 4.
// `dimensions` is a multiple of 4.
inline std::int64_t Pq4Parts(std::int64_t dimensions) {
  std::int64_t parts = 64;
  while (dimensions % parts != 0) parts -= 4;
  return parts;
}

struct Pq4 {
  std::int64_t parts = 0;      // a multiple of 4
  std::int64_t width = 0;      // dimensions of a part
  std::vector<float> centres;  // [parts][16][width]

  const float* Centre(std::int64_t m, std::int64_t j) const {
    return centres.data() + (m * 16 + j) * width;
  }
  // The numbers of a vector [parts * width]: code [parts].
  void Encode(const float* vector, std::uint8_t* code) const;
  // What a code stands for: vector [parts * width].
  void Decode(const std::uint8_t* code, float* vector) const;
  // table [parts][16]: the inner product of the query's part with each centre. The sum of a code's
  // entries is the inner product of the query with what the code stands for.
  void Table(const float* query, float* table) const;
};

// `x` is [n][parts * width].
Result<Pq4> TrainPq4(const float* x, std::int64_t n, std::int64_t parts, std::int64_t width,
                     ThreadPool* pool, const std::stop_token& stop);

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_PQ4_H_
