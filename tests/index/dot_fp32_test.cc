// Scores of FP32 rows have the same bits by every kernel, and those of half-precision rows where
// the numbers are such.
#include "index/dot_fp32.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/cpu_features.h"
#include "base/half.h"
#include "index/dot.h"

namespace espy::index {
namespace {

TEST(DotFp32Test, EveryKernelGivesTheSameBitsForEveryLength) {
  if (!CpuFeatures().avx2) GTEST_SKIP() << "this CPU has the plain kernel only";
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (std::int64_t n = 1; n <= 200; ++n) {
    std::vector<float> q(n), x(n);
    for (std::int64_t i = 0; i < n; ++i) q[i] = normal(random), x[i] = normal(random);
    ASSERT_EQ(internal::DotFp32Plain(q.data(), x.data(), n),
              internal::DotFp32Avx2(q.data(), x.data(), n))
        << n;
  }
}

TEST(DotFp32Test, NumbersOfHalfPrecisionScoreAsRowsOfThemDo) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  const std::int64_t n = 96;
  std::vector<float> q(n), x(n);
  std::vector<std::uint16_t> half(n);
  for (int trial = 0; trial < 100; ++trial) {
    for (std::int64_t i = 0; i < n; ++i) {
      q[i] = normal(random);
      half[i] = FloatToHalf(normal(random));
      x[i] = HalfToFloat(half[i]);
    }
    ASSERT_EQ(DotFp32(q.data(), x.data(), n), Dot(q.data(), half.data(), n));
  }
}

}  // namespace
}  // namespace espy::index
