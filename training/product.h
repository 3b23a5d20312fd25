// The products of training in the layouts that forward and backward need, over kernels/matmul.h.
#ifndef ESPY_TRAINING_PRODUCT_H_
#define ESPY_TRAINING_PRODUCT_H_

#include <cstdint>

#include "base/thread_pool.h"
#include "training/compute.h"

namespace espy::training {

// A matrix [rows, columns] as a product sees it; in memory it is that, rows `stride` floats apart,
// or its transpose.
struct Operand {
  const float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t stride = 0;
  bool transposed = false;  // in memory: [columns, rows], `stride` floats from column to column
};

inline Operand Rows(const float* data, std::int64_t rows, std::int64_t columns) {
  return {data, rows, columns, columns, false};
}
// The transpose of a matrix [rows, columns] in memory.
inline Operand TransposeOf(const float* data, std::int64_t rows, std::int64_t columns) {
  return {data, columns, rows, columns, true};
}

// C[m, n] = A[m, k] B[n, k]^T, or C += with `accumulate`; both operands are rounded as `compute`
// says, sums are FP32, C is not rounded. Linear layers need three of these:
//   forward  Y = X W^T        A = X,    B = W
//   input    dX = dY W        A = dY,   B = W^T
//   weight   dW = dY^T X      A = dY^T, B = X^T
// Each element is one chain of sums in the order of k: the same bits at any number of threads.
// c's rows are c_stride floats apart, and c overlaps no operand. `pool` may be null.
void Product(Compute compute, const Operand& a, const Operand& b, bool accumulate, float* c,
             std::int64_t c_stride, ThreadPool* pool);

}  // namespace espy::training

#endif  // ESPY_TRAINING_PRODUCT_H_
