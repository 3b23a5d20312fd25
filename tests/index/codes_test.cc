#include "index/codes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "base/cpu_features.h"

namespace espy::index {
namespace {

std::vector<float> Gaussian(std::mt19937_64& random, std::int64_t n) {
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<std::size_t>(n));
  for (float& value : x) value = normal(random);
  return x;
}

CodeMatrix RandomCodes(std::mt19937_64& random, std::int64_t n, std::int64_t dims) {
  CodeMatrix codes(n, dims);
  for (std::int64_t i = 0; i < n; ++i) {
    codes.Set(i, Gaussian(random, dims).data(), static_cast<float>(i) / 16);
  }
  return codes;
}

TEST(Codes, ScoresHaveTheSameBitsByEveryKernel) {
  std::mt19937_64 random(1);
  for (const std::int64_t dims : {1, 31, 32, 56, 57, 120, 512, 1000}) {
    const CodeMatrix codes = RandomCodes(random, 23, dims);
    CodeQuery query;
    query.Set(Gaussian(random, dims).data(), dims);
    for (const std::int64_t n : {0, 1, 2, 3, 4, 5, 22}) {
      std::vector<std::int32_t> rows(static_cast<std::size_t>(n));
      for (std::int32_t& row : rows) row = static_cast<std::int32_t>(random() % 23);
      // One more, which no kernel may touch.
      std::vector<float> plain(rows.size() + 1, -7), other(rows.size() + 1, -7);
      internal::ScoreCodesPlain(codes, query, rows.data(), n, plain.data());
      ScoreCodes(codes, query, rows.data(), n, other.data());
      EXPECT_EQ(plain, other) << dims << " dimensions, " << n << " rows";
#if defined(__x86_64__)
      if (CpuFeatures().avx2) {
        other.assign(other.size(), -7);
        internal::ScoreCodesAvx2(codes, query, rows.data(), n, other.data());
        EXPECT_EQ(plain, other) << dims << " dimensions, " << n << " rows, AVX2";
      }
#endif
    }
  }
}

// Each coordinate is off by at most half a step, a 254th of the largest, on either side.
TEST(Codes, ScoresAreCloseToInnerProducts) {
  std::mt19937_64 random(2);
  const std::int64_t dims = 56;
  CodeMatrix codes(1, dims);
  CodeQuery query;
  for (int i = 0; i < 100; ++i) {
    const std::vector<float> x = Gaussian(random, dims), y = Gaussian(random, dims);
    codes.Set(0, x.data(), 0.25f);
    query.Set(y.data(), dims);
    const std::int32_t row = 0;
    float score = 0;
    ScoreCodes(codes, query, &row, 1, &score);
    double want = 0.25, sum_x = 0, sum_y = 0, most_x = 0, most_y = 0;
    for (std::int64_t j = 0; j < dims; ++j) {
      want += double{x[j]} * y[j];
      sum_x += std::fabs(x[j]);
      sum_y += std::fabs(y[j]);
      most_x = std::max<double>(most_x, std::fabs(x[j]));
      most_y = std::max<double>(most_y, std::fabs(y[j]));
    }
    const double step_x = most_x / 254, step_y = most_y / 254;
    EXPECT_NEAR(score, want, step_x * sum_y + step_y * sum_x + dims * step_x * step_y + 1e-4);
  }
}

TEST(Codes, ARowAsAQueryIsWhatItsCodeStandsFor) {
  std::mt19937_64 random(3);
  const CodeMatrix codes = RandomCodes(random, 2, 40);
  CodeQuery query;
  query.Set(codes, 1);
  EXPECT_EQ(query.scale(), codes.scale(1));
  for (std::int64_t j = 0; j < 40; ++j) EXPECT_EQ(query.data()[j] + 128, codes.row(1)[j]);
}

TEST(Codes, WhatIsNoNumberScoresAsNothing) {
  std::vector<float> z(32, 1.0f);
  z[5] = std::numeric_limits<float>::quiet_NaN();
  CodeMatrix codes(1, 32);
  codes.Set(0, z.data(), 2.0f);
  EXPECT_TRUE(codes.Valid());
  CodeQuery query;
  query.Set(z.data(), 32);
  const std::int32_t row = 0;
  float score = 0;
  ScoreCodes(codes, query, &row, 1, &score);
  EXPECT_EQ(score, 2.0f);
  codes.Set(0, z.data(), std::numeric_limits<float>::infinity());
  EXPECT_FALSE(codes.Valid());
}

}  // namespace
}  // namespace espy::index
