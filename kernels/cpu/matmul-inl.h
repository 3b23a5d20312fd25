// A block of a product with packed weights, and the packing, for each precision.
#ifndef ESPY_KERNELS_CPU_MATMUL_INL_H_
#define ESPY_KERNELS_CPU_MATMUL_INL_H_

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/tile-inl.h"

namespace espy::kernels::cpu {

// out = act(sums + bias) + residual for a tile of sums [rows, columns], whose rows are
// `sums_stride` apart and padded to whole vectors. Sums of INT8 products become FP32 first.
template <class V, class Ops>
inline void Epilogue(const MatmulBlock& block, const typename Ops::Sum* sums,
                     std::int64_t sums_stride, std::int64_t first_row, std::int64_t rows,
                     std::int64_t first_column, std::int64_t columns) {
  using F = typename V::F;
  constexpr bool kInt8 = std::is_same_v<typename Ops::Sum, std::int32_t>;
  for (std::int64_t c = 0; c < columns; c += V::kLanes) {
    const std::int64_t n = columns - c < V::kLanes ? columns - c : V::kLanes;
    const std::int64_t column = first_column + c;
    const F bias = block.bias == nullptr ? V::Set(0.0f) : V::LoadFirst(block.bias + column, n);
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t row = first_row + r;
      F x;
      if constexpr (kInt8) {
        const typename V::I sum = Ops::LoadSum(sums + r * sums_stride + c);
        const typename V::I offset = V::LoadInt(block.weight_offsets + column);
        x = V::Fma(V::ToFloat(V::SubInt(sum, offset)),
                   V::Load(block.weight_scales + column) * V::Set(block.a_scales[row]), bias);
      } else {
        x = Ops::LoadSum(sums + r * sums_stride + c) + bias;
      }
      x = ActivateVector<V>(block.activation, x);
      float* out = block.out + row * block.out_stride + column;
      if (n == V::kLanes) {
        if (block.residual != nullptr) {
          x = x + V::Load(block.residual + row * block.residual_stride + column);
        }
        V::Store(out, x);
      } else {
        if (block.residual != nullptr) {
          x = x + V::LoadFirst(block.residual + row * block.residual_stride + column, n);
        }
        V::StoreFirst(out, x, n);
      }
    }
  }
}

// Rows that are taken as few: as many as leave registers for the sums of two panels.
template <class V>
inline constexpr int kFewRows = V::kTileRows >= 12 ? 4 : 2;

// Pairs of whole panels of a block of few rows; returns how many columns that were.
template <class V, class Ops>
std::int64_t FewRowsLoop(const MatmulBlock& block) {
  constexpr int kPanels = 2;
  constexpr std::int64_t kWidth = V::kTileVectors * V::kLanes;
  alignas(64) typename Ops::Sum sums[kFewRows<V> * kPanels * kWidth];
  const std::int64_t steps = (block.inputs + Ops::kGroup - 1) / Ops::kGroup;
  const std::int64_t panel = steps * Ops::kGroup * kWidth;
  const auto* a = static_cast<const typename Ops::Activation*>(block.a);
  const auto* panels = static_cast<const typename Ops::Weight*>(block.panels);
  std::int64_t column = 0;
  for (; column + kPanels * kWidth <= block.columns; column += kPanels * kWidth) {
    StreamRows<V, Ops, kPanels, kFewRows<V>>(static_cast<int>(block.rows), a, block.a_stride,
                                             panels, panel, steps, sums, kPanels * kWidth);
    Epilogue<V, Ops>(block, sums, kPanels * kWidth, 0, block.rows, column, kPanels * kWidth);
    panels += kPanels * panel;
  }
  return column;
}

template <class V, class Ops>
void MatmulBlockLoop(const MatmulBlock& block) {
  constexpr std::int64_t kWidth = V::kTileVectors * V::kLanes;
  const std::int64_t done = block.rows <= kFewRows<V> ? FewRowsLoop<V, Ops>(block) : 0;
  if (done == block.columns) return;
  alignas(64) typename Ops::Sum sums[V::kTileRows * kWidth];
  const RowTiles<V> tiles(block.rows);
  const std::int64_t steps = (block.inputs + Ops::kGroup - 1) / Ops::kGroup;
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const std::int64_t row = tiles.Begin(t);
    const std::int64_t rows = tiles.Begin(t + 1) - row;
    const auto* a = static_cast<const typename Ops::Activation*>(block.a) + row * block.a_stride;
    const auto* panel =
        static_cast<const typename Ops::Weight*>(block.panels) + done * steps * Ops::kGroup;
    for (std::int64_t column = done; column < block.columns; column += kWidth) {
      const std::int64_t columns =
          block.columns - column < kWidth ? block.columns - column : kWidth;
      if (Ops::kSingleVector && columns <= V::kLanes) {
        if constexpr (Ops::kSingleVector) {
          TileRows<V, Ops, 1, false>(static_cast<int>(rows), a, block.a_stride, panel, steps, sums,
                                     kWidth);
        }
      } else {
        TileRows<V, Ops, V::kTileVectors, false>(static_cast<int>(rows), a, block.a_stride, panel,
                                                 steps, sums, kWidth);
      }
      Epilogue<V, Ops>(block, sums, kWidth, row, rows, column, columns);
      panel += steps * Ops::kGroup * kWidth;
    }
  }
}

// panel[c, r] = source[r, c] in the layout of Float32Operands.
template <class V>
void PackFloat32(const PanelRows& rows, void* out) {
  auto* panel = static_cast<float*>(out) + rows.first;
  const std::int64_t inputs = rows.inputs, width = rows.width;
  std::int64_t r = 0;
  for (; r + V::kLanes <= rows.count; r += V::kLanes) {
    std::int64_t c = 0;
    for (; c + V::kLanes <= inputs; c += V::kLanes) {
      V::Transpose(rows.source + r * inputs + c, inputs, panel + c * width + r, width);
    }
    for (; c < inputs; ++c) {
      for (int i = 0; i < V::kLanes; ++i) {
        panel[c * width + r + i] = rows.source[(r + i) * inputs + c];
      }
    }
  }
  for (; r < rows.count; ++r) {
    for (std::int64_t c = 0; c < inputs; ++c) panel[c * width + r] = rows.source[r * inputs + c];
  }
}

// Round to nearest, ties to even; a NaN stays one.
inline __attribute__((always_inline)) std::uint16_t ToBfloat16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  if (x != x) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

template <class V>
void PackBfloat16(const PanelRows& rows, void* out) {
  using Ops = Bfloat16Operands<V>;
  auto* panel = static_cast<std::uint16_t*>(out);
  for (std::int64_t r = 0; r < rows.count; ++r) {
    const std::int64_t at = Ops::Position(static_cast<int>(rows.first + r));
    for (std::int64_t c = 0; c < rows.inputs; ++c) {
      panel[c / Ops::kGroup * rows.width * Ops::kGroup + at + c % Ops::kGroup] =
          ToBfloat16(rows.source[r * rows.inputs + c]);
    }
  }
}

template <class V>
void PackInt8(const PanelRows& rows, void* out) {
  using Ops = Int8Operands<V>;
  auto* panel = static_cast<std::int8_t*>(out);
  for (std::int64_t r = 0; r < rows.count; ++r) {
    const float* x = rows.source + r * rows.inputs;
    float largest = 0;
    for (std::int64_t c = 0; c < rows.inputs; ++c) {
      const float size = x[c] < 0 ? -x[c] : x[c];
      if (size > largest) largest = size;
    }
    const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
    std::int32_t sum = 0;
    for (std::int64_t c = 0; c < rows.inputs; ++c) {
      const auto q = static_cast<std::int8_t>(__builtin_nearbyintf(x[c] * inverse));
      panel[(c / Ops::kGroup * rows.width + rows.first + r) * Ops::kGroup + c % Ops::kGroup] = q;
      sum += q;
    }
    rows.scales[r] = largest / 127.0f;
    rows.offsets[r] = sum * Ops::kActivationOffset;
  }
}

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_MATMUL_INL_H_
