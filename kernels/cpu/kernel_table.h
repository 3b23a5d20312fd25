// The loops of one CPU family behind one table, so that callers choose once at run time. Each loop
// does one task of an operation (a block of a product, a head of an attention); dividing the work
// among threads is the callers' part.
#ifndef ESPY_KERNELS_CPU_KERNEL_TABLE_H_
#define ESPY_KERNELS_CPU_KERNEL_TABLE_H_

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/precision.h"

namespace espy::kernels::cpu {

// C[0..rows, 0..columns) of a product with panels of PackedMatrix; pointers are at the block's own
// first row and column.
struct MatmulBlock {
  const void* a = nullptr;    // activations in the form of ProductKernels::convert_row
  std::int64_t a_stride = 0;  // in elements
  std::int64_t rows = 0;
  const void* panels = nullptr;  // the first panel of the block
  std::int64_t inputs = 0;
  // INT8 alone: the scale of each row and of each column, and by how much a column's sums are too
  // high; the columns' are readable up to the end of the last panel.
  const float* a_scales = nullptr;
  const float* weight_scales = nullptr;
  const std::int32_t* weight_offsets = nullptr;
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
  // K and V packed before; k and v are not read then. Null: they are packed in the scratch memory.
  const float* panels = nullptr;
  std::int64_t q_stride = 0, k_stride = 0, v_stride = 0;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  std::int64_t head_dim = 0;
  float scale = 1;
  bool causal = false;
  float* out = nullptr;
  std::int64_t out_stride = 0;
  float* scratch = nullptr;  // AttentionKernels::scratch floats, aligned to 64 bytes
};

// Attention of a head, its products in one precision.
struct AttentionKernels {
  std::int64_t (*panels)(std::int64_t keys, std::int64_t head_dim);   // floats, a whole vector
  std::int64_t (*scratch)(std::int64_t keys, std::int64_t head_dim);  // floats, panels and all
  // Of a head's k and v, into `panels` floats.
  void (*pack)(const AttentionHead& head, float* memory);
  void (*run)(const AttentionHead& head);
};

// One head of one row of path_attention.h.
struct AttentionRow {
  const float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  std::int64_t k_stride = 0, v_stride = 0;
  std::int64_t kept = 0;
  const std::int64_t* path = nullptr;
  std::int64_t path_length = 0;
  std::int64_t head_dim = 0;
  float scale = 1;
  float* out = nullptr;
  float* scores = nullptr;  // kept + path_length floats, and up to a whole vector more
};

// Rows of weights on their way into the panel that they belong to.
struct PanelRows {
  const float* source = nullptr;  // [count, inputs]
  std::int64_t first = 0;         // the place of the first in the panel
  std::int64_t count = 0;
  std::int64_t inputs = 0;
  std::int64_t width = 0;  // of the panel
  // INT8 alone: written for each of the rows.
  float* scales = nullptr;
  std::int32_t* offsets = nullptr;
};

// Products of one precision.
struct ProductKernels {
  std::int64_t weight_bytes;      // of an element in a panel
  std::int64_t group;             // inputs are padded with zeros to a multiple of this
  std::int64_t last_panel_lanes;  // the last panel is padded to a multiple of this
  // Other places of the panel are left alone: it must be zeroed before.
  void (*pack)(const PanelRows& rows, void* panel);
  // Activations in the form that `matmul` reads, `activation_bytes` an element, up to a whole
  // group; returns the row's scale. Null where FP32 is read as it is.
  float (*convert_row)(const float* x, std::int64_t n, void* out);
  std::int64_t activation_bytes;
  void (*matmul)(const MatmulBlock& block);
};

struct KernelTable {
  const char* name;
  std::int64_t panel_width;              // outputs in a full panel of PackedMatrix
  ProductKernels products[kPrecisions];  // by Precision

  const ProductKernels& product(Precision precision) const {
    return products[static_cast<int>(precision)];
  }

  AttentionKernels attention;
  AttentionKernels attention_bf16;  // null where the CPU has no BF16 dot products
  void (*path_attention)(const AttentionRow& row);
  void (*layer_norm)(const float* x, std::int64_t width, const float* weight, const float* bias,
                     float eps, float* out);
  float (*sum_of_squares)(const float* x, std::int64_t width);
  void (*activate)(Activation activation, std::int64_t n, float* values);
  void (*exp)(const float* in, std::int64_t n, float* out);
  void (*exp2)(const float* in, std::int64_t n, float* out);  // of numbers <= 0
};

const KernelTable& BaselineKernels();
#if defined(__x86_64__)
const KernelTable& Avx2Kernels();
const KernelTable& Avx512Kernels();
const KernelTable& Avx512VnniKernels();
const KernelTable& Avx512Bf16Kernels();  // with VNNI
#endif

// The widest of the above that this CPU runs (and that ESPY_CPU allows).
const KernelTable& Kernels();

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_KERNEL_TABLE_H_
