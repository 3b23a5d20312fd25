#include "index/screen.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "base/half.h"
#include "index/aligned_bytes.h"
#include "index/dot.h"

namespace espy::index {
namespace {

// Vectors whose products are all of one sign are the worst case of the bound: nothing cancels.
TEST(Screen, ScoresAreWithinTheBound) {
  if (!CanScreen()) GTEST_SKIP() << "this CPU does not multiply bfloat16";
  std::mt19937_64 random(31);
  std::normal_distribution<float> normal;
  for (const std::int64_t padded : {32, 96, 512, 2048}) {
    for (const bool one_sign : {false, true}) {
      const std::int64_t count = 9, n = 7;
      const auto queries = MakeAligned<float>(count * padded);
      const auto rows = MakeAligned<std::uint16_t>(n * padded);
      const auto value = [&] { return one_sign ? std::fabs(normal(random)) : normal(random); };
      for (std::int64_t i = 0; i < count * padded; ++i) queries[i] = value();
      for (std::int64_t i = 0; i < n * padded; ++i) rows[i] = FloatToHalf(value());
      const auto q16 = MakeAligned<std::uint16_t>(count * padded);
      const auto r16 = MakeAligned<std::uint16_t>(n * padded);
      ScreenQueries(queries.get(), count * padded, q16.get());
      const float most = ScreenRows(rows.get(), n, padded, r16.get());
      std::vector<float> scores(count * n);
      ScreenTile(q16.get(), count, r16.get(), n, padded, scores.data());
      double largest = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        double row_squares = 0;
        for (std::int64_t j = 0; j < padded; ++j) {
          row_squares += std::pow(double{HalfToFloat(rows[i * padded + j])}, 2);
        }
        largest = std::max(largest, std::sqrt(row_squares));
        for (std::int64_t q = 0; q < count; ++q) {
          double squares = 0;
          for (std::int64_t j = 0; j < padded; ++j) {
            squares += double{queries[q * padded + j]} * queries[q * padded + j];
          }
          EXPECT_NEAR(scores[q * n + i],
                      Dot(queries.get() + q * padded, rows.get() + i * padded, padded),
                      ScreenBound(padded) * std::sqrt(squares * row_squares));
        }
      }
      EXPECT_NEAR(most, largest, 1e-3 * largest);
    }
  }
}

TEST(Screen, ANormThatIsNoNumberIsTold) {
  if (!CanScreen()) GTEST_SKIP() << "this CPU does not multiply bfloat16";
  const auto rows = MakeAligned<std::uint16_t>(3 * 32);
  const auto out = MakeAligned<std::uint16_t>(3 * 32);
  for (int i = 0; i < 3 * 32; ++i) rows[i] = FloatToHalf(1.0f);
  rows[40] = 0x7e00;  // no number
  EXPECT_TRUE(std::isnan(ScreenRows(rows.get(), 3, 32, out.get())));
  rows[40] = 0x7c00;  // infinity
  EXPECT_TRUE(std::isinf(ScreenRows(rows.get(), 3, 32, out.get())));
}

}  // namespace
}  // namespace espy::index
