// Attention on tensor cores (mma.sync, sm_80 and later) for the sequences of vision towers: from 50
// to some thousand tokens, any number of them, heads of 64 to 128.
//
// A warp has 16 queries, whose scores over 64 keys and whose output stay in registers; keys are
// counted in steps of 16, so that 197 tokens cost 13 x 13 steps and not those of tiles of 128. Q is
// read from global memory straight into fragments. K and V go to shared memory tile after tile,
// each tile with a barrier of its own; warps never wait for each other beyond that.
//
// While the K and V of a head fit there (on an H100 577 tokens of 64 and 729 of 72), they are
// brought once and every warp takes query tile after query tile. Longer sequences pass through a
// ring of tiles, a query tile to a warp.
//
// A head dimension is read as stored: 72 contracts over 80 columns, of which the last 8 are zeros
// that no memory holds. Rows are an odd number of 16-byte pieces apart, so that the eight rows of
// an ldmatrix lie in different banks.
#ifndef ESPY_KERNELS_CUDA_ATTENTION_FUSED_CUH_
#define ESPY_KERNELS_CUDA_ATTENTION_FUSED_CUH_

#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_reference.cuh"
#include "kernels/cuda/element.cuh"

namespace espy::cuda {

inline constexpr int kTileQueries = 16;  // of a warp
inline constexpr int kTileKeys = 64;     // between two looks at the running maximum
inline constexpr int kStepKeys = 16;     // what a product contracts over
inline constexpr int kRingTiles = 3;

template <int kDim>
struct FusedLayout {
  static constexpr int kContraction = (kDim + 15) / 16;  // products of 16 for a score
  static constexpr int kColumns = kDim / 8;              // tiles of 8 columns of the output
  static constexpr int kPitch = (kColumns | 1) * 16;     // bytes between rows in shared memory
  // Of K or V of `keys` keys.
  ESPY_HOST_DEVICE static constexpr int TileBytes(int keys) { return keys * kPitch; }
};

// Bytes in front of the tiles: a barrier a tile.
ESPY_HOST_DEVICE constexpr int BarrierBytes(int tiles) { return (tiles * 8 + 127) / 128 * 128; }

template <int kDim>
ESPY_HOST_DEVICE constexpr int ResidentBytes(int most_keys) {
  const int keys = (most_keys + kStepKeys - 1) / kStepKeys * kStepKeys;
  const int tiles = (keys + kTileKeys - 1) / kTileKeys;
  return BarrierBytes(tiles) + 2 * FusedLayout<kDim>::TileBytes(keys);
}
template <int kDim>
ESPY_HOST_DEVICE constexpr int RingBytes() {
  return BarrierBytes(kRingTiles) + kRingTiles * 2 * FusedLayout<kDim>::TileBytes(kTileKeys);
}

// The head of a sequence that a block works at.
template <class T>
struct FusedHead {
  const T* q;
  const T* k;
  const T* v;
  T* out;
  int queries, keys;

  ESPY_DEVICE FusedHead(const AttentionArgs& args, int sequence, int head) {
    const std::int64_t first_query = args.query_offsets[sequence];
    const std::int64_t first_key = args.key_offsets[sequence];
    const std::int64_t column = static_cast<std::int64_t>(head) * args.head_dim;
    q = static_cast<const T*>(args.q.data) + first_query * args.q.row_stride + column;
    k = static_cast<const T*>(args.k.data) + first_key * args.k.row_stride + column;
    v = static_cast<const T*>(args.v.data) + first_key * args.v.row_stride + column;
    out = static_cast<T*>(args.out) + first_query * args.out_stride + column;
    queries = args.query_offsets[sequence + 1] - static_cast<std::int32_t>(first_query);
    keys = args.key_offsets[sequence + 1] - static_cast<std::int32_t>(first_key);
  }
};

// All threads of the block begin to copy the keys [first, first + rows) of x to `to`, rows past
// `keys` as zeros: a weight of 0 must not meet a NaN in V.
template <class T, int kDim>
ESPY_DEVICE void CopyRows(const T* x, std::int64_t stride, int first, int rows, int keys,
                          std::byte* to) {
  using Layout = FusedLayout<kDim>;
  for (int i = ThreadInBlock(); i < rows * Layout::kColumns; i += ThreadsOfBlock()) {
    const int row = i / Layout::kColumns, piece = i % Layout::kColumns;
    const bool present = first + row < keys;
    const T* from = x + (present ? first + row : 0) * stride + piece * 8;
    CopyAsync16(to + row * Layout::kPitch + piece * 16, from, present);
  }
}

// Sixteen queries of a warp and what attention knows of them so far. A thread has two rows, lane /
// 4 and 8 below, and of them two neighbouring columns in every eight.
template <class T, int kDim>
class QueryTile {
  using Layout = FusedLayout<kDim>;

 public:
  ESPY_DEVICE QueryTile(const AttentionArgs& args, const FusedHead<T>& head, int first)
      : args_(args), head_(head), first_(first) {
    const int lane = ThreadInBlock() % 32;
    row_ = first + lane / 4;
    column_ = lane % 4 * 2;
#pragma unroll
    for (int k = 0; k < Layout::kContraction; ++k) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = row_ + i % 2 * 8, column = k * 16 + i / 2 * 8 + column_;
        q_[k][i] =
            row < head.queries && column < kDim
                ? *reinterpret_cast<const std::uint32_t*>(head.q + row * args.q.row_stride + column)
                : 0;
      }
    }
#pragma unroll
    for (int c = 0; c < Layout::kColumns; ++c) {
#pragma unroll
      for (int i = 0; i < 4; ++i) out_[c][i] = 0;
    }
  }

  // Keys that this tile's queries see: with a causal mask none beyond the last of them.
  ESPY_DEVICE int Sees() const {
    const int last = first_ + kTileQueries;
    return args_.causal && last < head_.keys ? last : head_.keys;
  }

  // Takes in the keys [first_key, first_key + 64) as far as they are seen; k and v are their rows.
  ESPY_DEVICE void Add(const std::byte* k, const std::byte* v, int first_key) {
    const int sees = Sees() - first_key;
    const int steps =
        sees >= kTileKeys ? kTileKeys / kStepKeys : (sees + kStepKeys - 1) / kStepKeys;
    float scores[kTileKeys / 8][4];
    Multiply(k, steps, scores);
    if (sees < kTileKeys || (args_.causal && first_key + kTileKeys > first_)) {
      Mask(first_key, scores);
    }
    Soften(scores);
    Accumulate(v, steps, scores);
  }

  ESPY_DEVICE void Store() {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float sum = sum_[half];
      sum += ShuffleXor(sum, 1);
      sum += ShuffleXor(sum, 2);
      const float inverse = 1.0f / sum;
      const int row = row_ + half * 8;
      if (row >= head_.queries) continue;
      T* to = head_.out + row * args_.out_stride + column_;
#pragma unroll
      for (int c = 0; c < Layout::kColumns; ++c) {
        *reinterpret_cast<std::uint32_t*>(to + c * 8) =
            Pack<T>(out_[c][half * 2] * inverse, out_[c][half * 2 + 1] * inverse);
      }
    }
  }

 private:
  // scores = Q K^T.
  ESPY_DEVICE void Multiply(const std::byte* k, int steps, float (&scores)[kTileKeys / 8][4]) {
    // Of the four 8 x 8 matrices of a load: two of 8 keys, each with two of 8 columns.
    const int lane = ThreadInBlock() % 32;
    const std::byte* from = k + (lane / 16 * 8 + lane % 8) * Layout::kPitch + lane / 8 % 2 * 16;
    constexpr int kWhole = kDim / 16;  // contractions with all of their columns in the head
#pragma unroll
    for (int step = 0; step < kTileKeys / kStepKeys; ++step) {
#pragma unroll
      for (int i = 0; i < 4; ++i) scores[step * 2][i] = scores[step * 2 + 1][i] = 0;
      if (step >= steps) continue;
#pragma unroll
      for (int c = 0; c < kWhole; ++c) {
        std::uint32_t keys[4];
        LoadMatrix4(from + step * kStepKeys * Layout::kPitch + c * 32, keys);
        MultiplyAdd<T>(scores[step * 2], q_[c], keys[0], keys[1]);
        MultiplyAdd<T>(scores[step * 2 + 1], q_[c], keys[2], keys[3]);
      }
      if constexpr (kWhole < Layout::kContraction) {
        std::uint32_t keys[2];
        LoadMatrix2(k + (step * kStepKeys + lane % 16) * Layout::kPitch + kWhole * 32, keys);
        MultiplyAdd<T>(scores[step * 2], q_[kWhole], keys[0], 0);
        MultiplyAdd<T>(scores[step * 2 + 1], q_[kWhole], keys[1], 0);
      }
    }
  }

  ESPY_DEVICE void Mask(int first_key, float (&scores)[kTileKeys / 8][4]) {
#pragma unroll
    for (int j = 0; j < kTileKeys / 8; ++j) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int key = first_key + j * 8 + column_ + i % 2;
        const int row = row_ + i / 2 * 8;
        if (key >= head_.keys || (args_.causal && key > row)) scores[j][i] = -Infinity();
      }
    }
  }

  // Scores become weights 2^(c (score - reference)), c = scale * log2 e. The reference follows the
  // largest score only once that is 8 powers of 2 above it: sums and products hold weights up to
  // 2^8 as well as those up to 1, and most tiles then leave the output as it is (Ye et al. 2025,
  // FlashAttention-4, has the same threshold).
  ESPY_DEVICE void Soften(float (&scores)[kTileKeys / 8][4]) {
    constexpr float kSlack = 8;
    const float to_binary = args_.scale * kLog2e;
    float factor[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float largest = -Infinity();
#pragma unroll
      for (int j = 0; j < kTileKeys / 8; ++j) {
        const float a = scores[j][half * 2], b = scores[j][half * 2 + 1];
        largest = a > largest ? a : largest;
        largest = b > largest ? b : largest;
      }
      const float beside = ShuffleXor(largest, 1);
      largest = beside > largest ? beside : largest;
      const float across = ShuffleXor(largest, 2);
      largest = across > largest ? across : largest;
      largest *= to_binary;
      factor[half] = 1;
      if (largest > reference_[half] + kSlack) {
        factor[half] = Exp2(reference_[half] - largest);
        reference_[half] = largest;
      }
      // A row of which nothing was seen yet has no reference.
      const float reference = reference_[half] == -Infinity() ? 0 : reference_[half];
      float sum = 0;
#pragma unroll
      for (int j = 0; j < kTileKeys / 8; ++j) {
#pragma unroll
        for (int i = half * 2; i < half * 2 + 2; ++i) {
          scores[j][i] = Exp2(scores[j][i] * to_binary - reference);
          sum += scores[j][i];
        }
      }
      sum_[half] = sum_[half] * factor[half] + sum;
    }
    if (!AnyLane(factor[0] != 1 || factor[1] != 1)) return;
#pragma unroll
    for (int c = 0; c < Layout::kColumns; ++c) {
#pragma unroll
      for (int i = 0; i < 4; ++i) out_[c][i] *= factor[i / 2];
    }
  }

  // out += weights V: the scores' fragments are those of a left operand already.
  ESPY_DEVICE void Accumulate(const std::byte* v, int steps,
                              const float (&weights)[kTileKeys / 8][4]) {
    // Of the four matrices of a load: two of 8 columns, each with two of 8 keys.
    const int lane = ThreadInBlock() % 32;
    const std::byte* from = v + lane % 16 * Layout::kPitch + lane / 16 * 16;
#pragma unroll
    for (int step = 0; step < kTileKeys / kStepKeys; ++step) {
      if (step >= steps) continue;
      const std::uint32_t a[4] = {Pack<T>(weights[step * 2][0], weights[step * 2][1]),
                                  Pack<T>(weights[step * 2][2], weights[step * 2][3]),
                                  Pack<T>(weights[step * 2 + 1][0], weights[step * 2 + 1][1]),
                                  Pack<T>(weights[step * 2 + 1][2], weights[step * 2 + 1][3])};
      const std::byte* rows = from + step * kStepKeys * Layout::kPitch;
#pragma unroll
      for (int c = 0; c + 1 < Layout::kColumns; c += 2) {
        std::uint32_t values[4];
        LoadMatrix4Transposed(rows + c * 16, values);
        MultiplyAdd<T>(out_[c], a, values[0], values[1]);
        MultiplyAdd<T>(out_[c + 1], a, values[2], values[3]);
      }
      if (Layout::kColumns % 2 == 1) {
        constexpr int kLast = Layout::kColumns - 1;
        std::uint32_t values[2];
        LoadMatrix2Transposed(v + (step * kStepKeys + lane % 16) * Layout::kPitch + kLast * 16,
                              values);
        MultiplyAdd<T>(out_[kLast], a, values[0], values[1]);
      }
    }
  }

  const AttentionArgs& args_;
  const FusedHead<T>& head_;
  int first_;   // query of the tile
  int row_;     // this thread's first
  int column_;  // this thread's first in every eight
  std::uint32_t q_[Layout::kContraction][4];
  float out_[Layout::kColumns][4];
  float reference_[2] = {-Infinity(), -Infinity()};
  float sum_[2] = {0, 0};  // of this thread's columns
};

// K and V of a head in shared memory whole. Grid: (sequences * splits, heads); the query tiles of a
// head are dealt to its `splits` blocks in turn.
template <class T, int kDim>
ESPY_KERNEL AttentionResident(AttentionArgs args, int splits) {
  using Layout = FusedLayout<kDim>;
  const int sequence = BlockX() / splits, split = BlockX() % splits;
  const FusedHead<T> head(args, sequence, BlockY());
  const int rows = (head.keys + kStepKeys - 1) / kStepKeys * kStepKeys;
  const int key_tiles = (rows + kTileKeys - 1) / kTileKeys;
  std::byte* shared = SharedMemory();
  auto* barriers = reinterpret_cast<Barrier*>(shared);
  std::byte* k = shared + BarrierBytes(key_tiles);
  std::byte* v = k + Layout::TileBytes(rows);
  for (int tile = ThreadInBlock(); tile < key_tiles; tile += ThreadsOfBlock()) {
    InitBarrier(barriers + tile, ThreadsOfBlock());
  }
  SyncBlock();
  for (int tile = 0; tile < key_tiles; ++tile) {
    const int first = tile * kTileKeys;
    const int count = rows - first < kTileKeys ? rows - first : kTileKeys;
    CopyRows<T, kDim>(head.k, args.k.row_stride, first, count, head.keys,
                      k + first * Layout::kPitch);
    CopyRows<T, kDim>(head.v, args.v.row_stride, first, count, head.keys,
                      v + first * Layout::kPitch);
    ArriveAfterCopies(barriers + tile);
  }
  const int warps = ThreadsOfBlock() / 32, warp = ThreadInBlock() / 32;
  const int query_tiles = (head.queries + kTileQueries - 1) / kTileQueries;
  for (int i = split * warps + warp; i < query_tiles; i += splits * warps) {
    QueryTile<T, kDim> tile(args, head, i * kTileQueries);
    const int sees = tile.Sees();
    for (int key = 0; key < sees; key += kTileKeys) {
      WaitBarrier(barriers + key / kTileKeys, 0);
      tile.Add(k + key * Layout::kPitch, v + key * Layout::kPitch, key);
    }
    tile.Store();
  }
  // A warp without a tile must not leave its copies under way.
  for (int tile = 0; tile < key_tiles; ++tile) WaitBarrier(barriers + tile, 0);
}

// K and V through a ring of tiles. Grid: (sequences * splits, heads), a block for as many query
// tiles as it has warps.
template <class T, int kDim>
ESPY_KERNEL AttentionRing(AttentionArgs args, int splits) {
  using Layout = FusedLayout<kDim>;
  const int sequence = BlockX() / splits, split = BlockX() % splits;
  const FusedHead<T> head(args, sequence, BlockY());
  const int warps = ThreadsOfBlock() / 32, warp = ThreadInBlock() / 32;
  const int first_query = split * warps * kTileQueries;
  if (first_query >= head.queries) return;
  // Of any of the block's queries.
  const int last_query = first_query + warps * kTileQueries;
  const int sees = args.causal && last_query < head.keys ? last_query : head.keys;
  const int key_tiles = (sees + kTileKeys - 1) / kTileKeys;
  std::byte* shared = SharedMemory();
  auto* barriers = reinterpret_cast<Barrier*>(shared);
  const auto keys_at = [&](int tile) {
    return shared + BarrierBytes(kRingTiles) + tile % kRingTiles * 2 * Layout::TileBytes(kTileKeys);
  };
  const auto values_at = [&](int tile) { return keys_at(tile) + Layout::TileBytes(kTileKeys); };
  const auto bring = [&](int tile) {
    const int first = tile * kTileKeys;
    CopyRows<T, kDim>(head.k, args.k.row_stride, first, kTileKeys, head.keys, keys_at(tile));
    CopyRows<T, kDim>(head.v, args.v.row_stride, first, kTileKeys, head.keys, values_at(tile));
    ArriveAfterCopies(barriers + tile % kRingTiles);
  };
  if (ThreadInBlock() < kRingTiles) InitBarrier(barriers + ThreadInBlock(), ThreadsOfBlock());
  SyncBlock();
  for (int tile = 0; tile < kRingTiles - 1 && tile < key_tiles; ++tile) bring(tile);

  QueryTile<T, kDim> queries(args, head, first_query + warp * kTileQueries);
  for (int tile = 0; tile < key_tiles; ++tile) {
    WaitBarrier(barriers + tile % kRingTiles, tile / kRingTiles % 2);
    // All have done with the tile before, whose place the next one takes.
    SyncBlock();
    if (tile + kRingTiles - 1 < key_tiles) bring(tile + kRingTiles - 1);
    if (tile * kTileKeys < queries.Sees()) {
      queries.Add(keys_at(tile), values_at(tile), tile * kTileKeys);
    }
  }
  queries.Store();
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_ATTENTION_FUSED_CUH_
