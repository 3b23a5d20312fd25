// Normalisation of rows.
#ifndef ESPY_KERNELS_NORM_H_
#define ESPY_KERNELS_NORM_H_

#include <cstdint>

#include "base/thread_pool.h"

namespace espy::kernels {

// out[r, :] = (x[r, :] - mean) / sqrt(variance + eps) * weight + bias, for rows of `width` floats.
// The variance is the biased one, of the differences from the mean (two passes). `x` may be `out`.
// A row's bits depend on that row alone.
void LayerNorm(const float* x, std::int64_t x_stride, std::int64_t rows, std::int64_t width,
               const float* weight, const float* bias, float eps, float* out,
               std::int64_t out_stride, ThreadPool* pool);

// x[r, :] /= |x[r, :]|. A row of zeros (or of numbers so small that their squares vanish) stays as
// it is.
void L2Normalize(float* x, std::int64_t rows, std::int64_t width);

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_NORM_H_
