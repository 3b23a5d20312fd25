// Many rows against many columns in single precision: products, and for each row the best column.
// What training and building are made of: k-means, assignment to lists, projection. Searches do not
// use it: their scores come from index/dot.h, which has the same bits on every CPU.
#ifndef ESPY_INDEX_IVF_NEAREST_H_
#define ESPY_INDEX_IVF_NEAREST_H_

#include <cstdint>
#include <vector>

#include "base/thread_pool.h"

namespace espy::index {

// Columns of `d` floats in panels of 16, element by element across a panel, so that one register
// holds an element of each. Columns are filled up to whole panels with ones that never win.
class PackedColumns {
 public:
  static constexpr std::int64_t kPanel = 16;

  // `columns` is [n][d]. With `euclidean`, half a column's squared length is taken off its product,
  // so that the greatest is the nearest.
  PackedColumns(const float* columns, std::int64_t n, std::int64_t d, bool euclidean);

  std::int64_t n() const { return n_; }
  std::int64_t d() const { return d_; }

  // best[i]: the column with the greatest (product less half its squared length) with row i of
  // `rows` [count][d]; of equal ones the first.
  void Nearest(const float* rows, std::int64_t count, ThreadPool* pool, std::int32_t* best) const;
  // out [count][n]: products.
  void Products(const float* rows, std::int64_t count, ThreadPool* pool, float* out) const;

 private:
  std::int64_t n_, d_, panels_;
  std::vector<float> data_;  // [panels][d][16]
  std::vector<float> bias_;  // [panels * 16]
};

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_NEAREST_H_
