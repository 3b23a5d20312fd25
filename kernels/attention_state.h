// The state of a softmax-weighted sum over the part of its terms seen so far (Milakov and
// Gimelshein 2018, "Online normalizer calculation for softmax"): enough to take in more terms, or
// to be merged with the state of other terms.
#ifndef ESPY_KERNELS_ATTENTION_STATE_H_
#define ESPY_KERNELS_ATTENTION_STATE_H_

#include <cstdint>

namespace espy::kernels {

// Over terms i with score s_i and value v_i [dim]:  max = max s_i,  sum = sum of e^(s_i - max),
// output = sum of e^(s_i - max) v_i. The softmax-weighted sum is output / sum. The output lies with
// its owner.
struct AttentionState {
  float max = -__builtin_inff();
  float sum = 0;

  // Inlined always: the kernels that call it are compiled for CPUs that not every caller has.
  // Moves the reference to `new_max` >= max; the owner scales its output by what is returned.
  __attribute__((always_inline)) float Raise(float new_max) {
    // Nothing was seen before: there is nothing to scale, and inf - inf is no number.
    const float factor = sum == 0 ? 0.0f : __builtin_expf(max - new_max);
    max = new_max;
    sum *= factor;
    return factor;
  }
};

// (a, a_output) becomes the state over both sets of terms.
inline void Merge(AttentionState* a, float* a_output, const AttentionState& b,
                  const float* b_output, std::int64_t dim) {
  if (b.sum == 0) return;
  AttentionState other = b;
  const float max = a->max > other.max ? a->max : other.max;
  const float keep = a->Raise(max);
  const float take = other.Raise(max);
  a->sum += other.sum;
  for (std::int64_t i = 0; i < dim; ++i) a_output[i] = keep * a_output[i] + take * b_output[i];
}

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_ATTENTION_STATE_H_
