#include "kernels/norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cpu/reference.h"
#include "tests/kernels/tables.h"

namespace espy::kernels {
namespace {

using testing::Normal;

class NormTable : public ::testing::TestWithParam<const cpu::KernelTable*> {};
INSTANTIATE_TEST_SUITE_P(Cpu, NormTable, ::testing::ValuesIn(testing::RunnableTables()),
                         testing::TableName);

TEST_P(NormTable, LayerNormAgreesWithReferenceAtAnyWidth) {
  for (const std::int64_t width : {1, 2, 7, 8, 15, 16, 17, 72, 100, 160, 768, 1152}) {
    auto x = Normal(width, static_cast<std::uint64_t>(width), 3.0f);
    for (float& value : x)
      value += 50.0f;  // a mean far from 0, where a one-pass variance would cancel
    const auto weight = Normal(width, 2), bias = Normal(width, 3);
    std::vector<float> expected(x.size()), got(x.size() + 4, 99.0f);
    reference::LayerNorm(x.data(), 1, width, weight.data(), bias.data(), 1e-5f, expected.data());
    GetParam()->layer_norm(x.data(), width, weight.data(), bias.data(), 1e-5f, got.data());
    for (std::int64_t i = 0; i < width; ++i) {
      const auto at = static_cast<std::size_t>(i);
      // The mean of values near 50 is rounded to 50 * 2^-24 * a few, against a spread of 3; width 1
      // has no spread, and its difference from the mean is exactly 0.
      ASSERT_NEAR(got[at], expected[at], 2e-5f * std::max(1.0f, std::abs(weight[at])))
          << "width " << width << " at " << i;
    }
    for (std::size_t i = x.size(); i < got.size(); ++i) EXPECT_EQ(got[i], 99.0f);
  }
}

TEST(LayerNorm, RowsAreIndependentOfThreadsAndPlace) {
  const std::int64_t rows = 300, width = 72;
  const auto x = Normal(rows * width, 4);
  const auto weight = Normal(width, 5), bias = Normal(width, 6);
  std::vector<float> one(x.size()), three(x.size()), in_place = x;
  LayerNorm(x.data(), width, rows, width, weight.data(), bias.data(), 1e-6f, one.data(), width,
            nullptr);
  ThreadPool pool(3);
  LayerNorm(x.data(), width, rows, width, weight.data(), bias.data(), 1e-6f, three.data(), width,
            &pool);
  LayerNorm(in_place.data(), width, rows, width, weight.data(), bias.data(), 1e-6f, in_place.data(),
            width, nullptr);
  EXPECT_EQ(one, three);
  EXPECT_EQ(one, in_place);
}

TEST_P(NormTable, SumOfSquaresIsExactForSmallWholeNumbers) {
  for (std::int64_t width = 1; width < 70; ++width) {
    std::vector<float> x(static_cast<std::size_t>(width));
    for (std::int64_t i = 0; i < width; ++i)
      x[static_cast<std::size_t>(i)] = static_cast<float>(i - 3);
    double exact = 0;
    for (const float value : x) exact += static_cast<double>(value) * value;
    EXPECT_EQ(GetParam()->sum_of_squares(x.data(), width), exact) << width;
  }
}

TEST(L2Normalize, RowsBecomeUnitLengthAndZeroStaysZero) {
  const std::int64_t rows = 3, width = 50;
  auto x = Normal(rows * width, 7);
  std::fill(x.begin() + width, x.begin() + 2 * width, 0.0f);
  const auto before = x;
  L2Normalize(x.data(), rows, width);
  for (const std::int64_t r : {0, 2}) {
    double squares = 0, dot = 0, old = 0;
    for (std::int64_t i = r * width; i < (r + 1) * width; ++i) {
      const auto at = static_cast<std::size_t>(i);
      squares += static_cast<double>(x[at]) * x[at];
      dot += static_cast<double>(x[at]) * before[at];
      old += static_cast<double>(before[at]) * before[at];
    }
    EXPECT_NEAR(squares, 1, 1e-6);
    EXPECT_NEAR(dot, std::sqrt(old), 1e-5);  // same direction
  }
  for (std::int64_t i = width; i < 2 * width; ++i) EXPECT_EQ(x[static_cast<std::size_t>(i)], 0.0f);
}

}  // namespace
}  // namespace espy::kernels
