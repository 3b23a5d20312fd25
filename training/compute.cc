#include "training/compute.h"

#include <algorithm>
#include <bit>

#include "base/half.h"

namespace espy::training {
namespace {

float RoundToBfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  // A NaN whose payload lies in the low half alone must not become an infinity.
  const std::uint32_t rounded = value != value ? (bits & 0xffff0000u) | 0x00400000u
                                               : (bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u;
  return std::bit_cast<float>(rounded);
}

}  // namespace

void Round(Compute compute, std::int64_t n, float* values) {
  if (compute == Compute::kBfloat16) {
    for (std::int64_t i = 0; i < n; ++i) values[i] = RoundToBfloat16(values[i]);
  } else if (compute == Compute::kFloat16) {
    constexpr std::int64_t kChunk = 512;
    std::uint16_t halves[kChunk];
    for (std::int64_t i = 0; i < n; i += kChunk) {
      const auto count = static_cast<std::size_t>(std::min(kChunk, n - i));
      FloatToHalf(values + i, count, halves);
      HalfToFloat(halves, count, values + i);
    }
  }
}

}  // namespace espy::training
