// Softmax over scores that come one after another (Milakov and Gimelshein 2018), with the sum of
// values that it weights: the step that every attention of a warp takes for each key.
#ifndef ESPY_KERNELS_CUDA_ONLINE_SOFTMAX_CUH_
#define ESPY_KERNELS_CUDA_ONLINE_SOFTMAX_CUH_

#include "kernels/cuda/element.cuh"

namespace espy::cuda {

// A lane's columns of one query and head, ready for scores in base 2.
template <class T, int kColumns>
struct QueryOfLane {
  float q[kColumns];

  ESPY_DEVICE QueryOfLane(const T* from, int head_dim, float scale) {
    constexpr float kLog2OfE = 1.44269504f;
    for (int c = 0; c < kColumns; ++c) {
      const int i = c * 32 + ThreadInBlock() % 32;
      q[c] = i < head_dim ? ToFloat(from[i]) * scale * kLog2OfE : 0;
    }
  }

  // The whole warp's product with a key, in every lane.
  ESPY_DEVICE float Score(const T* key, int head_dim) const {
    float score = 0;
    for (int c = 0; c < kColumns; ++c) {
      const int i = c * 32 + ThreadInBlock() % 32;
      if (i < head_dim) score += q[c] * ToFloat(key[i]);
    }
    for (int mask = 16; mask > 0; mask /= 2) score += ShuffleXor(score, mask);
    return score;
  }
};

// Of one query and head, in a warp: lane l holds the columns l, l + 32, ... of the head. Scores are
// in base 2 (times log2 of e) and the same in every lane.
template <int kColumns>
struct OnlineSoftmax {
  float largest = -Infinity();
  float sum = 0;
  float out[kColumns] = {};

  // `value(c)`: the lane's column c of the key's value.
  template <class Value>
  ESPY_DEVICE void Add(float score, const Value& value) {
    const float before = largest;
    largest = score > largest ? score : largest;
    const float factor = Exp2(before - largest), weight = Exp2(score - largest);
    sum = sum * factor + weight;
#pragma unroll
    for (int c = 0; c < kColumns; ++c) out[c] = out[c] * factor + weight * value(c);
  }

  // The key that has this score and this value.
  template <class T>
  ESPY_DEVICE void AddKey(float score, const T* value, int head_dim) {
    Add(score, [&](int c) {
      const int i = c * 32 + ThreadInBlock() % 32;
      return i < head_dim ? ToFloat(value[i]) : 0.0f;
    });
  }

  template <class T>
  ESPY_DEVICE void Store(T* to, int head_dim) const {
    for (int c = 0; c < kColumns; ++c) {
      const int i = c * 32 + ThreadInBlock() % 32;
      if (i < head_dim) to[i] = FromFloat<T>(out[c] / sum);
    }
  }

  // What another warp gathered of the same query; one that saw no key changes nothing.
  template <class Value>
  ESPY_DEVICE void Merge(float other_largest, float other_sum, const Value& other_out) {
    if (other_sum == 0) return;
    const float before = largest;
    largest = other_largest > largest ? other_largest : largest;
    const float factor = Exp2(before - largest), other = Exp2(other_largest - largest);
    sum = sum * factor + other_sum * other;
#pragma unroll
    for (int c = 0; c < kColumns; ++c) out[c] = out[c] * factor + other_out(c) * other;
  }
};

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_ONLINE_SOFTMAX_CUH_
