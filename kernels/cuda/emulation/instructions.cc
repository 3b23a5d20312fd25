#include "kernels/cuda/emulation/instructions.h"

#include "kernels/element.h"

namespace espy::cuda {

float HalfToFloat(std::uint16_t bits) {
  float value = 0;
  kernels::ToFloat(&bits, kernels::ElementType::kFloat16, 1, &value);
  return value;
}

std::uint16_t FloatToBfloat16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return 0x7fff;
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

std::uint16_t FloatToHalf(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000u);
  const float size = std::fabs(x);
  if (std::isnan(x)) return 0x7fff;
  if (size >= 65520.0f) return static_cast<std::uint16_t>(sign | 0x7c00u);  // half of a step above
  if (size < 0x1p-14f) {  // subnormal: steps of 2^-24
    return static_cast<std::uint16_t>(sign |
                                      static_cast<std::uint16_t>(std::nearbyint(size * 0x1p24f)));
  }
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  const std::uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded >> 13) - (112u << 10)));
}

namespace {

std::uint16_t LowerHalf(std::uint32_t pair) { return static_cast<std::uint16_t>(pair); }
std::uint16_t UpperHalf(std::uint32_t pair) { return static_cast<std::uint16_t>(pair >> 16); }

}  // namespace

void LoadMatrices(const void* row, int matrices, bool transposed, std::uint32_t* registers) {
  const Exchanged<const void*> rows = ExchangeInWarp(row);
  const int lane = ThreadInBlock() % 32;
  for (int m = 0; m < matrices; ++m) {
    const auto at = [&](int r, int c) {
      std::uint16_t value = 0;
      std::memcpy(&value, static_cast<const std::byte*>(rows.lanes[m * 8 + r]) + 2 * c, 2);
      return static_cast<std::uint32_t>(value);
    };
    const int single = lane / 4, pair = lane % 4 * 2;
    registers[m] = transposed ? at(pair, single) | at(pair + 1, single) << 16
                              : at(single, pair) | at(single, pair + 1) << 16;
  }
}

void MultiplyAddAs(float (*to_float)(std::uint16_t), float* c, const std::uint32_t* a,
                   std::uint32_t b0, std::uint32_t b1) {
  struct Operands {
    std::uint32_t a[4], b[2];
  };
  Operands mine{};
  std::memcpy(mine.a, a, sizeof mine.a);
  mine.b[0] = b0;
  mine.b[1] = b1;
  const Exchanged<Operands> all = ExchangeInWarp(mine);
  const int lane = ThreadInBlock() % 32;
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + (i >= 2 ? 8 : 0), column = lane % 4 * 2 + i % 2;
    float sum = c[i];
    for (int k = 0; k < 16; ++k) {
      const std::uint32_t left =
          all.lanes[row % 8 * 4 + k % 8 / 2].a[(row >= 8 ? 1 : 0) + (k >= 8 ? 2 : 0)];
      const std::uint32_t right = all.lanes[column * 4 + k % 8 / 2].b[k >= 8 ? 1 : 0];
      sum += to_float(k % 2 == 0 ? LowerHalf(left) : UpperHalf(left)) *
             to_float(k % 2 == 0 ? LowerHalf(right) : UpperHalf(right));
    }
    c[i] = sum;
  }
}

}  // namespace espy::cuda
