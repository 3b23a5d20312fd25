// What a test of GPU kernels gives them.
#ifndef ESPY_TESTS_KERNELS_ON_DEVICE_H_
#define ESPY_TESTS_KERNELS_ON_DEVICE_H_

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "kernels/cuda/device_buffer.h"
#include "kernels/element.h"

namespace espy::cuda {

// A copy of the values in device memory.
template <class T>
DeviceBuffer OnDevice(const std::vector<T>& values) {
  Result<DeviceBuffer> buffer = DeviceBuffer::Allocate(values.size() * sizeof(T));
  EXPECT_TRUE(buffer.ok()) << buffer.status().message();
  EXPECT_TRUE(buffer->Upload(values.data()).ok());
  return std::move(buffer).value();
}

inline std::vector<float> Normal(std::size_t n, float scale, std::mt19937* random) {
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(n);
  for (float& value : values) value = normal(*random);
  return values;
}

// The bits of the values in 16 bits, and the values rounded to that: BF16 by cutting its lower
// half off; FP16 by cutting to its 10 bits, for numbers of its normal range (others become 0).
inline std::vector<std::uint16_t> Cut(kernels::ElementType type, std::vector<float>* values) {
  std::vector<std::uint16_t> bits;
  for (float& value : *values) {
    const auto all = std::bit_cast<std::uint32_t>(value);
    if (type == kernels::ElementType::kBfloat16) {
      bits.push_back(static_cast<std::uint16_t>(all >> 16));
    } else {
      const auto exponent = static_cast<int>(all >> 23 & 0xff) - 127;
      const bool normal = exponent >= -14 && exponent <= 15;
      bits.push_back(static_cast<std::uint16_t>(
          normal ? (all >> 16 & 0x8000u) | static_cast<std::uint32_t>(exponent + 15) << 10 |
                       (all >> 13 & 0x3ffu)
                 : 0));
    }
    kernels::ToFloat(&bits.back(), type, 1, &value);
  }
  return bits;
}

// A copy of the values in device memory in `type`, to which they are cut first.
inline DeviceBuffer OnDeviceIn(kernels::ElementType type, std::vector<float>* values) {
  return type == kernels::ElementType::kFloat32 ? OnDevice(*values) : OnDevice(Cut(type, values));
}

// Room for n values of `type`, and what lies there.
inline DeviceBuffer RoomFor(kernels::ElementType type, std::size_t n) {
  Result<DeviceBuffer> buffer = DeviceBuffer::Allocate(n * kernels::ElementBytes(type));
  EXPECT_TRUE(buffer.ok()) << buffer.status().message();
  return std::move(buffer).value();
}
inline std::vector<float> FloatsOf(kernels::ElementType type, const DeviceBuffer& buffer) {
  std::vector<std::uint8_t> raw(buffer.bytes());
  EXPECT_TRUE(buffer.Download(raw.data()).ok());
  std::vector<float> values(raw.size() / kernels::ElementBytes(type));
  kernels::ToFloat(raw.data(), type, static_cast<std::int64_t>(values.size()), values.data());
  return values;
}

// Half a unit of the type's last place, as a share of the number.
inline double RoundingOf(kernels::ElementType type) {
  if (type == kernels::ElementType::kFloat32) return 0;
  return type == kernels::ElementType::kFloat16 ? 0x1p-11 : 0x1p-8;
}

// Skips each test, with the driver's words, where there is no GPU.
class CudaTest : public testing::Test {
 protected:
  void SetUp() override {
    const Result<DeviceInfo> device = FindDevice();
    if (!device.ok()) GTEST_SKIP() << device.status().message();
  }
};

}  // namespace espy::cuda

#endif  // ESPY_TESTS_KERNELS_ON_DEVICE_H_
