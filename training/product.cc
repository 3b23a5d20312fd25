#include "training/product.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "kernels/aligned_buffer.h"
#include "kernels/matmul.h"
#include "kernels/packed_matrix.h"
#include "kernels/parallel.h"

namespace espy::training {
namespace {

// Square blocks whose source and target lines both stay in the first-level cache: 2 x 4 KiB.
constexpr std::int64_t kBlock = 32;

// out[r, :] = the operand's row r, rounded.
void Copy(Compute compute, const Operand& in, float* out, ThreadPool* pool) {
  if (!kernels::WorthThreads(pool, 4.0 * static_cast<double>(in.rows * in.columns))) pool = nullptr;
  kernels::ParallelFor(pool, (in.rows + kBlock - 1) / kBlock, [&](std::int64_t block) {
    const std::int64_t begin = block * kBlock;
    const std::int64_t end = std::min(in.rows, begin + kBlock);
    if (!in.transposed) {
      for (std::int64_t r = begin; r < end; ++r) {
        std::memcpy(out + r * in.columns, in.data + r * in.stride,
                    static_cast<std::size_t>(in.columns) * sizeof(float));
      }
    } else {
      for (std::int64_t first = 0; first < in.columns; first += kBlock) {
        const std::int64_t last = std::min(in.columns, first + kBlock);
        for (std::int64_t r = begin; r < end; ++r) {
          for (std::int64_t c = first; c < last; ++c) {
            out[r * in.columns + c] = in.data[c * in.stride + r];
          }
        }
      }
    }
    Round(compute, (end - begin) * in.columns, out + begin * in.columns);
  });
}

// Memory for operands in the form that a product reads, kept between the calls of a thread.
struct Scratch {
  kernels::AlignedBuffer a, b, packed;
};

}  // namespace

void Product(Compute compute, const Operand& a, const Operand& b, bool accumulate, float* c,
             std::int64_t c_stride, ThreadPool* pool) {
  ESPY_CHECK(a.columns == b.columns && a.columns > 0, "a product needs operands of one depth");
  if (a.rows == 0 || b.rows == 0) return;
  static thread_local Scratch scratch;
  const bool as_it_is = compute == Compute::kFloat32;
  const float* left = a.data;
  std::int64_t left_stride = a.stride;
  if (a.transposed || !as_it_is) {
    scratch.a.Reserve(a.rows * a.columns);
    Copy(compute, a, scratch.a.data(), pool);
    left = scratch.a.data();
    left_stride = a.columns;
  }
  const float* right = b.data;
  if (b.transposed || b.stride != b.columns || compute == Compute::kFloat16) {
    scratch.b.Reserve(b.rows * b.columns);
    Copy(compute, b, scratch.b.data(), pool);
    right = scratch.b.data();
  }
  // FP16 numbers are FP32 numbers too: their product is FP32's, for no CPU here multiplies them
  // with FP32 sums.
  const auto precision =
      compute == Compute::kBfloat16 ? kernels::Precision::kBfloat16 : kernels::Precision::kFloat32;
  scratch.packed.Reserve(kernels::PackedMatrix::PackedBytes(b.rows, b.columns, precision) / 4 + 1);
  kernels::PackedMatrix weights =
      kernels::PackedMatrix::Within(b.rows, b.columns, precision, scratch.packed.data());
  weights.SetRows(0, b.rows, right, kernels::ElementType::kFloat32, pool);
  kernels::Matmul({.a = left,
                   .a_stride = left_stride,
                   .rows = a.rows,
                   .weights = &weights,
                   .residual = accumulate ? c : nullptr,
                   .residual_stride = c_stride,
                   .out = c,
                   .out_stride = c_stride},
                  pool);
}

}  // namespace espy::training
