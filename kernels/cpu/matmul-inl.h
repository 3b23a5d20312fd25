// The register tile of the matrix kernels, and the block of a product built from it.
//
// A tile of kTileRows x (kTileVectors * kLanes) sums stays in registers for the whole of k: one
// broadcast of A feeds kTileVectors multiply-adds, and every sum is one chain in the order of k.
// Splitting k to keep a panel in the first-level cache, and packing A, both measured slower here
// than streaming the panel from the second level with a prefetch.
#ifndef ESPY_KERNELS_CPU_MATMUL_INL_H_
#define ESPY_KERNELS_CPU_MATMUL_INL_H_

#include <cstdint>

#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/math-inl.h"

namespace espy::kernels::cpu {

// out[i, j] (+)= sum over k of a[i, k] * b[k, j] for i < kRows, j < kVectors * kLanes. b: [inputs,
// kVectors * kLanes].
template <class V, int kRows, int kVectors, bool kAdd>
inline __attribute__((always_inline)) void Tile(const float* a, std::int64_t a_stride,
                                                const float* b, std::int64_t inputs, float* out,
                                                std::int64_t out_stride) {
  using F = typename V::F;
  constexpr int kWidth = kVectors * V::kLanes;
  // Far enough ahead to cover the second-level cache's latency: 8 steps are about 8 * kRows cycles.
  constexpr int kAhead = 8 * kWidth;
  F sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      sum[i][j] = kAdd ? V::Load(out + i * out_stride + j * V::kLanes) : V::Set(0.0f);
    }
  }
  // Three rows share a pointer: base, base + stride and base + 2 stride are addresses x86 forms by
  // itself.
  constexpr int kBases = (kRows + 2) / 3;
  const float* base[kBases];
#pragma GCC unroll 8
  for (int g = 0; g < kBases; ++g) base[g] = a + 3 * g * a_stride;
  for (std::int64_t k = 0; k < inputs; ++k) {
    F row[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      row[j] = V::Load(b + j * V::kLanes);
      if (j * V::kLanes % 16 == 0) __builtin_prefetch(b + kAhead + j * V::kLanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const F x = V::Set(base[i / 3][i % 3 * a_stride]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sum[i][j] = V::Fma(x, row[j], sum[i][j]);
    }
    b += kWidth;
#pragma GCC unroll 8
    for (int g = 0; g < kBases; ++g) ++base[g];
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      V::Store(out + i * out_stride + j * V::kLanes, sum[i][j]);
    }
  }
}

// The same for `rows` <= kTileRows known at run time.
template <class V, int kVectors, bool kAdd, int kRows = V::kTileRows>
inline void TileRows(int rows, const float* a, std::int64_t a_stride, const float* b,
                     std::int64_t inputs, float* out, std::int64_t out_stride) {
  if constexpr (kRows == 1) {
    Tile<V, 1, kVectors, kAdd>(a, a_stride, b, inputs, out, out_stride);
  } else if (rows == kRows) {
    Tile<V, kRows, kVectors, kAdd>(a, a_stride, b, inputs, out, out_stride);
  } else {
    TileRows<V, kVectors, kAdd, kRows - 1>(rows, a, a_stride, b, inputs, out, out_stride);
  }
}

// Rows cut into tiles of nearly equal height, none above kTileRows: 50 rows are 9 tiles of 5 and 6,
// not 8 of 6 and one of 2 that would leave the multipliers waiting on its few chains.
template <class V>
struct RowTiles {
  explicit RowTiles(std::int64_t rows)
      : count((rows + V::kTileRows - 1) / V::kTileRows), base(rows / count), taller(rows % count) {}
  std::int64_t Begin(std::int64_t tile) const {
    return tile * base + (tile < taller ? tile : taller);
  }
  std::int64_t count, base, taller;
};

// out = act(sums + bias) + residual for a tile of sums [rows, columns], whose rows are
// `sums_stride` apart and padded to whole vectors.
template <class V>
inline void Epilogue(const MatmulBlock& block, const float* sums, std::int64_t sums_stride,
                     std::int64_t first_row, std::int64_t rows, std::int64_t first_column,
                     std::int64_t columns) {
  using F = typename V::F;
  for (std::int64_t c = 0; c < columns; c += V::kLanes) {
    const std::int64_t n = columns - c < V::kLanes ? columns - c : V::kLanes;
    const std::int64_t column = first_column + c;
    const F bias = block.bias == nullptr ? V::Set(0.0f) : V::LoadFirst(block.bias + column, n);
    for (std::int64_t r = 0; r < rows; ++r) {
      F x = V::Load(sums + r * sums_stride + c) + bias;
      x = ActivateVector<V>(block.activation, x);
      const std::int64_t row = first_row + r;
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

template <class V>
void MatmulBlockLoop(const MatmulBlock& block) {
  constexpr std::int64_t kWidth = V::kTileVectors * V::kLanes;
  alignas(64) float sums[V::kTileRows * kWidth];
  const RowTiles<V> tiles(block.rows);
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const std::int64_t row = tiles.Begin(t);
    const std::int64_t rows = tiles.Begin(t + 1) - row;
    const float* a = block.a + row * block.a_stride;
    const float* panel = block.panels;
    for (std::int64_t column = 0; column < block.columns; column += kWidth) {
      const std::int64_t columns =
          block.columns - column < kWidth ? block.columns - column : kWidth;
      if (columns > V::kLanes) {
        TileRows<V, V::kTileVectors, false>(static_cast<int>(rows), a, block.a_stride, panel,
                                            block.inputs, sums, kWidth);
      } else {
        TileRows<V, 1, false>(static_cast<int>(rows), a, block.a_stride, panel, block.inputs, sums,
                              kWidth);
      }
      Epilogue<V>(block, sums, kWidth, row, rows, column, columns);
      panel += block.inputs * kWidth;
    }
  }
}

template <class V>
void PackPanel(const float* source, std::int64_t rows, std::int64_t inputs, float* panel,
               std::int64_t width) {
  std::int64_t r = 0;
  for (; r + V::kLanes <= rows; r += V::kLanes) {
    std::int64_t c = 0;
    for (; c + V::kLanes <= inputs; c += V::kLanes) {
      V::Transpose(source + r * inputs + c, inputs, panel + c * width + r, width);
    }
    for (; c < inputs; ++c) {
      for (int i = 0; i < V::kLanes; ++i) panel[c * width + r + i] = source[(r + i) * inputs + c];
    }
  }
  for (; r < rows; ++r) {
    for (std::int64_t c = 0; c < inputs; ++c) panel[c * width + r] = source[r * inputs + c];
  }
}

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_MATMUL_INL_H_
