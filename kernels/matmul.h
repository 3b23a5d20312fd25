// C = act(A W^T + bias) + residual in FP32, with the weights W laid out once for the kernel that
// reads them.
//
// Every element of C is one chain of multiply-adds in the order of k, whatever the number of rows,
// threads or columns computed beside it: a row's result has the same bits alone and in any batch.
// (Between CPU families the bits differ, since AVX2 and AVX-512 fuse the multiply and the add and
// the baseline does not.)
#ifndef ESPY_KERNELS_MATMUL_H_
#define ESPY_KERNELS_MATMUL_H_

#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/activation.h"
#include "kernels/aligned_buffer.h"
#include "kernels/element.h"

namespace espy::kernels {

// A weight matrix W [outputs, inputs] as `nn.Linear` stores it, in panels of as many outputs as the
// CPU's register tile is wide: panel p holds [inputs][panel width] floats, so that a product
// streams through it from end to end.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  PackedMatrix(std::int64_t outputs, std::int64_t inputs);  // zeros

  // W[first + r, :] = source[r, :] for r < count; `source` is [count, inputs], rows adjacent.
  // `pool` may be null.
  void SetRows(std::int64_t first, std::int64_t count, const void* source, ElementType type,
               ThreadPool* pool);

  std::int64_t outputs() const { return outputs_; }
  std::int64_t inputs() const { return inputs_; }
  const float* data() const { return panels_.data(); }
  // A product may start at an output that is a multiple of this (MatmulArgs::first_output).
  static std::int64_t PanelWidth();

 private:
  std::int64_t outputs_ = 0;
  std::int64_t inputs_ = 0;
  AlignedBuffer panels_;
};

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
