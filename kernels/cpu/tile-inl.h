// The register tile of the matrix kernels.
//
// A tile of kTileRows x (kTileVectors * kLanes) sums stays in registers for the whole of k: one
// broadcast of A feeds kTileVectors multiply-adds, and every sum is one chain in the order of k.
// Splitting k to keep a panel in the first-level cache, and packing A, both measured slower here
// than streaming the panel from the second level with a prefetch.
#ifndef ESPY_KERNELS_CPU_TILE_INL_H_
#define ESPY_KERNELS_CPU_TILE_INL_H_

#include <cstdint>

#include "kernels/cpu/operands-inl.h"

namespace espy::kernels::cpu {

// out[i, j] (+)= sum over k of a[i, k] * b[k, j] for i < kRows, j < kVectors * kLanes. Ops: one of
// operands-inl.h; b: a panel of `steps` groups of inputs.
template <class V, class Ops, int kRows, int kVectors, bool kAdd>
inline __attribute__((always_inline)) void Tile(const typename Ops::Activation* a,
                                                std::int64_t a_stride,
                                                const typename Ops::Weight* b, std::int64_t steps,
                                                typename Ops::Sum* out, std::int64_t out_stride) {
  constexpr int kStep = kVectors * V::kLanes * Ops::kGroup;
  constexpr int kStepBytes = kStep * static_cast<int>(sizeof(typename Ops::Weight));
  // Far enough ahead to cover the second-level cache's latency: 8 steps are about 8 * kRows cycles.
  constexpr int kAhead = 8 * kStep;
  typename Ops::SumVector sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      sum[i][j] = kAdd ? Ops::LoadSum(out + i * out_stride + j * V::kLanes) : Ops::Zero();
    }
  }
  // Three rows share a pointer: base, base + stride and base + 2 stride are addresses x86 forms by
  // itself.
  constexpr int kBases = (kRows + 2) / 3;
  const typename Ops::Activation* base[kBases];
#pragma GCC unroll 8
  for (int g = 0; g < kBases; ++g) base[g] = a + 3 * g * a_stride;
  for (std::int64_t k = 0; k < steps; ++k) {
    typename Ops::WeightVector row[kVectors];
    Ops::template LoadWeights<kVectors>(b, row);
#pragma GCC unroll 4
    for (int line = 0; line < kStepBytes; line += 64) {
      __builtin_prefetch(reinterpret_cast<const char*>(b + kAhead) + line);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const auto x = Ops::Broadcast(base[i / 3] + i % 3 * a_stride);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sum[i][j] = Ops::Dot(sum[i][j], x, row[j]);
    }
    b += kStep;
#pragma GCC unroll 8
    for (int g = 0; g < kBases; ++g) base[g] += Ops::kGroup;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      Ops::StoreSum(out + i * out_stride + j * V::kLanes, sum[i][j]);
    }
  }
}

// The same for `rows` <= kTileRows known at run time.
template <class V, class Ops, int kVectors, bool kAdd, int kRows = V::kTileRows>
inline void TileRows(int rows, const typename Ops::Activation* a, std::int64_t a_stride,
                     const typename Ops::Weight* b, std::int64_t steps, typename Ops::Sum* out,
                     std::int64_t out_stride) {
  if constexpr (kRows == 1) {
    Tile<V, Ops, 1, kVectors, kAdd>(a, a_stride, b, steps, out, out_stride);
  } else if (rows == kRows) {
    Tile<V, Ops, kRows, kVectors, kAdd>(a, a_stride, b, steps, out, out_stride);
  } else {
    TileRows<V, Ops, kVectors, kAdd, kRows - 1>(rows, a, a_stride, b, steps, out, out_stride);
  }
}

// The same for few rows, of kPanels panels side by side, `panel` weights apart: the products of a
// decoding step, bound by the memory that the weights come from. One row and one panel would be two
// chains of sums, whose latency is longer than the fetch of what they multiply; and the prefetch
// reaches as far ahead as memory is away, not the second-level cache. out: [rows, kPanels * width].
template <class V, class Ops, int kRows, int kPanels>
inline __attribute__((always_inline)) void StreamTile(
    const typename Ops::Activation* a, std::int64_t a_stride, const typename Ops::Weight* b,
    std::int64_t panel, std::int64_t steps, typename Ops::Sum* out, std::int64_t out_stride) {
  constexpr int kVectors = V::kTileVectors;
  constexpr int kStep = kVectors * V::kLanes * Ops::kGroup;
  constexpr int kStepBytes = kStep * static_cast<int>(sizeof(typename Ops::Weight));
  constexpr int kAheadBytes = 4096;
  typename Ops::SumVector sum[kRows][kPanels][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sum[i][p][j] = Ops::Zero();
    }
  }
  for (std::int64_t k = 0; k < steps; ++k) {
    typename Ops::WeightVector row[kPanels][kVectors];
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      const typename Ops::Weight* at = b + p * panel;
      Ops::template LoadWeights<kVectors>(at, row[p]);
#pragma GCC unroll 4
      for (int line = 0; line < kStepBytes; line += 64) {
        __builtin_prefetch(reinterpret_cast<const char*>(at) + kAheadBytes + line);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const auto x = Ops::Broadcast(a + i * a_stride);
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) {
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) sum[i][p][j] = Ops::Dot(sum[i][p][j], x, row[p][j]);
      }
    }
    a += Ops::kGroup;
    b += kStep;
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) {
        Ops::StoreSum(out + i * out_stride + (p * kVectors + j) * V::kLanes, sum[i][p][j]);
      }
    }
  }
}

// The same for `rows` <= kRows known at run time.
template <class V, class Ops, int kPanels, int kRows>
inline void StreamRows(int rows, const typename Ops::Activation* a, std::int64_t a_stride,
                       const typename Ops::Weight* b, std::int64_t panel, std::int64_t steps,
                       typename Ops::Sum* out, std::int64_t out_stride) {
  if constexpr (kRows == 1) {
    StreamTile<V, Ops, 1, kPanels>(a, a_stride, b, panel, steps, out, out_stride);
  } else if (rows == kRows) {
    StreamTile<V, Ops, kRows, kPanels>(a, a_stride, b, panel, steps, out, out_stride);
  } else {
    StreamRows<V, Ops, kPanels, kRows - 1>(rows, a, a_stride, b, panel, steps, out, out_stride);
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

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_TILE_INL_H_
