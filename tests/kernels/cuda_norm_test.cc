// LayerNorm on the GPU, or on the emulation of one, against plain loops with double sums.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/cpu/reference.h"
#include "kernels/cuda/norm.h"
#include "kernels/element.h"
#include "tests/kernels/on_device.h"

namespace espy::cuda {
namespace {

using kernels::ElementType;

std::vector<float> Normal(std::size_t n, float mean, std::mt19937* random) {
  std::normal_distribution<float> normal(mean, 1);
  std::vector<float> values(n);
  for (float& value : values) value = normal(*random);
  return values;
}

// The values cut to BF16, and the bytes of that.
std::vector<std::uint16_t> Cut(std::vector<float>* values) {
  std::vector<std::uint16_t> bits;
  for (float& value : *values) {
    bits.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
    value = std::bit_cast<float>(static_cast<std::uint32_t>(bits.back()) << 16);
  }
  return bits;
}

using CudaNormTest = CudaTest;

// Widths of towers (512 to 1664), the least, and those at the edges of a lane's share.
TEST_F(CudaNormTest, AddsAndNormalises) {
  std::mt19937 random(1);
  for (const std::int32_t width : {4, 124, 132, 512, 768, 1024, 1152, 1664, 2048}) {
    for (const std::int32_t rows : {1, 7}) {
      const auto n = static_cast<std::size_t>(rows) * static_cast<std::size_t>(width);
      const auto w = static_cast<std::size_t>(width);
      // A mean far from 0, where the difference of mean squares would lose its digits.
      const std::vector<float> x = Normal(n, 30, &random);
      std::vector<float> added = Normal(n, 0, &random);
      const std::vector<std::uint16_t> added_bits = Cut(&added);
      const std::vector<float> weight = Normal(w, 1, &random), bias = Normal(w, 0, &random);
      std::vector<float> sum(n), expected(n);
      for (std::size_t i = 0; i < n; ++i) sum[i] = x[i] + added[i];
      kernels::reference::LayerNorm(sum.data(), rows, width, weight.data(), bias.data(), 1e-6f,
                                    expected.data());

      const DeviceBuffer dx = OnDevice(x), dweight = OnDevice(weight), dbias = OnDevice(bias);
      const DeviceBuffer dadded = OnDevice(added_bits);
      std::vector<std::uint16_t> out(n, 0x7fff);
      const DeviceBuffer dout = OnDevice(out);
      ResidualNormArgs args{.type = ElementType::kBfloat16,
                            .rows = rows,
                            .width = width,
                            .x = static_cast<float*>(dx.data()),
                            .added = dadded.data(),
                            .weight = static_cast<const float*>(dweight.data()),
                            .bias = static_cast<const float*>(dbias.data()),
                            .eps = 1e-6f,
                            .out = dout.data()};
      ASSERT_TRUE(ResidualNorm(args, nullptr).ok());
      std::vector<float> stream(n), got(n);
      ASSERT_TRUE(dx.Download(stream.data()).ok());
      ASSERT_TRUE(dout.Download(out.data()).ok());
      EXPECT_EQ(stream, sum);
      kernels::ToFloat(out.data(), ElementType::kBfloat16, rows * width, got.data());
      for (std::size_t i = 0; i < n; ++i) {
        // Half a unit of BF16, and what FP32 leaves of numbers about 30.
        ASSERT_NEAR(got[i], expected[i], std::ldexp(std::abs(expected[i]), -8) + 2e-4)
            << width << " at " << i;
      }

      // Again, with nothing to add and in FP32: the stream stays, to the bit.
      const DeviceBuffer dfloats = OnDevice(std::vector<float>(n, NAN));
      args.type = ElementType::kFloat32;
      args.added = nullptr;
      args.out = dfloats.data();
      ASSERT_TRUE(ResidualNorm(args, nullptr).ok());
      ASSERT_TRUE(dx.Download(stream.data()).ok());
      ASSERT_TRUE(dfloats.Download(got.data()).ok());
      EXPECT_EQ(stream, sum);
      for (std::size_t i = 0; i < n; ++i) ASSERT_NEAR(got[i], expected[i], 2e-4) << width;

      // As a post-norm layer has it: the stream becomes the norm, the same in FP32 and in 16 bits.
      const DeviceBuffer dpost = OnDevice(x);
      args.type = ElementType::kBfloat16;
      args.x = static_cast<float*>(dpost.data());
      args.added = dadded.data();
      args.post = true;
      args.out = dout.data();
      ASSERT_TRUE(ResidualNorm(args, nullptr).ok());
      std::vector<std::uint16_t> again(n);
      ASSERT_TRUE(dpost.Download(stream.data()).ok());
      ASSERT_TRUE(dout.Download(again.data()).ok());
      EXPECT_EQ(stream, got);
      EXPECT_EQ(again, out);
    }
  }
}

TEST_F(CudaNormTest, RefusesAWidthThatItsLanesDoNotHold) {
  for (const std::int32_t width : {0, 2, 6, 2052}) {
    EXPECT_EQ(ResidualNorm({.rows = 1, .width = width}, nullptr).code(),
              StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace espy::cuda
