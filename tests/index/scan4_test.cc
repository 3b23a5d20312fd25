#include "index/ivf/scan4.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/cpu_features.h"

namespace espy::index {
namespace {

struct Codes {
  std::vector<std::uint8_t> blocks, table;
  std::vector<std::vector<unsigned>> parts;  // [row][m]
};

Codes RandomCodes(std::int64_t blocks, std::int64_t parts, std::uint64_t seed, bool extreme) {
  std::mt19937_64 random(seed);
  Codes codes;
  codes.blocks.assign(static_cast<std::size_t>(blocks * BlockBytes(parts)), 0);
  for (std::int64_t row = 0; row < blocks * kScanRows; ++row) {
    auto& values = codes.parts.emplace_back();
    for (std::int64_t m = 0; m < parts; ++m) {
      values.push_back(random() % 16);
      SetPart(codes.blocks.data() + row / kScanRows * BlockBytes(parts), m, row % kScanRows,
              values.back());
    }
  }
  const auto most = static_cast<unsigned>(MaxTableEntry(parts));
  for (std::int64_t i = 0; i < parts * 16; ++i) {
    codes.table.push_back(static_cast<std::uint8_t>(extreme ? most : random() % (most + 1)));
  }
  return codes;
}

TEST(Scan4, EveryKernelGivesTheSameSums) {
  for (const std::int64_t parts : {4, 8, 20, 32, 48, 64, 128, 288}) {
    for (const bool extreme : {false, true}) {
      const std::int64_t blocks = 3;
      const Codes codes = RandomCodes(blocks, parts, static_cast<std::uint64_t>(parts), extreme);
      std::vector<std::uint16_t> expected;
      for (const auto& row : codes.parts) {
        unsigned sum = 0;
        for (std::int64_t m = 0; m < parts; ++m) sum += codes.table[m * 16 + row[m]];
        ASSERT_LE(sum, 65'535u) << "entries keep to MaxTableEntry";
        expected.push_back(static_cast<std::uint16_t>(sum));
      }
      const auto check = [&](auto scan) {
        std::vector<std::uint16_t> sums(expected.size());
        scan(codes.blocks.data(), blocks, parts, codes.table.data(), sums.data());
        EXPECT_EQ(sums, expected) << parts << " parts";
      };
      check(Scan4);
      check(internal::Scan4Plain);
      if (CpuFeatures().avx2) check(internal::Scan4Avx2);
      if (CpuFeatures().avx512) check(internal::Scan4Avx512);
    }
  }
}

TEST(Scan4, AtLeastMarksTheRowsThatReachTheBound) {
  std::mt19937_64 random(5);
  std::vector<std::uint16_t> sums(kScanRows);
  for (int repeat = 0; repeat < 100; ++repeat) {
    for (auto& sum : sums) sum = static_cast<std::uint16_t>(random());
    for (const unsigned bound : {0u, 1u, 32'767u, 32'768u, 65'535u, unsigned{sums[7]}}) {
      const std::uint32_t mask = AtLeast(sums.data(), static_cast<std::uint16_t>(bound));
      for (int r = 0; r < kScanRows; ++r) {
        EXPECT_EQ(mask >> r & 1, sums[r] >= bound ? 1u : 0u) << r << " " << bound;
      }
    }
  }
}

TEST(Scan4, AByteTableErrsByNoMoreThanItSays) {
  std::mt19937_64 random(6);
  std::normal_distribution<float> normal;
  for (const std::int64_t parts : {4, 64, 300}) {
    std::vector<float> table(static_cast<std::size_t>(parts * 16));
    for (float& x : table) x = normal(random);
    ByteTable bytes;
    MakeByteTable(table.data(), parts, &bytes);
    double worst = 0;
    for (int repeat = 0; repeat < 200; ++repeat) {
      double exact = 0;
      unsigned sum = 0;
      for (std::int64_t m = 0; m < parts; ++m) {
        const auto j = static_cast<std::int64_t>(random() % 16);
        exact += table[m * 16 + j];
        sum += bytes.bytes[m * 16 + j];
      }
      ASSERT_LE(sum, 65'535u);
      worst = std::max(worst, std::abs(bytes.base + double{bytes.step} * sum - exact));
    }
    // A unit in the last place of each entry, of at most 5, is what floats add.
    EXPECT_LE(worst, double{bytes.error} + static_cast<double>(parts) * 5 * 0x1p-23);
    EXPECT_GT(worst, bytes.error / 100) << "the bound is of the error's size";
  }
}

TEST(Scan4, ATableWithoutDifferencesOrNumbersIsHarmless) {
  ByteTable bytes;
  MakeByteTable(std::vector<float>(64, 2.5f).data(), 4, &bytes);
  EXPECT_EQ(bytes.base, 10.0f);
  EXPECT_EQ(bytes.step, 0.0f);
  std::vector<float> nan(64, 1.0f);
  nan[3] = std::numeric_limits<float>::quiet_NaN();
  MakeByteTable(nan.data(), 4, &bytes);
  EXPECT_EQ(bytes.bytes.size(), 64u);
}

}  // namespace
}  // namespace espy::index
