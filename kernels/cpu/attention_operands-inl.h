// What the products of attention multiply, one type a precision: how Q, K and V are laid out for
// the register tile, and in what form softmax leaves the weights.
//
// A tile takes kGroup inputs of a sum at once (operands-inl.h), so that K lies in panels
// [head_dim / kGroup][keys of the panel][kGroup] and V in panels [keys / kGroup][columns][kGroup].
#ifndef ESPY_KERNELS_CPU_ATTENTION_OPERANDS_INL_H_
#define ESPY_KERNELS_CPU_ATTENTION_OPERANDS_INL_H_

#include <cstdint>

#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/math-inl.h"
#include "kernels/cpu/operands-inl.h"

namespace espy::kernels::cpu {

// Columns [column, column + kLanes) of a row of `dim` numbers, 0 past its end.
template <class V>
inline typename V::F LoadColumns(const float* row, std::int64_t column, std::int64_t dim) {
  const std::int64_t present = dim - column;
  if (present >= V::kLanes) return V::Load(row + column);
  return present > 0 ? V::LoadFirst(row + column, present) : V::Set(0.0f);
}

template <class V>
struct Float32Attention {
  using Ops = Float32Operands<V>;
  using Operand = float;
  using F = typename V::F;

  // Queries are read where they are.
  static std::int64_t QueryFloats(std::int64_t) { return 0; }
  static const Operand* Queries(const AttentionHead& head, std::int64_t first, std::int64_t, float*,
                                std::int64_t* stride) {
    *stride = head.q_stride;
    return head.q + first * head.q_stride;
  }

  // Keys [0, width) of `rows` become panel[c, key]; those past `present` are 0.
  static void PackKeys(const float* rows, std::int64_t stride, std::int64_t present,
                       std::int64_t dim, std::int64_t width, Operand* panel) {
    for (std::int64_t j = 0; j < width; j += V::kLanes) {
      const float* from = rows + j * stride;
      const std::int64_t keys = present - j;
      std::int64_t c = 0;
      for (; c + V::kLanes <= dim && keys > 0; c += V::kLanes) {
        Operand* to = panel + c * width + j;
        if (keys >= V::kLanes) {
          V::Transpose(from + c, stride, to, width);
          continue;
        }
        float square[V::kLanes * V::kLanes] = {};
        for (std::int64_t i = 0; i < keys; ++i) {
          V::Store(square + i * V::kLanes, V::Load(from + i * stride + c));
        }
        V::Transpose(square, V::kLanes, to, width);
      }
      for (; c < dim; ++c) {
        for (int i = 0; i < V::kLanes; ++i) {
          panel[c * width + j + i] = i < keys ? from[i * stride + c] : 0.0f;
        }
      }
    }
  }

  // Columns [column, column + width) of V become panel[key, column].
  static void PackValues(const float* v, std::int64_t stride, std::int64_t keys, std::int64_t dim,
                         std::int64_t column, std::int64_t width, Operand* panel) {
    for (std::int64_t key = 0; key < keys; ++key) {
      for (std::int64_t j = 0; j < width; j += V::kLanes) {
        V::Store(panel + j, LoadColumns<V>(v + key * stride, column + j, dim));
      }
      panel += width;
    }
  }

  static F Exp2(F x) { return Exp2Vector<V>(x); }
  static void StoreWeights(Operand* p, F x) { V::Store(p, x); }
};

// For CPUs with BF16 dot products: Q, K, V and the weights are rounded to BF16, sums are FP32.
template <class V>
struct Bfloat16Attention {
  using Ops = Bfloat16Operands<V>;
  using Operand = std::uint16_t;
  using F = typename V::F;
  static_assert(Ops::kGroup == 2);

  // Pairs of dimensions, in whole vectors of pairs.
  static std::int64_t Pairs(std::int64_t dim) { return (dim + 1) / 2; }
  static std::int64_t QueryStride(std::int64_t dim) {
    return (dim + V::kLanes - 1) / V::kLanes * V::kLanes;
  }

  static std::int64_t QueryFloats(std::int64_t dim) { return V::kTileRows * QueryStride(dim) / 2; }
  static const Operand* Queries(const AttentionHead& head, std::int64_t first, std::int64_t rows,
                                float* memory, std::int64_t* stride) {
    *stride = QueryStride(head.head_dim);
    auto* rounded = reinterpret_cast<Operand*>(memory);
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* q = head.q + (first + r) * head.q_stride;
      for (std::int64_t c = 0; c < head.head_dim; c += V::kLanes) {
        Ops::StoreActivations(rounded + r * *stride + c, LoadColumns<V>(q, c, head.head_dim));
      }
    }
    return rounded;
  }

  // A pair is moved as one number of 32 bits, for which the transpose of floats does.
  static void PackKeys(const float* rows, std::int64_t stride, std::int64_t present,
                       std::int64_t dim, std::int64_t width, Operand* panel) {
    const std::int64_t pairs = Pairs(dim);
    auto* to = reinterpret_cast<float*>(panel);
    for (std::int64_t j = 0; j < width; j += V::kLanes) {
      const std::int64_t keys = present - j;
      for (std::int64_t pair = 0; pair < pairs; pair += V::kLanes) {
        alignas(64) float square[V::kLanes * V::kLanes];
        for (std::int64_t i = 0; i < V::kLanes; ++i) {
          auto* rounded = reinterpret_cast<Operand*>(square + i * V::kLanes);
          for (std::int64_t c = 0; c < 2 * V::kLanes; c += V::kLanes) {
            Ops::StoreActivations(
                rounded + c, i < keys ? LoadColumns<V>(rows + (j + i) * stride, 2 * pair + c, dim)
                                      : V::Set(0.0f));
          }
        }
        if (pairs - pair >= V::kLanes) {
          V::Transpose(square, V::kLanes, to + pair * width + j, width);
          continue;
        }
        alignas(64) float transposed[V::kLanes * V::kLanes];
        V::Transpose(square, V::kLanes, transposed, V::kLanes);
        for (std::int64_t i = 0; i < pairs - pair; ++i) {
          V::Store(to + (pair + i) * width + j, V::Load(transposed + i * V::kLanes));
        }
      }
    }
  }

  static void PackValues(const float* v, std::int64_t stride, std::int64_t keys, std::int64_t dim,
                         std::int64_t column, std::int64_t width, Operand* panel) {
    for (std::int64_t key = 0; key < keys; key += 2) {
      const float* row = v + key * stride;
      for (std::int64_t j = 0; j < width; j += V::kLanes) {
        const F even = LoadColumns<V>(row, column + j, dim);
        const F odd = key + 1 < keys ? LoadColumns<V>(row + stride, column + j, dim) : V::Set(0.0f);
        Ops::StorePairs(panel + 2 * j, even, odd);
      }
      panel += 2 * width;
    }
  }

  static F Exp2(F x) { return Exp2VectorForBfloat16<V>(x); }
  static void StoreWeights(Operand* p, F x) { Ops::StoreActivations(p, x); }
};

}  // namespace espy::kernels::cpu

#endif  // ESPY_KERNELS_CPU_ATTENTION_OPERANDS_INL_H_
