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
#include "kernels/cuda/attention_queries.cuh"
#include "kernels/cuda/element.cuh"

namespace espy::cuda {

inline constexpr int kTileKeys = 64;  // between two looks at the running maximum
inline constexpr int kStepKeys = 16;  // what a product contracts over
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

// A warp's queries against K and V in rows of kPitch bytes.
template <class T, int kDim>
class QueryTile : public WarpQueries<T, kDim> {
  using Layout = FusedLayout<kDim>;
  using Base = WarpQueries<T, kDim>;
  using Base::first_;
  using Base::out_;
  using Base::q_;

 public:
  ESPY_DEVICE QueryTile(const AttentionArgs& args, const FusedHead<T>& head, int first)
      : Base(args, head, first) {}

  // Keys that this tile's queries see.
  ESPY_DEVICE int Sees() const { return Base::Sees(first_ + kTileQueries); }

  // Takes in the keys [first_key, first_key + 64) as far as they are seen; k and v are their rows.
  ESPY_DEVICE void Add(const std::byte* k, const std::byte* v, int first_key) {
    const int sees = Sees() - first_key;
    const int steps =
        sees >= kTileKeys ? kTileKeys / kStepKeys : (sees + kStepKeys - 1) / kStepKeys;
    float scores[kTileKeys / 8][4];
    Multiply(k, steps, scores);
    this->Soften(first_key, scores);
    Accumulate(v, steps, scores);
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
