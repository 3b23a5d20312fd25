// What a test of GPU kernels gives them.
#ifndef ESPY_TESTS_KERNELS_ON_DEVICE_H_
#define ESPY_TESTS_KERNELS_ON_DEVICE_H_

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "kernels/cuda/device_buffer.h"

namespace espy::cuda {

// A copy of the values in device memory.
template <class T>
DeviceBuffer OnDevice(const std::vector<T>& values) {
  Result<DeviceBuffer> buffer = DeviceBuffer::Allocate(values.size() * sizeof(T));
  EXPECT_TRUE(buffer.ok()) << buffer.status().message();
  EXPECT_TRUE(buffer->Upload(values.data()).ok());
  return std::move(buffer).value();
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
