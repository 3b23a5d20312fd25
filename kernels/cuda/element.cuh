// 16-bit numbers as kernels hold them. On a GPU conversions are one instruction; on the host they
// are the same rounding (to nearest, ties to even) by hand.
#ifndef ESPY_KERNELS_CUDA_ELEMENT_CUH_
#define ESPY_KERNELS_CUDA_ELEMENT_CUH_

#include <cstdint>

#include "kernels/cuda/platform.cuh"

namespace espy::cuda {

struct Half {  // IEEE binary16
  std::uint16_t bits;
};
struct Bfloat16 {  // the upper half of an FP32 number
  std::uint16_t bits;
};

ESPY_DEVICE float ToFloat(float x) { return x; }

ESPY_DEVICE float ToFloat(Bfloat16 x) {
  return FloatOfBits(static_cast<std::uint32_t>(x.bits) << 16);
}

ESPY_DEVICE float ToFloat(Half x) { return HalfToFloat(x.bits); }

template <class T>
ESPY_DEVICE T FromFloat(float x);
template <>
ESPY_DEVICE float FromFloat<float>(float x) {
  return x;
}
template <>
ESPY_DEVICE Half FromFloat<Half>(float x) {
  return {FloatToHalf(x)};
}
template <>
ESPY_DEVICE Bfloat16 FromFloat<Bfloat16>(float x) {
  return {FloatToBfloat16(x)};
}

// Two numbers in one register: `low` in the lower 16 bits, where a fragment has the lower column.
template <class T>
ESPY_DEVICE std::uint32_t Pack(float low, float high) {
  return static_cast<std::uint32_t>(FromFloat<T>(low).bits) |
         static_cast<std::uint32_t>(FromFloat<T>(high).bits) << 16;
}

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_ELEMENT_CUH_
