// What codes estimate, against the numbers they stand for.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "index/ivf/kmeans.h"
#include "index/ivf/nearest.h"
#include "index/ivf/pq4.h"
#include "index/ivf/projection.h"
#include "index/ivf/rabitq.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

std::vector<float> Gaussian(std::mt19937_64* random, std::int64_t n) {
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<std::size_t>(n));
  for (float& value : x) value = normal(*random);
  return x;
}

double Product(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

double TableSum(const std::vector<float>& table, const std::vector<std::uint8_t>& code) {
  double sum = 0;
  for (std::size_t m = 0; m < code.size(); ++m) sum += table[m * 16 + code[m]];
  return sum;
}

// Gaussian vectors point everywhere alike, as rotated ones do.
TEST(Rabitq, TheEstimateIsUnbiasedAndWithinItsBound) {
  constexpr std::int64_t kD = 256;
  std::mt19937_64 random(11);
  double sum = 0, squares = 0;
  int outside = 0;
  constexpr int kPairs = 4'000;
  for (int pair = 0; pair < kPairs; ++pair) {
    std::vector<float> query = Gaussian(&random, kD), r = Gaussian(&random, kD);
    // Pairs that are alike, where a biased estimate would show.
    for (std::int64_t i = 0; i < kD; ++i) r[i] = 0.1f * (r[i] + query[i]);
    std::vector<std::uint8_t> code(kD / 4);
    const RabitqFactors f = EncodeRabitq(r.data(), kD, code.data());
    std::vector<float> table(kD * 4);
    RabitqTable(query.data(), kD, table.data());
    const double error = f.scale * TableSum(table, code) - Product(query, r);
    const double spread = f.spread * std::sqrt(Product(query, query));
    EXPECT_GT(spread, 0);
    sum += error / spread;
    squares += error * error / (spread * spread);
    outside += std::fabs(error) > kRabitqSpreads * spread ? 1 : 0;
  }
  // In spreads: the mean of n errors deviates by 1 / sqrt(n); four of those are 6e-5 away.
  EXPECT_LT(std::fabs(sum / kPairs), 4 / std::sqrt(double{kPairs}));
  // The spread is the errors' deviation when the query lies across the code's direction, and above
  // it when the two are alike.
  EXPECT_LT(std::sqrt(squares / kPairs), 1.1);
  EXPECT_GT(std::sqrt(squares / kPairs), 0.5);
  // 1.9 deviations of a normal error: 5.7 % are beyond.
  EXPECT_LT(outside, kPairs * 0.08);
}

TEST(Rabitq, AVectorOfSignsIsExactAndZeroIsZero) {
  const std::vector<float> r = {0.5f, -0.5f, 0.5f, 0.5f, -0.5f, -0.5f, 0.5f, -0.5f};
  const std::vector<float> query = {1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<std::uint8_t> code(2);
  const RabitqFactors f = EncodeRabitq(r.data(), 8, code.data());
  EXPECT_EQ(code[0], 0b1101);
  EXPECT_EQ(code[1], 0b0100);
  std::vector<float> table(32);
  RabitqTable(query.data(), 8, table.data());
  EXPECT_FLOAT_EQ(f.scale * static_cast<float>(TableSum(table, code)),
                  static_cast<float>(Product(query, r)));
  EXPECT_NEAR(f.spread, 0, 1e-6);
  const std::vector<float> zero(8, 0.0f);
  EXPECT_EQ(EncodeRabitq(zero.data(), 8, code.data()).scale, 0);
}

TEST(Pq4, TheTablesSumIsTheProductWithWhatTheCodeStandsFor) {
  constexpr std::int64_t kN = 500, kParts = 8, kWidth = 3;
  std::mt19937_64 random(12);
  const std::vector<float> x = Gaussian(&random, kN * kParts * kWidth);
  ThreadPool pool(2);
  const auto pq = TrainPq4(x.data(), kN, kParts, kWidth, &pool, {});
  ESPY_ASSERT_OK(pq.status());
  double lost = 0, all = 0;
  for (std::int64_t i = 0; i < kN; ++i) {
    const std::vector<float> row(x.begin() + i * kParts * kWidth,
                                 x.begin() + (i + 1) * kParts * kWidth);
    std::vector<std::uint8_t> code(kParts);
    std::vector<float> decoded(row.size()), table(kParts * 16);
    pq->Encode(row.data(), code.data());
    pq->Decode(code.data(), decoded.data());
    const std::vector<float> query = Gaussian(&random, kParts * kWidth);
    pq->Table(query.data(), table.data());
    EXPECT_NEAR(TableSum(table, code), Product(query, decoded), 1e-4);
    for (std::size_t k = 0; k < row.size(); ++k) {
      lost += (row[k] - decoded[k]) * (row[k] - decoded[k]);
      all += row[k] * row[k];
    }
  }
  // 4 bits for 3 Gaussian dimensions: the distortion-rate bound is 2^(-8/3) = 16 %; sixteen centres
  // reach about 24 %.
  EXPECT_LT(lost / all, 0.30);
}

TEST(Nearest, IsTheNearestByPlainArithmetic) {
  std::mt19937_64 random(13);
  ThreadPool pool(2);
  for (const std::int64_t d : {1, 7, 32}) {
    const std::int64_t n = 301, k = 37;
    const std::vector<float> rows = Gaussian(&random, n * d), columns = Gaussian(&random, k * d);
    std::vector<std::int32_t> best(n);
    PackedColumns(columns.data(), k, d, true).Nearest(rows.data(), n, &pool, best.data());
    std::vector<float> products(n * k);
    PackedColumns(columns.data(), k, d, false).Products(rows.data(), n, &pool, products.data());
    for (std::int64_t i = 0; i < n; ++i) {
      double least = 1e30;
      std::vector<double> distances;
      for (std::int64_t c = 0; c < k; ++c) {
        double distance = 0, product = 0;
        for (std::int64_t j = 0; j < d; ++j) {
          const double difference = double{rows[i * d + j]} - columns[c * d + j];
          distance += difference * difference;
          product += double{rows[i * d + j]} * columns[c * d + j];
        }
        distances.push_back(distance);
        least = std::min(least, distance);
        EXPECT_NEAR(products[i * k + c], product, 1e-4);
      }
      EXPECT_NEAR(distances[best[i]], least, 1e-4);
    }
  }
}

TEST(KMeans, FindsSeparateClustersWhateverTheThreads) {
  std::mt19937_64 random(14);
  const std::int64_t d = 8, clusters = 12, n = 1200;
  const std::vector<float> centres = Gaussian(&random, clusters * d);
  std::vector<float> x = Gaussian(&random, n * d);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = 0; k < d; ++k) {
      x[i * d + k] = 20 * centres[i % clusters * d + k] + 0.01f * x[i * d + k];
    }
  }
  ThreadPool one(1), three(3);
  const KMeansOptions options{.k = 2 * clusters, .iterations = 25};
  const auto a = KMeans(x.data(), n, d, options, &one, {});
  const auto b = KMeans(x.data(), n, d, options, &three, {});
  ESPY_ASSERT_OK(a.status());
  ASSERT_EQ(*a, *b);
  std::vector<std::int32_t> best(n);
  PackedColumns(a->data(), options.k, d, true).Nearest(x.data(), n, &one, best.data());
  for (std::int64_t i = 0; i < n; ++i) {
    double distance = 0;
    for (std::int64_t k = 0; k < d; ++k) {
      distance += std::pow(x[i * d + k] - (*a)[best[i] * d + k], 2);
    }
    EXPECT_LT(distance, 1.0) << i;
  }
}

TEST(KMeans, FewerRowsThanCentresAndStopping) {
  ThreadPool pool(1);
  const std::vector<float> x = {1, 2, 3, 4};
  const auto centres = KMeans(x.data(), 2, 2, {.k = 5}, &pool, {});
  ESPY_ASSERT_OK(centres.status());
  for (const float value : *centres) EXPECT_TRUE(std::isfinite(value));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(KMeans(x.data(), 2, 2, {.k = 2}, &pool, stop.get_token()).status().code(),
            StatusCode::kCancelled);
}

}  // namespace
}  // namespace espy::index
