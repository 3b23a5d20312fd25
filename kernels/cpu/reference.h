// What each kernel computes, in plain loops with double sums: the measure that every variant is
// tested against, and the first thing to read. Never called by the library.
#ifndef ESPY_KERNELS_CPU_REFERENCE_H_
#define ESPY_KERNELS_CPU_REFERENCE_H_

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/attention.h"

namespace espy::kernels::reference {

double Activate(Activation activation, double x);

// C [rows, outputs] = act(A [rows, inputs] W [outputs, inputs]^T + bias) + residual, all rows
// adjacent; bias and residual may be null.
void Matmul(const float* a, const float* w, const float* bias, Activation activation,
            const float* residual, std::int64_t rows, std::int64_t outputs, std::int64_t inputs,
            float* out);

void Attention(const AttentionArgs& args);

void LayerNorm(const float* x, std::int64_t rows, std::int64_t width, const float* weight,
               const float* bias, float eps, float* out);

}  // namespace espy::kernels::reference

#endif  // ESPY_KERNELS_CPU_REFERENCE_H_
