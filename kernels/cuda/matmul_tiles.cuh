// A product on tensor cores (mma.sync, sm_80 and later): the rung between the plain loops and
// cuBLASLt, and what runs where cuBLASLt is not installed.
//
// A block has 128 rows by 128 outputs, a warp 64 by 32 of them: in registers, 64 sums a thread. A
// and W pass through a ring of tiles of 32 inputs in shared memory. Rows there are five 16-byte
// pieces apart, so that the eight rows of an ldmatrix lie in different banks.
#ifndef ESPY_KERNELS_CUDA_MATMUL_TILES_CUH_
#define ESPY_KERNELS_CUDA_MATMUL_TILES_CUH_

#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/matmul.h"

namespace espy::cuda {

struct ProductTile {
  static constexpr int kRows = 128, kOutputs = 128, kDepth = 32;
  static constexpr int kWarpRows = 64, kWarpOutputs = 32;
  static constexpr int kWarpsDown = kRows / kWarpRows;
  static constexpr int kThreads = kWarpsDown * (kOutputs / kWarpOutputs) * 32;
  static constexpr int kPitch = (kDepth / 8 + 1) * 16;  // bytes
  static constexpr int kStages = 3;
  static constexpr int kBarrierBytes = 128;
  static constexpr int kStageBytes = (kRows + kOutputs) * kPitch;
  static constexpr int kSharedBytes = kBarrierBytes + kStages * kStageBytes;
};

// An element of the product, as it is stored.
template <class Out>
ESPY_DEVICE void StoreProduct(const MatmulArgs& args, std::int64_t row, int output, float sum) {
  if (args.bias != nullptr) sum += args.bias[output];
  sum = Activated(args.activation, sum);
  const std::int64_t at = row * args.out_stride + output;
  if (args.residual != nullptr) sum += args.residual[at];
  static_cast<Out*>(args.out)[at] = FromFloat<Out>(sum);
}

// A thread an element; grid (blocks of outputs, rows in turn).
template <class T, class Out>
ESPY_KERNEL MatmulReference(MatmulArgs args, int blocks_of_rows) {
  const int output = BlockX() * ThreadsOfBlock() + ThreadInBlock();
  if (output >= args.outputs) return;
  const T* w = static_cast<const T*>(args.weights) + output * args.weights_stride;
  for (std::int64_t row = BlockY(); row < args.rows; row += blocks_of_rows) {
    const T* a = static_cast<const T*>(args.a) + row * args.a_stride;
    float sum = 0;
    for (int i = 0; i < args.inputs; ++i) sum += ToFloat(a[i]) * ToFloat(w[i]);
    StoreProduct<Out>(args, row, output, sum);
  }
}

// All threads of the block begin to copy the inputs [depth, depth + 32) of the rows [first, first +
// rows) of x to `to`; what x does not have comes as zeros.
template <class T>
ESPY_DEVICE void CopyTile(const void* x, std::int64_t stride, int first, int rows, int present_rows,
                          int depth, int inputs, std::byte* to) {
  constexpr int kPieces = ProductTile::kDepth / 8;
  for (int i = ThreadInBlock(); i < rows * kPieces; i += ProductTile::kThreads) {
    const int row = i / kPieces, piece = i % kPieces;
    const int column = depth + piece * 8;
    const bool present = first + row < present_rows && column < inputs;
    const T* from = static_cast<const T*>(x) + (present ? (first + row) * stride + column : 0);
    CopyAsync16(to + row * ProductTile::kPitch + piece * 16, from, present);
  }
}

// The part of a block's tile that a warp has.
template <class T>
class WarpProduct {
  using Tile = ProductTile;
  static constexpr int kDown = Tile::kWarpRows / 16, kAcross = Tile::kWarpOutputs / 8;

 public:
  ESPY_DEVICE WarpProduct(int row, int output) : row_(row), output_(output) {
#pragma unroll
    for (int d = 0; d < kDown; ++d) {
#pragma unroll
      for (int c = 0; c < kAcross; ++c) {
#pragma unroll
        for (int i = 0; i < 4; ++i) sums_[d][c][i] = 0;
      }
    }
  }

  // a and w: the block's tiles of 32 inputs.
  ESPY_DEVICE void Add(const std::byte* a, const std::byte* w) {
    const int lane = ThreadInBlock() % 32;
    // Of the four 8 x 8 matrices of a load of A: 8 rows below, 8 inputs on, both; of W: 8 inputs
    // on, 8 outputs on, both.
    const std::byte* from_a = a + (row_ + lane % 16) * Tile::kPitch + lane / 16 * 16;
    const std::byte* from_w =
        w + (output_ + lane / 16 * 8 + lane % 8) * Tile::kPitch + lane / 8 % 2 * 16;
#pragma unroll
    for (int step = 0; step < Tile::kDepth / 16; ++step) {
      std::uint32_t right[kAcross / 2][4];
#pragma unroll
      for (int c = 0; c < kAcross / 2; ++c) {
        LoadMatrix4(from_w + c * 16 * Tile::kPitch + step * 32, right[c]);
      }
#pragma unroll
      for (int d = 0; d < kDown; ++d) {
        std::uint32_t left[4];
        LoadMatrix4(from_a + d * 16 * Tile::kPitch + step * 32, left);
#pragma unroll
        for (int c = 0; c < kAcross; ++c) {
          MultiplyAdd<T>(sums_[d][c], left, right[c / 2][c % 2 * 2], right[c / 2][c % 2 * 2 + 1]);
        }
      }
    }
  }

  template <class Out>
  ESPY_DEVICE void Store(const MatmulArgs& args, int first_row, int first_output) const {
    const int lane = ThreadInBlock() % 32;
#pragma unroll
    for (int d = 0; d < kDown; ++d) {
#pragma unroll
      for (int c = 0; c < kAcross; ++c) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int row = first_row + row_ + d * 16 + lane / 4 + i / 2 * 8;
          const int output = first_output + output_ + c * 8 + lane % 4 * 2 + i % 2;
          if (row < args.rows && output < args.outputs) {
            StoreProduct<Out>(args, row, output, sums_[d][c][i]);
          }
        }
      }
    }
  }

 private:
  int row_, output_;  // of the warp in the block's tile
  float sums_[kDown][kAcross][4];
};

// Grid (blocks of outputs, blocks of rows).
template <class T, class Out>
ESPY_KERNEL MatmulTensor(MatmulArgs args) {
  using Tile = ProductTile;
  const int first_output = BlockX() * Tile::kOutputs, first_row = BlockY() * Tile::kRows;
  const int warp = ThreadInBlock() / 32;
  const int tiles = (args.inputs + Tile::kDepth - 1) / Tile::kDepth;
  std::byte* shared = SharedMemory();
  auto* barriers = reinterpret_cast<Barrier*>(shared);
  const auto a_at = [&](int tile) {
    return shared + Tile::kBarrierBytes + tile % Tile::kStages * Tile::kStageBytes;
  };
  const auto w_at = [&](int tile) { return a_at(tile) + Tile::kRows * Tile::kPitch; };
  const auto bring = [&](int tile) {
    const int depth = tile * Tile::kDepth;
    CopyTile<T>(args.a, args.a_stride, first_row, Tile::kRows, args.rows, depth, args.inputs,
                a_at(tile));
    CopyTile<T>(args.weights, args.weights_stride, first_output, Tile::kOutputs, args.outputs,
                depth, args.inputs, w_at(tile));
    ArriveAfterCopies(barriers + tile % Tile::kStages);
  };
  if (ThreadInBlock() < Tile::kStages) InitBarrier(barriers + ThreadInBlock(), Tile::kThreads);
  SyncBlock();
  for (int tile = 0; tile < Tile::kStages - 1 && tile < tiles; ++tile) bring(tile);

  const int row = warp % Tile::kWarpsDown * Tile::kWarpRows;
  const int output = warp / Tile::kWarpsDown * Tile::kWarpOutputs;
  // A whole warp without a row or an output of the product only helps to copy.
  const bool idle = first_row + row >= args.rows || first_output + output >= args.outputs;
  WarpProduct<T> product(row, output);
  for (int tile = 0; tile < tiles; ++tile) {
    WaitBarrier(barriers + tile % Tile::kStages, tile / Tile::kStages % 2);
    // All have done with the tile before, whose place the next one takes.
    SyncBlock();
    if (tile + Tile::kStages - 1 < tiles) bring(tile + Tile::kStages - 1);
    if (!idle) product.Add(a_at(tile), w_at(tile));
  }
  if (!idle) product.template Store<Out>(args, first_row, first_output);
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_MATMUL_TILES_CUH_
