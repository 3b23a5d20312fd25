// One head of attention in tiles: kTileRows queries against a block of keys at a time.
//
// K is transposed and V copied into panels as wide as the matrix kernels' tile, once for each head,
// so that both products (scores = Q K^T, output += P V) are the register tile of tile-inl.h. A
// tile's scores over one block of keys stay in the first-level cache, where softmax turns them into
// weights in place; between blocks only (max, sum, output) of each query lives on
// (attention_state.h). Sequences of up to kKeyBlock keys take one block and are never rescaled.
#ifndef ESPY_KERNELS_CPU_ATTENTION_INL_H_
#define ESPY_KERNELS_CPU_ATTENTION_INL_H_

#include <cstdint>

#include "kernels/attention_state.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/math-inl.h"
#include "kernels/cpu/tile-inl.h"

namespace espy::kernels::cpu {

// Keys of one block. kTileRows rows of scores (12 KiB for 6 x 512) fit the first-level cache beside
// the panels streamed past them; K and V of a block of heads of 64 (256 KiB) fit the second level.
inline constexpr std::int64_t kKeyBlock = 512;

template <class V>
inline std::int64_t PaddedToLanes(std::int64_t n) {
  return (n + V::kLanes - 1) / V::kLanes * V::kLanes;
}

template <class V>
std::int64_t AttentionScratchFloats(std::int64_t keys, std::int64_t head_dim) {
  // K panels, V panels, scores, outputs; and a line between them for the tiles' prefetch and
  // rounding up.
  return head_dim * PaddedToLanes<V>(keys) + keys * PaddedToLanes<V>(head_dim) +
         V::kTileRows * (kKeyBlock + V::kTileVectors * V::kLanes) +
         V::kTileRows * (PaddedToLanes<V>(head_dim) + V::kTileVectors * V::kLanes) + 64;
}

// `panels` becomes x^T in panels: panel p is [dim, width] with key p * kWidth + j in column j; keys
// past the last are 0.
template <class V>
void PackKeys(const float* x, std::int64_t stride, std::int64_t keys, std::int64_t dim,
              float* panels) {
  constexpr std::int64_t kWidth = V::kTileVectors * V::kLanes;
  for (std::int64_t key = 0; key < keys; key += kWidth) {
    const std::int64_t width = keys - key > V::kLanes ? kWidth : V::kLanes;
    for (std::int64_t j = 0; j < width; j += V::kLanes) {
      const float* rows = x + (key + j) * stride;
      const std::int64_t present = keys - key - j;
      std::int64_t c = 0;
      for (; c + V::kLanes <= dim && present > 0; c += V::kLanes) {
        float* to = panels + c * width + j;
        if (present >= V::kLanes) {
          V::Transpose(rows + c, stride, to, width);
          continue;
        }
        float square[V::kLanes * V::kLanes] = {};
        for (std::int64_t i = 0; i < present; ++i) {
          V::Store(square + i * V::kLanes, V::Load(rows + i * stride + c));
        }
        V::Transpose(square, V::kLanes, to, width);
      }
      for (; c < dim; ++c) {
        for (int i = 0; i < V::kLanes; ++i) {
          panels[c * width + j + i] = i < present ? rows[i * stride + c] : 0.0f;
        }
      }
    }
    panels += dim * width;
  }
}

// `panels` becomes x in panels: panel p is [keys, width] with columns [p * kWidth, + width) of x;
// columns past dim are 0.
template <class V>
void PackValues(const float* x, std::int64_t stride, std::int64_t keys, std::int64_t dim,
                float* panels) {
  constexpr std::int64_t kWidth = V::kTileVectors * V::kLanes;
  for (std::int64_t column = 0; column < dim; column += kWidth) {
    const std::int64_t width = dim - column > V::kLanes ? kWidth : V::kLanes;
    for (std::int64_t key = 0; key < keys; ++key) {
      for (std::int64_t j = 0; j < width; j += V::kLanes) {
        const float* from = x + key * stride + column + j;
        const std::int64_t present = dim - column - j;
        V::Store(panels + j, present >= V::kLanes ? V::Load(from)
                                                  : V::LoadFirst(from, present > 0 ? present : 0));
      }
      panels += width;
    }
  }
}

// scores[0..padded) of one query become weights e^(scale * (score - max)), computed as powers of 2;
// those past `visible` become 0. `max` is that of the query's scores so far. Returns by what its
// output so far is to be scaled.
template <class V>
inline float SoftmaxRow(float* scores, std::int64_t padded, std::int64_t visible, float scale,
                        float* max, AttentionState* state) {
  using F = typename V::F;
  std::int64_t full = 0;
  float largest = -__builtin_inff();
  if (visible >= V::kLanes) {
    F lanes = V::Load(scores);
    for (full = V::kLanes; full + V::kLanes <= visible; full += V::kLanes) {
      lanes = V::Max(lanes, V::Load(scores + full));
    }
    largest = V::MaxLane(lanes);
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
  F sum = V::Set(0.0f);
  std::int64_t i = 0;
  for (; i < full; i += V::kLanes) {
    const F weight = Exp2Vector<V>((V::Load(scores + i) + minus_max) * to_binary);
    V::Store(scores + i, weight);
    sum = sum + weight;
  }
  if (i < visible) {
    const F weight = Exp2Vector<V>((V::Load(scores + i) + minus_max) * to_binary);
    const F kept = V::KeepFirst(weight, visible - i);
    V::Store(scores + i, kept);
    sum = sum + kept;
    i += V::kLanes;
  }
  for (; i < padded; i += V::kLanes) V::Store(scores + i, V::Set(0.0f));
  state->sum += V::Sum(sum);
  return factor;
}

template <class V>
void AttentionLoop(const AttentionHead& head) {
  using F = typename V::F;
  constexpr std::int64_t kWidth = V::kTileVectors * V::kLanes;
  const std::int64_t dim = head.head_dim;
  const std::int64_t padded_dim = PaddedToLanes<V>(dim);
  float* key_panels = head.scratch;
  float* value_panels = key_panels + dim * PaddedToLanes<V>(head.keys);
  float* scores = value_panels + head.keys * padded_dim;
  const std::int64_t scores_stride = kKeyBlock + kWidth;
  float* sums = scores + V::kTileRows * scores_stride;
  PackKeys<V>(head.k, head.k_stride, head.keys, dim, key_panels);
  PackValues<V>(head.v, head.v_stride, head.keys, dim, value_panels);

  const RowTiles<V> tiles(head.queries);
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const std::int64_t query = tiles.Begin(t);
    const std::int64_t rows = tiles.Begin(t + 1) - query;
    const int tile_rows = static_cast<int>(rows);
    const std::int64_t last_key = head.causal ? query + rows : head.keys;
    AttentionState states[V::kTileRows];
    float max[V::kTileRows];
    for (float& score : max) score = -__builtin_inff();
    for (std::int64_t first = 0; first < last_key; first += kKeyBlock) {
      const std::int64_t keys = last_key - first < kKeyBlock ? last_key - first : kKeyBlock;
      // Scores of this block. A causal block may end inside a panel: the panel's other keys are
      // computed and not used.
      std::int64_t padded = 0;
      for (; padded < keys;) {
        const std::int64_t key = first + padded;
        const float* panel = key_panels + key * dim;
        if (head.keys - key > V::kLanes) {
          TileRows<V, Float32Operands<V>, V::kTileVectors, false>(
              tile_rows, head.q + query * head.q_stride, head.q_stride, panel, dim, scores + padded,
              scores_stride);
          padded += kWidth;
        } else {
          TileRows<V, Float32Operands<V>, 1, false>(tile_rows, head.q + query * head.q_stride,
                                                    head.q_stride, panel, dim, scores + padded,
                                                    scores_stride);
          padded += V::kLanes;
        }
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        std::int64_t visible = head.causal ? query + r + 1 - first : keys;
        visible = visible < 0 ? 0 : visible > keys ? keys : visible;
        if (visible == 0) {  // this query ends before the block: its weights here are nothing
          for (std::int64_t i = 0; i < padded; ++i) scores[r * scores_stride + i] = 0.0f;
          continue;
        }
        const float factor = SoftmaxRow<V>(scores + r * scores_stride, padded, visible, head.scale,
                                           &max[r], &states[r]);
        if (first == 0 || factor == 1.0f) continue;
        for (std::int64_t c = 0; c < padded_dim; c += V::kLanes) {
          float* sum = sums + r * padded_dim + c;
          V::Store(sum, V::Load(sum) * V::Set(factor));
        }
      }
      for (std::int64_t column = 0; column < dim; column += kWidth) {
        const bool wide = dim - column > V::kLanes;
        const std::int64_t width = wide ? kWidth : V::kLanes;
        const float* panel = value_panels + column * head.keys + first * width;
        float* sum = sums + column;
        if (wide && first == 0) {
          TileRows<V, Float32Operands<V>, V::kTileVectors, false>(tile_rows, scores, scores_stride,
                                                                  panel, keys, sum, padded_dim);
        } else if (wide) {
          TileRows<V, Float32Operands<V>, V::kTileVectors, true>(tile_rows, scores, scores_stride,
                                                                 panel, keys, sum, padded_dim);
        } else if (first == 0) {
          TileRows<V, Float32Operands<V>, 1, false>(tile_rows, scores, scores_stride, panel, keys,
                                                    sum, padded_dim);
        } else {
          TileRows<V, Float32Operands<V>, 1, true>(tile_rows, scores, scores_stride, panel, keys,
                                                   sum, padded_dim);
        }
      }
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      const F scale = V::Set(1.0f / states[r].sum);
      float* out = head.out + (query + r) * head.out_stride;
      const float* sum = sums + r * padded_dim;
      std::int64_t c = 0;
      for (; c + V::kLanes <= dim; c += V::kLanes) V::Store(out + c, V::Load(sum + c) * scale);
      if (c < dim) V::StoreFirst(out + c, V::Load(sum + c) * scale, dim - c);
    }
  }
}

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_ATTENTION_INL_H_
