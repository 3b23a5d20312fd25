// Sums over rows that several operations share, each one chain in the order of the rows.
#ifndef ESPY_TRAINING_OPS_REDUCE_H_
#define ESPY_TRAINING_OPS_REDUCE_H_

#include <cstdint>

namespace espy::training {

// out[r, :] += row
inline void AddToRows(const float* row, std::int64_t rows, std::int64_t columns, float* out) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) out[r * columns + c] += row[c];
  }
}

// sum += the sum of x's rows
inline void AddRowSums(const float* x, std::int64_t rows, std::int64_t columns, float* sum) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) sum[c] += x[r * columns + c];
  }
}

}  // namespace espy::training

#endif  // ESPY_TRAINING_OPS_REDUCE_H_
