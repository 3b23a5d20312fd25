// The inner product of a query with a row, to the bit as index/dot.h defines it.
//
// Four neighbouring threads of a warp have a row together: thread t of the four holds the lanes
// 8 t to 8 t + 7 of the 32, which are 16 bytes of every 64 of the row. A load of the warp reads 64
// whole bytes of each of eight rows, and the folds over 16 and 8 lanes are two shuffles.
#ifndef ESPY_KERNELS_CUDA_SEARCH_DOT_CUH_
#define ESPY_KERNELS_CUDA_SEARCH_DOT_CUH_

#include <cstdint>

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/search.h"

namespace espy::cuda {

inline constexpr int kRowThreads = 4;   // that share a row
inline constexpr int kThreadLanes = 8;  // sums of each
inline constexpr int kPieceHalves = kRowThreads * kThreadLanes;

struct alignas(16) Four {
  float numbers[4];
};

ESPY_DEVICE bool IsAllowed(const SearchRows& in, std::int64_t row) {
  return in.allowed == nullptr || (in.allowed[row / 32] >> (row % 32) & 1u) != 0;
}

ESPY_DEVICE const Half* RowAt(const SearchRows& in, std::int64_t row) {
  return static_cast<const Half*>(in.halves) + row * in.width;
}

// A bound on the square root of x, which is 0 or more, from above: by less than 2^-8 of it, which
// covers the roundings of a sum of squares of as many numbers as a row has.
ESPY_DEVICE float RootFromAbove(float x) {
  if (x == 0 || x == Infinity()) return x;
  return x * ReciprocalRoot(x) * (1 + 0x1p-9f);
}

// Eight numbers of a register quadruple.
ESPY_DEVICE void Unpack(const std::uint32_t (&pairs)[4], float (&numbers)[kThreadLanes]) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    numbers[2 * i] = HalfToFloat(static_cast<std::uint16_t>(pairs[i] & 0xffffu));
    numbers[2 * i + 1] = HalfToFloat(static_cast<std::uint16_t>(pairs[i] >> 16));
  }
}

// 16, 8, 4, 2, 1. All four threads get the sum.
ESPY_DEVICE float Fold(float (&lanes)[kThreadLanes]) {
#pragma unroll
  for (int i = 0; i < kThreadLanes; ++i) lanes[i] += ShuffleXor(lanes[i], 2);
#pragma unroll
  for (int i = 0; i < kThreadLanes; ++i) lanes[i] += ShuffleXor(lanes[i], 1);
#pragma unroll
  for (int half = kThreadLanes / 2; half > 0; half /= 2) {
#pragma unroll
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

// scores[r][q] = Dot(query q, row r). A null row is not read; its scores mean nothing. All lanes of
// the warp take part. queries: [kQueries, width] at a multiple of 16 bytes.
template <int kRows, int kQueries>
ESPY_DEVICE void ScoreRows(const Half* const (&rows)[kRows], const float* queries,
                           std::int32_t width, float (&scores)[kRows][kQueries]) {
  float lanes[kRows][kQueries][kThreadLanes];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
#pragma unroll
    for (int q = 0; q < kQueries; ++q) {
#pragma unroll
      for (int i = 0; i < kThreadLanes; ++i) lanes[r][q][i] = 0;
    }
  }
  const int mine = ThreadInBlock() % kRowThreads * kThreadLanes;
#pragma unroll(kQueries > 4 ? 1 : 2)  // registers for two of each row's loads
  for (int at = mine; at < width; at += kPieceHalves) {
    std::uint32_t pairs[kRows][4] = {};
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (rows[r] != nullptr) LoadOnce16(rows[r] + at, pairs[r]);
    }
    float numbers[kRows][kThreadLanes];
#pragma unroll
    for (int r = 0; r < kRows; ++r) Unpack(pairs[r], numbers[r]);
#pragma unroll
    for (int q = 0; q < kQueries; ++q) {
      const auto* query =
          reinterpret_cast<const Four*>(queries + static_cast<std::int64_t>(q) * width + at);
      const Four fours[2] = {query[0], query[1]};
#pragma unroll
      for (int i = 0; i < kThreadLanes; ++i) {
        const float x = fours[i / 4].numbers[i % 4];
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
          lanes[r][q][i] = FusedMultiplyAdd(x, numbers[r][i], lanes[r][q][i]);
        }
      }
    }
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
#pragma unroll
    for (int q = 0; q < kQueries; ++q) scores[r][q] = Fold(lanes[r][q]);
  }
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_SEARCH_DOT_CUH_
