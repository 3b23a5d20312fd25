// The loops of one CPU family behind one table, so that callers choose once at run time. Each loop
// does one task of an operation (a block of a product, a head of an attention); dividing the work
// among threads is the callers' part.
#ifndef ESPY_KERNELS_CPU_KERNEL_TABLE_H_
#define ESPY_KERNELS_CPU_KERNEL_TABLE_H_

#include <cstdint>

#include "kernels/activation.h"

namespace espy::kernels::cpu {

// C[0..rows, 0..columns) of a product with panels of PackedMatrix; pointers are at the block's own
// first row and column.
struct MatmulBlock {
  const float* a = nullptr;
  std::int64_t a_stride = 0;
  std::int64_t rows = 0;
  const float* panels = nullptr;  // the first panel of the block
  std::int64_t inputs = 0;
  std::int64_t columns = 0;
  const float* bias = nullptr;
  Activation activation = Activation::kNone;
  const float* residual = nullptr;
  std::int64_t residual_stride = 0;
  float* out = nullptr;
  std::int64_t out_stride = 0;
};

// One head of one sequence.
struct AttentionHead {
  const float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  std::int64_t q_stride = 0, k_stride = 0, v_stride = 0;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  std::int64_t head_dim = 0;
  float scale = 1;
  bool causal = false;
  float* out = nullptr;
  std::int64_t out_stride = 0;
  float* scratch = nullptr;  // AttentionScratch(...) floats, aligned to 64 bytes
};

struct KernelTable {
  const char* name;
  std::int64_t panel_width;  // outputs in a full panel of PackedMatrix
  std::int64_t lane_width;   // panels are padded to a multiple of this

  void (*matmul)(const MatmulBlock& block);
  std::int64_t (*attention_scratch)(std::int64_t keys, std::int64_t head_dim);
  void (*attention)(const AttentionHead& head);
  void (*layer_norm)(const float* x, std::int64_t width, const float* weight, const float* bias,
                     float eps, float* out);
  float (*sum_of_squares)(const float* x, std::int64_t width);
  void (*activate)(Activation activation, std::int64_t n, float* values);
  void (*exp)(const float* in, std::int64_t n, float* out);
  // panel[c * width + r] = source[r * inputs + c] for r < rows; other r are left alone.
  void (*pack_panel)(const float* source, std::int64_t rows, std::int64_t inputs, float* panel,
                     std::int64_t width);
};

const KernelTable& BaselineKernels();
#if defined(__x86_64__)
const KernelTable& Avx2Kernels();
const KernelTable& Avx512Kernels();
#endif

// The widest of the above that this CPU runs (and that ESPY_CPU allows).
const KernelTable& Kernels();

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_KERNEL_TABLE_H_
