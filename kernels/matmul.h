// C = act(A W^T + bias) + residual in the precision of the packed weights W; A, bias, residual and
// C are FP32.
//
// Every element of C is one chain of multiply-adds in the order of k, whatever the number of rows,
// threads or columns computed beside it, and a row's activations are brought to the weights'
// precision by that row alone: a row's result has the same bits alone and in any batch. (Between
// CPU families the bits differ, since AVX2 and AVX-512 fuse the multiply and the add and the
// baseline does not.)
#ifndef ESPY_KERNELS_MATMUL_H_
#define ESPY_KERNELS_MATMUL_H_

#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/activation.h"
#include "kernels/packed_matrix.h"

namespace espy::kernels {

struct MatmulArgs {
  const float* a = nullptr;  // [rows, inputs], rows a_stride floats apart
  std::int64_t a_stride = 0;
  std::int64_t rows = 0;
  const PackedMatrix* weights = nullptr;
  // Only the outputs [first_output, first_output + outputs) are computed; outputs 0 means all from
  // first_output on.
  std::int64_t first_output = 0;
  std::int64_t outputs = 0;
  const float* bias = nullptr;  // [weights->outputs()] or null
  Activation activation = Activation::kNone;
  const float* residual = nullptr;  // [rows, outputs computed] or null; may be `out`
  std::int64_t residual_stride = 0;
  float* out =
      nullptr;  // [rows, outputs computed], rows out_stride floats apart; must not overlap `a`
  std::int64_t out_stride = 0;
};

// `pool` may be null: the product then runs on the calling thread.
void Matmul(const MatmulArgs& args, ThreadPool* pool);

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_MATMUL_H_
