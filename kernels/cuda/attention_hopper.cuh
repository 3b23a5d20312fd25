// Attention by products of warpgroups (wgmma) and copies of boxes (TMA), for sm_90a. A block has a
// warpgroup that brings K and V and one or two that compute; each of those takes 64 queries at a
// time, 16 a warp, with their scores over kWidth keys, their output and Q itself in registers.
//
// K and V lie in stages of kWidth keys. Where all of a head's fit into shared memory there is a
// stage for each and they are brought once; else stages are a ring, and a block has one tile of
// queries for each of its warpgroups, so that it too reads K and V once. kWidth is chosen at the
// start so that 50, 197, 257, 577 and 729 keys leave little of the last stage empty; up to 128
// keys, or 200 of heads of 64, are one stage, whose softmax is a single pass.
//
// A row of 64 numbers is 128 bytes, the widest swizzle's span; what a head has beyond 64 lies in a
// second panel of 16, 32 or 64 columns (72 and 88 are filled up with zeros by the copy).
// Descriptors point into such panels: along the head for scores, across the keys for outputs
// (transposed).
#ifndef ESPY_KERNELS_CUDA_ATTENTION_HOPPER_CUH_
#define ESPY_KERNELS_CUDA_ATTENTION_HOPPER_CUH_

#include "kernels/cuda/attention_queries.cuh"
#ifdef __CUDACC__
#include "kernels/cuda/instructions_hopper.cuh"
#define ESPY_GRID_CONSTANT __grid_constant__
#else
#include "kernels/cuda/emulation/instructions_hopper.h"
#define ESPY_GRID_CONSTANT
#endif

namespace espy::cuda {

inline constexpr int kGroupThreads = 128;
inline constexpr int kGroupQueries = 64;
inline constexpr int kMostGroups = 2;  // that compute
inline constexpr int kMostStages = 24;
inline constexpr int kSwizzleBytes = 1024;  // after which the widest swizzle's pattern repeats

template <int kDim, int kWidth>
struct HopperLayout {
  // Columns of the panels.
  static constexpr int kRest = kDim <= 64 ? 0 : kDim <= 80 ? 16 : kDim <= 96 ? 32 : 64;
  static constexpr int kPanels = kRest == 0 ? 1 : 2;
  // A product over keys takes 16 at once.
  static constexpr int kSteps = (kWidth + 15) / 16;
  static constexpr int kValueRows = kSteps * 16;
  static constexpr int kStageBytes = (kWidth + kValueRows) * (64 + kRest) * 2;
};

struct HopperMaps {
  TensorMap keys[2];  // by panel
  TensorMap values[2];
};

// Where a stage's panels lie: first all stages' wide ones, whose sizes keep the pattern's
// alignment.
template <int kDim, int kWidth>
class HopperStages {
  using Layout = HopperLayout<kDim, kWidth>;

 public:
  ESPY_DEVICE HopperStages(std::byte* begin, int stages) : begin_(begin), stages_(stages) {}

  ESPY_DEVICE std::byte* Keys(int stage, int panel) const {
    return panel == 0 ? begin_ + stage * (kWidth * 128)
                      : Rest() + stage * (kWidth * Layout::kRest * 2);
  }
  ESPY_DEVICE std::byte* Values(int stage, int panel) const {
    return panel == 0 ? begin_ + stages_ * (kWidth * 128) + stage * (Layout::kValueRows * 128)
                      : Rest() + stages_ * (kWidth * Layout::kRest * 2) +
                            stage * (Layout::kValueRows * Layout::kRest * 2);
  }

 private:
  ESPY_DEVICE std::byte* Rest() const {
    return begin_ + stages_ * ((kWidth + Layout::kValueRows) * 128);
  }
  std::byte* begin_;
  int stages_;
};

// PTX ISA, "Matrix Descriptor Format". Rows of `span` bytes, groups of 8 rows one after another;
// the leading offset is not used, since no operand is wider than a span.
ESPY_DEVICE std::uint64_t PanelDescriptor(const std::byte* at, int span) {
  const std::uint64_t mode = span == 128 ? 1 : span == 64 ? 2 : 3;
  return static_cast<std::uint64_t>((SharedAddress(at) & 0x3ffffu) >> 4) | std::uint64_t{1} << 16 |
         static_cast<std::uint64_t>(span * 8 / 16) << 32 | mode << 62;
}

struct HopperBarriers {
  Barrier* keys;    // [stages]: K of the stage is there
  Barrier* values;  // [stages]: V
  Barrier* free;    // [stages]: nobody reads it any more
  Barrier* last;    // V of the last stage is there, zeros behind its last key
};

// A warp's sixteen of its warpgroup's 64 queries.
template <class T, int kDim, int kWidth>
class HopperQueries : public WarpQueries<T, kDim> {
  using Layout = HopperLayout<kDim, kWidth>;
  using Stages = HopperStages<kDim, kWidth>;
  using Base = WarpQueries<T, kDim>;
  using Base::head_;
  using Base::kColumns;
  using Base::kContraction;
  using Base::out_;
  using Base::q_;

 public:
  // `first` is the warpgroup's first query.
  ESPY_DEVICE HopperQueries(const AttentionArgs& args, const FusedHead<T>& head, int first)
      : Base(args, head, first + ThreadInBlock() / 32 % 4 * kTileQueries),
        end_(first + kGroupQueries) {}

  // Keys that the warpgroup's queries see.
  ESPY_DEVICE int Sees() const { return Base::Sees(end_); }

  // The keys from first_key on, which lie in `stage`; K is there, V once `values` is in `parity`.
  ESPY_DEVICE void Add(const Stages& stages, int stage, int first_key, Barrier* values,
                       int parity) {
    float scores[kWidth / 8][4];
    BeginProducts(q_, scores);
    Multiply<0>(stages, stage, scores);
    EndProducts(scores);
    this->Soften(first_key, scores);
    std::uint32_t weights[Layout::kSteps][4];
#pragma unroll
    for (int step = 0; step < Layout::kSteps; ++step) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int tile = step * 2 + i / 2, row = i % 2 * 2;
        // Of an odd number of eights the last step's second is nothing.
        weights[step][i] =
            tile < kWidth / 8 ? Pack<T>(scores[tile][row], scores[tile][row + 1]) : 0;
      }
    }
    WaitBarrier(values, parity);
    BeginProducts(weights, out_);
#pragma unroll
    for (int step = 0; step < Layout::kSteps; ++step) {
      constexpr int kFirstPanel = kDim < 64 ? kDim : 64;
      WarpgroupMultiply<T, kFirstPanel, 0, true, true>(
          out_, weights[step], PanelDescriptor(stages.Values(stage, 0) + step * 16 * 128, 128));
      if constexpr (Layout::kPanels == 2) {
        constexpr int kSpan = Layout::kRest * 2;
        WarpgroupMultiply<T, kDim - 64, 8, true, true>(
            out_, weights[step],
            PanelDescriptor(stages.Values(stage, 1) + step * 16 * kSpan, kSpan));
      }
    }
    EndProducts(out_);
  }

 private:
  // scores = Q K^T, 16 columns of the head after another.
  template <int kStep>
  ESPY_DEVICE void Multiply(const Stages& stages, int stage, float (&scores)[kWidth / 8][4]) {
    if constexpr (kStep < kContraction) {
      constexpr int kPanel = kStep / 4, kSpan = kPanel == 0 ? 128 : Layout::kRest * 2;
      WarpgroupMultiply<T, kWidth, 0, false, (kStep > 0)>(
          scores, q_[kStep], PanelDescriptor(stages.Keys(stage, kPanel) + kStep % 4 * 32, kSpan));
      Multiply<kStep + 1>(stages, stage, scores);
    }
  }

  int end_;
};

// The warpgroup that brings `tiles` stages' worth of K and V, and clears what follows the last key.
template <class T, int kDim, int kWidth>
ESPY_DEVICE void BringKeys(const HopperMaps& maps, const FusedHead<T>& head, int first_row,
                           int tiles, int stages, const HopperBarriers& barriers,
                           const HopperStages<kDim, kWidth>& at) {
  using Layout = HopperLayout<kDim, kWidth>;
  constexpr int kBytes = kWidth * (64 + Layout::kRest) * 2;
  if (ThreadInBlock() >= 32) return;
  const int lane = ThreadInBlock();
  for (int tile = 0; lane == 0 && tile < tiles; ++tile) {
    const int stage = tile % stages, turn = tile / stages;
    if (turn > 0) WaitBarrier(barriers.free + stage, (turn - 1) % 2);
    const int row = first_row + tile * kWidth;
    ArriveExpecting(barriers.keys + stage, kBytes);
    for (int panel = 0; panel < Layout::kPanels; ++panel) {
      CopyBox(maps.keys[panel], panel * 64, BlockY(), row, at.Keys(stage, panel),
              barriers.keys + stage);
    }
    ArriveExpecting(barriers.values + stage, kBytes);
    for (int panel = 0; panel < Layout::kPanels; ++panel) {
      CopyBox(maps.values[panel], panel * 64, BlockY(), row, at.Values(stage, panel),
              barriers.values + stage);
    }
  }
  SyncWarp();
  const int last = tiles - 1, keys = head.keys - last * kWidth;
  if (keys >= kWidth) return;
  // Rows of the next sequence have come along: a weight of 0 must not meet a NaN of theirs.
  const int stage = last % stages;
  WaitBarrier(barriers.values + stage, last / stages % 2);
  for (int panel = 0; panel < Layout::kPanels; ++panel) {
    const int span = panel == 0 ? 128 : Layout::kRest * 2;
    std::byte* rows = at.Values(stage, panel);
    for (int i = keys * span + lane * 4; i < kWidth * span; i += 32 * 4) {
      *reinterpret_cast<std::uint32_t*>(rows + i) = 0;
    }
  }
  FenceForCopies();
  SyncWarp();
  if (lane == 0) Arrive(barriers.last);
}

// Grid: (sequences * splits, heads), a warpgroup more than those that compute. Tiles of 64 queries
// are dealt to the blocks of a head, and in them to the warpgroups, in turn; where a head has more
// tiles of keys than there are stages, splits leave each warpgroup one tile at most.
template <class T, int kDim, int kWidth>
ESPY_KERNEL ESPY_BLOCKS((kMostGroups + 1) * kGroupThreads, 1)
    AttentionHopper(AttentionArgs args, const ESPY_GRID_CONSTANT HopperMaps maps, int splits,
                    int stages) {
  using Layout = HopperLayout<kDim, kWidth>;
  const int sequence = BlockX() / splits, split = BlockX() % splits;
  const FusedHead<T> head(args, sequence, BlockY());
  const int groups = ThreadsOfBlock() / kGroupThreads - 1;
  const int query_tiles = (head.queries + kGroupQueries - 1) / kGroupQueries;
  const int first_tile = split * groups, stride = splits * groups;
  if (first_tile >= query_tiles) return;
  // Of any of the block's queries.
  int last_tile = first_tile + (query_tiles - 1 - first_tile) / stride * stride + groups - 1;
  last_tile = last_tile < query_tiles ? last_tile : query_tiles - 1;
  const int end = (last_tile + 1) * kGroupQueries;
  const int sees = args.causal && end < head.keys ? end : head.keys;
  const int tiles = (sees + kWidth - 1) / kWidth;
  const bool ring = tiles > stages;

  auto* barrier = reinterpret_cast<Barrier*>(SharedMemory());
  const HopperBarriers barriers{barrier, barrier + stages, barrier + 2 * stages,
                                barrier + 3 * stages};
  std::byte* begin = SharedMemory() + (3 * kMostStages + 1) * sizeof(Barrier);
  begin += (kSwizzleBytes - SharedAddress(begin) % kSwizzleBytes) % kSwizzleBytes;
  const HopperStages<kDim, kWidth> at(begin, stages);
  if (ThreadInBlock() == 0) {
    for (int stage = 0; stage < stages; ++stage) {
      InitBarrier(barriers.keys + stage, 1);
      InitBarrier(barriers.values + stage, 1);
      InitBarrier(barriers.free + stage, groups * 4);
    }
    InitBarrier(barriers.last, 1);
  }
  // Rows of V that no copy writes, but the last product of a stage reads.
  if constexpr (Layout::kValueRows > kWidth) {
    for (int stage = 0; stage < stages; ++stage) {
      for (int panel = 0; panel < Layout::kPanels; ++panel) {
        const int span = panel == 0 ? 128 : Layout::kRest * 2;
        std::byte* rows = at.Values(stage, panel);
        for (int i = kWidth * span + ThreadInBlock() * 4; i < Layout::kValueRows * span;
             i += ThreadsOfBlock() * 4) {
          *reinterpret_cast<std::uint32_t*>(rows + i) = 0;
        }
      }
    }
  }
  FenceForCopies();
  SyncBlock();

  if (ThreadInBlock() < kGroupThreads) {
    GiveRegisters<24>();
    BringKeys<T, kDim, kWidth>(maps, head, args.key_offsets[sequence], tiles, stages, barriers, at);
    return;
  }
  TakeRegisters<240>();
  const int group = ThreadInBlock() / kGroupThreads - 1;
  const auto release = [&](int stage) {
    SyncWarp();
    if (ring && ThreadInBlock() % 32 == 0) Arrive(barriers.free + stage);
  };
  // The first tile whose V ends before its stage does.
  const int short_tile = head.keys / kWidth;
  int done = 0;
  for (int i = first_tile + group; i < query_tiles; i += stride) {
    HopperQueries<T, kDim, kWidth> queries(args, head, i * kGroupQueries);
    const int own = (queries.Sees() + kWidth - 1) / kWidth;
    for (int tile = 0; tile < own; ++tile) {
      const int stage = tile % stages, parity = tile / stages % 2;
      WaitBarrier(barriers.keys + stage, parity);
      const bool cleared = tile == short_tile;
      queries.Add(at, stage, tile * kWidth, cleared ? barriers.last : barriers.values + stage,
                  cleared ? 0 : parity);
      release(stage);
    }
    done = own;
    queries.Store();
  }
  // Stages of a ring that only the other warpgroup has a use for.
  for (int tile = done; ring && tile < tiles; ++tile) {
    WaitBarrier(barriers.keys + tile % stages, tile / stages % 2);
    release(tile % stages);
  }
}

template <int kDim, int kWidth>
constexpr int HopperBytes(int stages) {
  return (3 * kMostStages + 1) * static_cast<int>(sizeof(Barrier)) + kSwizzleBytes +
         stages * HopperLayout<kDim, kWidth>::kStageBytes;
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_ATTENTION_HOPPER_CUH_
