// The pointwise functions between a transformer's two MLP products.
#ifndef ESPY_KERNELS_ACTIVATION_H_
#define ESPY_KERNELS_ACTIVATION_H_

#include <cstdint>

namespace espy::kernels {

enum class Activation {
  kNone,
  kQuickGelu,  // x * sigmoid(1.702 x)
  kGeluTanh,   // x * (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
  kGelu,       // x * (1 + erf(x / sqrt(2))) / 2
};

// values[i] = f(values[i]) for i < n. Off from the exact value by at most 3e-7 * max(1, |x|).
// Matmul applies the same functions in its epilogue; this form is for what passes through no
// product.
void Activate(Activation activation, std::int64_t n, float* values);

// out[i] = e^in[i], off by at most 3e-7 of the value for in[i] in [-87.3, 88]; 0 below, e^88 above.
// `in` may be `out`.
void Exp(const float* in, std::int64_t n, float* out);

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_ACTIVATION_H_
