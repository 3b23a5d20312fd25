// IEEE 754 half precision and bfloat16, to and from float, rounding to nearest even. By F16C where
// the CPU has it; the same bits everywhere.
#ifndef ESPY_BASE_HALF_H_
#define ESPY_BASE_HALF_H_

#include <bit>
#include <cstddef>
#include <cstdint>

namespace espy {

std::uint16_t FloatToHalf(float value);
float HalfToFloat(std::uint16_t half);
inline float Bfloat16ToFloat(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

void FloatToHalf(const float* in, std::size_t n, std::uint16_t* out);
void HalfToFloat(const std::uint16_t* in, std::size_t n, float* out);

}  // namespace espy

#endif  // ESPY_BASE_HALF_H_
