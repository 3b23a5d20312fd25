// Vectors in fewer dimensions: their offset from the mean, along the directions in which the rows
// differ most. An inner product of a query with a row is nearly
//
//     q . mean  +  (P q) . (P (x - mean))
//
// and what is lost is the part of the row's offset that lies in the directions left out. Picture
// embeddings share a large mean and vary in few directions, so that an eighth of the dimensions
// holds most of what tells rows apart, and lists and codes are made there.
//
// The directions are grouped so that parts of codes get equal shares of the variance (Ge, He, Ke
// and Sun 2013, "Optimized Product Quantization", section 3.3, eigenvalue allocation), or mixed by
// a random rotation, as one-bit codes want them (Gao and Long 2024).
#ifndef ESPY_INDEX_IVF_PROJECTION_H_
#define ESPY_INDEX_IVF_PROJECTION_H_

#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "espy/status.h"
#include "index/row_index.h"

namespace espy::index {

struct IvfProjection {
  std::int64_t from = 0;              // padded dimension of rows and queries
  std::int64_t to = 0;                // a multiple of 32, at most `from`
  std::vector<std::uint16_t> mean;    // [from] halves
  std::vector<std::uint16_t> matrix;  // [to][from] halves

  // P q: [to]. The same bits on every CPU.
  void ApplyToQuery(const float* query, float* out) const;
  // P (x - mean) of `count` rows, each given by its number: out [count][to]. A row that holds what
  // is no finite number comes out as zeros.
  void ApplyToRows(const HalfRows& rows, const std::int32_t* which, std::int64_t count,
                   ThreadPool* pool, float* out) const;
  std::uint64_t Bytes() const { return (mean.size() + matrix.size()) * 2; }
};

struct IvfProjectionOptions {
  double kept = 0.93;       // share of the variance about the mean that is to be kept, if that
  std::int64_t most = 256;  // takes no more than so many dimensions
  bool grouped = false;     // for codes of Pq4Parts(to) parts
  bool rotate = false;      // mixed at random
  std::uint64_t seed = 1;
};

// From the rows in `sample`.
Result<IvfProjection> TrainProjection(const HalfRows& rows, const std::vector<std::int32_t>& sample,
                                      const IvfProjectionOptions& options);

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_PROJECTION_H_
