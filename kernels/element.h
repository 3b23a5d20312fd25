// The number formats that weights are stored in, and their conversion to FP32.
#ifndef ESPY_KERNELS_ELEMENT_H_
#define ESPY_KERNELS_ELEMENT_H_

#include <cstddef>
#include <cstdint>

namespace espy::kernels {

enum class ElementType { kFloat32, kFloat16, kBfloat16 };

std::size_t ElementBytes(ElementType type);

// out[i] = in[i] for i < n. `in` needs no alignment (a file's tensors have none); the values are
// exact.
void ToFloat(const void* in, ElementType type, std::int64_t n, float* out);

}  // namespace espy::kernels

#endif  // ESPY_KERNELS_ELEMENT_H_
