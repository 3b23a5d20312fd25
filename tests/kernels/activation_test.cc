#include "kernels/activation.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "kernels/cpu/reference.h"
#include "tests/kernels/tables.h"

namespace espy::kernels {
namespace {

class ActivationTable : public ::testing::TestWithParam<const cpu::KernelTable*> {};
INSTANTIATE_TEST_SUITE_P(Cpu, ActivationTable, ::testing::ValuesIn(testing::RunnableTables()),
                         testing::TableName);

// Every 997th float of [low, high] and both ends, counted in representable values, so that all
// magnitudes are visited.
std::vector<float> Sweep(float low, float high) {
  std::vector<float> values{low, high, 0.0f, -0.0f};
  const auto walk = [&](float from, float to) {
    const auto first = std::bit_cast<std::uint32_t>(from), last = std::bit_cast<std::uint32_t>(to);
    for (std::uint32_t bits = first; bits <= last; bits += 997) {
      values.push_back(std::bit_cast<float>(bits));
    }
  };
  if (high > 0) walk(0.0f, high);
  if (low < 0) walk(-0.0f, low);
  return values;
}

TEST_P(ActivationTable, ExpStaysWithinItsBound) {
  const auto in = Sweep(-87.3f, 88.0f);
  std::vector<float> out(in.size());
  GetParam()->exp(in.data(), static_cast<std::int64_t>(in.size()), out.data());
  double worst = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double exact = std::exp(static_cast<double>(in[i]));
    worst = std::max(worst, std::abs(out[i] - exact) / exact);
    ASSERT_LE(std::abs(out[i] - exact), 3e-7 * exact) << "e^" << in[i];
  }
  RecordProperty("largest_relative_error", std::to_string(worst));
}

TEST_P(ActivationTable, Exp2StaysWithinItsBound) {
  const auto in = Sweep(-125.0f, 0.0f);
  std::vector<float> out(in.size());
  GetParam()->exp2(in.data(), static_cast<std::int64_t>(in.size()), out.data());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double exact = std::exp2(static_cast<double>(in[i]));
    ASSERT_LE(std::abs(out[i] - exact), 3e-7 * exact) << "2^" << in[i];
  }
  const std::vector<float> beyond{-125.5f, -1e30f, -std::numeric_limits<float>::infinity(), 0.0f};
  GetParam()->exp2(beyond.data(), static_cast<std::int64_t>(beyond.size()), out.data());
  for (int i = 0; i < 3; ++i) EXPECT_LE(out[static_cast<std::size_t>(i)], 2.4e-38f);
  EXPECT_EQ(out[3], 1.0f);
}

TEST_P(ActivationTable, ExpBeyondItsRangeIsZeroOrItsLargest) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> in{-infinity, -1e30f,   -88.0f, -87.31f, 89.0f,
                              1e30f,     infinity, 0.0f,   1.0f};
  std::vector<float> out(in.size());
  GetParam()->exp(in.data(), static_cast<std::int64_t>(in.size()), out.data());
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(out[static_cast<std::size_t>(i)], 0.0f) << in[static_cast<std::size_t>(i)];
  for (int i = 4; i < 7; ++i) {
    EXPECT_NEAR(out[static_cast<std::size_t>(i)] / std::exp(88.0), 1, 3e-7);
  }
  EXPECT_EQ(out[7], 1.0f);
}

TEST_P(ActivationTable, FunctionsStayWithinTheirBound) {
  for (const Activation activation :
       {Activation::kQuickGelu, Activation::kGeluTanh, Activation::kGelu}) {
    const auto in = Sweep(-60.0f, 60.0f);
    auto out = in;
    GetParam()->activate(activation, static_cast<std::int64_t>(out.size()), out.data());
    for (std::size_t i = 0; i < in.size(); ++i) {
      const double exact = reference::Activate(activation, in[i]);
      ASSERT_NEAR(out[i], exact, 3e-7 * std::max(1.0, std::abs(static_cast<double>(in[i]))))
          << "function " << static_cast<int>(activation) << " at " << in[i];
    }
  }
}

TEST_P(ActivationTable, TailOfTheGaussianKeepsItsDigits) {
  std::vector<float> in, out;
  for (float x = -6.0f; x <= -2.0f; x += 0.0117f) in.push_back(x);
  out = in;
  GetParam()->activate(Activation::kGelu, static_cast<std::int64_t>(out.size()), out.data());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double exact = reference::Activate(Activation::kGelu, in[i]);
    // e^(-z^2) turns the rounding of z^2 (up to 18 * 2^-24) into as much relative error.
    ASSERT_NEAR(out[i] / exact, 1, 4e-6) << in[i];
  }
}

TEST_P(ActivationTable, ShortRunsTouchNothingElse) {
  for (std::int64_t n = 0; n < 40; ++n) {
    std::vector<float> values(64, 2.0f);
    GetParam()->activate(Activation::kQuickGelu, n, values.data());
    for (std::int64_t i = 0; i < 64; ++i) {
      EXPECT_EQ(values[static_cast<std::size_t>(i)] == 2.0f, i >= n) << n << " " << i;
    }
  }
}

}  // namespace
}  // namespace espy::kernels
