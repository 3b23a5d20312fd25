// One head of attention in tiles: kTileRows queries against a block of keys at a time.
//
// K is transposed and V copied into panels as wide as the matrix kernels' tile, once for each head,
// so that both products (scores = Q K^T, output += P V) are the register tile of tile-inl.h. A
// tile's scores over one block of keys stay in the first-level cache, where softmax turns them into
// weights in place; between blocks only (max, sum, output) of each query lives on
// (attention_state.h). Sequences of up to kKeyBlock keys take one block and are never rescaled.
// What is multiplied, FP32 or BF16, is a type of attention_operands-inl.h; scores, softmax and sums
// are FP32.
#ifndef ESPY_KERNELS_CPU_ATTENTION_INL_H_
#define ESPY_KERNELS_CPU_ATTENTION_INL_H_

#include <cstdint>

#include "kernels/attention_state.h"
#include "kernels/cpu/attention_operands-inl.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/tile-inl.h"

namespace espy::kernels::cpu {

// Keys of one block. kTileRows rows of scores (12 KiB for 6 x 512; 36 KiB for 12 x 768, on CPUs
// with AVX-512, whose first-level cache has 48) fit the first-level cache beside the panels
// streamed past them; K and V of a block of heads of 64 (256 and 384 KiB) fit the second level.
template <class V>
inline constexpr std::int64_t kKeyBlock = V::kLanes == 16 ? 768 : 512;

inline std::int64_t WholeGroups(std::int64_t n, std::int64_t group) {
  return (n + group - 1) / group * group;
}

template <class V>
inline std::int64_t PaddedToLanes(std::int64_t n) {
  return WholeGroups(n, V::kLanes);
}

// K and V of a head as panels, in floats from their start, each at a whole vector.
template <class V, class Kind>
struct AttentionPanels {
  AttentionPanels(std::int64_t keys, std::int64_t head_dim) {
    constexpr std::int64_t kGroup = Kind::Ops::kGroup;
    const auto floats = [](std::int64_t operands) {
      const auto bytes = operands * static_cast<std::int64_t>(sizeof(typename Kind::Operand));
      return PaddedToLanes<V>((bytes + 3) / 4);
    };
    values = floats(WholeGroups(head_dim, kGroup) * PaddedToLanes<V>(keys));
    end = values + floats(WholeGroups(keys, kGroup) * PaddedToLanes<V>(head_dim));
  }
  std::int64_t values, end;  // K's panels come first
};

template <class V, class Kind>
std::int64_t AttentionPanelFloats(std::int64_t keys, std::int64_t head_dim) {
  return AttentionPanels<V, Kind>(keys, head_dim).end;
}

// The parts of a head's scratch memory beside its panels, likewise.
template <class V, class Kind>
struct AttentionScratch {
  explicit AttentionScratch(std::int64_t head_dim) {
    padded_dim = PaddedToLanes<V>(head_dim);
    scores = PaddedToLanes<V>(Kind::QueryFloats(head_dim));
    sums = scores + V::kTileRows * kScoresStride;
    // A line past the end for the tiles' prefetch and rounding up.
    end = sums + V::kTileRows * (padded_dim + V::kTileVectors * V::kLanes) + 64;
  }
  static constexpr std::int64_t kScoresStride = kKeyBlock<V> + V::kTileVectors * V::kLanes;
  std::int64_t padded_dim;
  std::int64_t scores, sums, end;  // rounded queries come first
};

// With room for the panels when they are not packed yet.
template <class V, class Kind>
std::int64_t AttentionScratchFloats(std::int64_t keys, std::int64_t head_dim) {
  return AttentionPanels<V, Kind>(keys, head_dim).end + AttentionScratch<V, Kind>(head_dim).end;
}

// K and V of `head` as panels at `memory`, AttentionPanelFloats floats.
template <class V, class Kind>
void AttentionPack(const AttentionHead& head, float* memory) {
  using Ops = typename Kind::Ops;
  using Operand = typename Kind::Operand;
  constexpr std::int64_t kWidth = V::kTileVectors * V::kLanes;
  const std::int64_t dim = head.head_dim;
  const std::int64_t key_length = WholeGroups(dim, Ops::kGroup);
  const std::int64_t value_length = WholeGroups(head.keys, Ops::kGroup);
  auto* key_panels = reinterpret_cast<Operand*>(memory);
  auto* value_panels =
      reinterpret_cast<Operand*>(memory + AttentionPanels<V, Kind>(head.keys, dim).values);
  for (std::int64_t key = 0; key < head.keys; key += kWidth) {
    const std::int64_t width = head.keys - key > V::kLanes ? kWidth : V::kLanes;
    Kind::PackKeys(head.k + key * head.k_stride, head.k_stride, head.keys - key, dim, width,
                   key_panels + key * key_length);
  }
  for (std::int64_t column = 0; column < dim; column += kWidth) {
    const std::int64_t width = dim - column > V::kLanes ? kWidth : V::kLanes;
    Kind::PackValues(head.v, head.v_stride, head.keys, dim, column, width,
                     value_panels + column * value_length);
  }
}

// scores[0..padded) of one query become weights e^(scale * (score - max)), computed as powers of 2,
// in the place where they lie; those past `visible` become 0. `max` is that of the query's scores
// so far. Returns by what its output so far is to be scaled.
template <class V, class Kind>
inline float SoftmaxRow(float* scores, std::int64_t padded, std::int64_t visible, float scale,
                        float* max, AttentionState* state) {
  using F = typename V::F;
  const std::int64_t full = visible / V::kLanes * V::kLanes;
  float largest = -__builtin_inff();
  if (full > 0) {
    // Four maxima at once: one alone would wait for itself.
    constexpr int kChains = 4;
    F lanes[kChains];
    for (F& chain : lanes) chain = V::Load(scores);
    std::int64_t i = V::kLanes;
    for (; i + kChains * V::kLanes <= full; i += kChains * V::kLanes) {
#pragma GCC unroll 4
      for (int j = 0; j < kChains; ++j) {
        lanes[j] = V::Max(lanes[j], V::Load(scores + i + j * V::kLanes));
      }
    }
    for (; i < full; i += V::kLanes) lanes[0] = V::Max(lanes[0], V::Load(scores + i));
    largest = V::MaxLane(V::Max(V::Max(lanes[0], lanes[1]), V::Max(lanes[2], lanes[3])));
  }
  for (std::int64_t i = full; i < visible; ++i) {
    if (scores[i] > largest) largest = scores[i];
  }
  if (largest < *max) largest = *max;
  *max = largest;
  const float factor = state->Raise(scale * largest);
  // The largest score has the weight 1 exactly, however large it is.
  constexpr float kLog2e = 1.44269504f;
  const F minus_max = V::Set(-largest), to_binary = V::Set(scale * kLog2e);
  // A weight is no longer than its score: what is written was read before.
  auto* weights = reinterpret_cast<typename Kind::Operand*>(scores);
  F sum = V::Set(0.0f);
  std::int64_t i = 0;
  for (; i < full; i += V::kLanes) {
    const F weight = Kind::Exp2((V::Load(scores + i) + minus_max) * to_binary);
    Kind::StoreWeights(weights + i, weight);
    sum = sum + weight;
  }
  if (i < visible) {
    const F weight = Kind::Exp2((V::Load(scores + i) + minus_max) * to_binary);
    const F kept = V::KeepFirst(weight, visible - i);
    Kind::StoreWeights(weights + i, kept);
    sum = sum + kept;
    i += V::kLanes;
  }
  for (; i < padded; i += V::kLanes) Kind::StoreWeights(weights + i, V::Set(0.0f));
  state->sum += V::Sum(sum);
  return factor;
}

template <class V, class Kind>
void AttentionLoop(const AttentionHead& head) {
  using F = typename V::F;
  using Ops = typename Kind::Ops;
  using Operand = typename Kind::Operand;
  using Scratch = AttentionScratch<V, Kind>;
  constexpr std::int64_t kWidth = V::kTileVectors * V::kLanes;
  constexpr std::int64_t kOperandsPerFloat = sizeof(float) / sizeof(Operand);
  const std::int64_t dim = head.head_dim;
  const AttentionPanels<V, Kind> panels(head.keys, dim);
  const Scratch at(dim);
  const std::int64_t key_steps = (dim + Ops::kGroup - 1) / Ops::kGroup;
  const std::int64_t key_length = WholeGroups(dim, Ops::kGroup);
  const std::int64_t value_length = WholeGroups(head.keys, Ops::kGroup);
  float* scratch = head.scratch;
  const float* packed = head.panels;
  if (packed == nullptr) {
    AttentionPack<V, Kind>(head, scratch);
    packed = scratch;
    scratch += panels.end;
  }
  const auto* key_panels = reinterpret_cast<const Operand*>(packed);
  const auto* value_panels = reinterpret_cast<const Operand*>(packed + panels.values);
  float* scores = scratch + at.scores;
  float* sums = scratch + at.sums;

  const RowTiles<V> tiles(head.queries);
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const std::int64_t query = tiles.Begin(t);
    const std::int64_t rows = tiles.Begin(t + 1) - query;
    const int tile_rows = static_cast<int>(rows);
    std::int64_t q_stride;
    const Operand* q = Kind::Queries(head, query, rows, scratch, &q_stride);
    const std::int64_t last_key = head.causal ? query + rows : head.keys;
    AttentionState states[V::kTileRows];
    float max[V::kTileRows];
    for (float& score : max) score = -__builtin_inff();
    for (std::int64_t first = 0; first < last_key; first += kKeyBlock<V>) {
      const std::int64_t keys = last_key - first < kKeyBlock<V> ? last_key - first : kKeyBlock<V>;
      // Scores of this block. A causal block may end inside a panel: the panel's other keys are
      // computed and not used.
      std::int64_t padded = 0;
      for (; padded < keys;) {
        const std::int64_t key = first + padded;
        const Operand* panel = key_panels + key * key_length;
        if (head.keys - key > V::kLanes) {
          TileRows<V, Ops, V::kTileVectors, false>(tile_rows, q, q_stride, panel, key_steps,
                                                   scores + padded, Scratch::kScoresStride);
          padded += kWidth;
        } else {
          TileRows<V, Ops, 1, false>(tile_rows, q, q_stride, panel, key_steps, scores + padded,
                                     Scratch::kScoresStride);
          padded += V::kLanes;
        }
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        float* row = scores + r * Scratch::kScoresStride;
        std::int64_t visible = head.causal ? query + r + 1 - first : keys;
        visible = visible < 0 ? 0 : visible > keys ? keys : visible;
        if (visible == 0) {  // this query ends before the block: its weights here are nothing
          for (std::int64_t i = 0; i < padded; ++i) row[i] = 0.0f;
          continue;
        }
        const float factor =
            SoftmaxRow<V, Kind>(row, padded, visible, head.scale, &max[r], &states[r]);
        if (first == 0 || factor == 1.0f) continue;
        for (std::int64_t c = 0; c < at.padded_dim; c += V::kLanes) {
          float* sum = sums + r * at.padded_dim + c;
          V::Store(sum, V::Load(sum) * V::Set(factor));
        }
      }
      const auto* weights = reinterpret_cast<const Operand*>(scores);
      constexpr std::int64_t kStride = Scratch::kScoresStride * kOperandsPerFloat;
      const std::int64_t steps = (keys + Ops::kGroup - 1) / Ops::kGroup;
      for (std::int64_t column = 0; column < dim; column += kWidth) {
        const bool wide = dim - column > V::kLanes;
        const Operand* panel =
            value_panels + column * value_length + first * (wide ? kWidth : V::kLanes);
        float* sum = sums + column;
        if (wide && first == 0) {
          TileRows<V, Ops, V::kTileVectors, false>(tile_rows, weights, kStride, panel, steps, sum,
                                                   at.padded_dim);
        } else if (wide) {
          TileRows<V, Ops, V::kTileVectors, true>(tile_rows, weights, kStride, panel, steps, sum,
                                                  at.padded_dim);
        } else if (first == 0) {
          TileRows<V, Ops, 1, false>(tile_rows, weights, kStride, panel, steps, sum, at.padded_dim);
        } else {
          TileRows<V, Ops, 1, true>(tile_rows, weights, kStride, panel, steps, sum, at.padded_dim);
        }
      }
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      const F scale = V::Set(1.0f / states[r].sum);
      float* out = head.out + (query + r) * head.out_stride;
      const float* sum = sums + r * at.padded_dim;
      std::int64_t c = 0;
      for (; c + V::kLanes <= dim; c += V::kLanes) V::Store(out + c, V::Load(sum + c) * scale);
      if (c < dim) V::StoreFirst(out + c, V::Load(sum + c) * scale, dim - c);
    }
  }
}

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_ATTENTION_INL_H_
