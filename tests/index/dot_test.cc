#include "index/dot.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <vector>

#include "base/cpu_features.h"
#include "base/half.h"

namespace espy::index {
namespace {

TEST(Dot, EveryKernelGivesTheSameBits) {
  std::mt19937_64 random(7);
  std::normal_distribution<float> normal;
  for (const std::int64_t dimension : {1, 31, 32, 33, 100, 512, 768, 1152}) {
    const std::int64_t padded = PaddedDimension(dimension);
    for (int repeat = 0; repeat < 50; ++repeat) {
      std::vector<float> query(padded, 0.0f);
      std::vector<std::uint16_t> row(padded, 0);
      for (std::int64_t i = 0; i < dimension; ++i) {
        query[i] = normal(random);
        row[i] = FloatToHalf(normal(random));
      }
      const auto plain =
          std::bit_cast<std::uint32_t>(internal::DotPlain(query.data(), row.data(), padded));
      EXPECT_EQ(std::bit_cast<std::uint32_t>(Dot(query.data(), row.data(), padded)), plain);
      float score = 0;
      DotRows(query.data(), row.data(), 1, padded, &score);
      EXPECT_EQ(std::bit_cast<std::uint32_t>(score), plain);
      if (CpuFeatures().avx2 && CpuFeatures().f16c) {
        EXPECT_EQ(std::bit_cast<std::uint32_t>(internal::DotAvx2(query.data(), row.data(), padded)),
                  plain);
      }
      if (CpuFeatures().avx512 && CpuFeatures().f16c) {
        EXPECT_EQ(
            std::bit_cast<std::uint32_t>(internal::DotAvx512(query.data(), row.data(), padded)),
            plain);
      }
    }
  }
}

TEST(Dot, IsTheInnerProduct) {
  std::mt19937_64 random(8);
  std::normal_distribution<float> normal;
  const std::int64_t n = 512;
  std::vector<float> query(n);
  std::vector<std::uint16_t> a(n), b(n);
  double exact = 0, exact_half = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    query[i] = normal(random) / 22;
    a[i] = FloatToHalf(normal(random) / 22);
    b[i] = FloatToHalf(normal(random) / 22);
    exact += double{query[i]} * HalfToFloat(a[i]);
    exact_half += double{HalfToFloat(a[i])} * HalfToFloat(b[i]);
  }
  // Unit-sized vectors: 32 sums of 16 products, each rounded to 2^-24 of at most 1.
  EXPECT_NEAR(Dot(query.data(), a.data(), n), exact, 22 * 0x1p-24);
  EXPECT_NEAR(DotHalf(a.data(), b.data(), n), exact_half, 22 * 0x1p-24);
}

TEST(Dot, ATileHasTheBitsOfItsPairs) {
  std::mt19937_64 random(12);
  std::normal_distribution<float> normal;
  for (const std::int64_t padded : {32, 96, 512}) {
    for (const std::int64_t count : {1, 3, 4, 9}) {
      for (const std::int64_t n : {1, 2, 3, 7}) {
        std::vector<float> queries(static_cast<std::size_t>(count * padded));
        for (float& x : queries) x = normal(random);
        std::vector<std::uint16_t> rows(static_cast<std::size_t>(n * padded));
        for (std::uint16_t& x : rows) x = FloatToHalf(normal(random));
        std::vector<float> scores(static_cast<std::size_t>(count * n));
        DotTile(queries.data(), count, rows.data(), n, padded, scores.data());
        for (std::int64_t q = 0; q < count; ++q) {
          for (std::int64_t i = 0; i < n; ++i) {
            EXPECT_EQ(scores[q * n + i], internal::DotPlain(queries.data() + q * padded,
                                                            rows.data() + i * padded, padded));
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace espy::index
