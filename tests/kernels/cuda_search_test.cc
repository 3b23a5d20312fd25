// Search on the GPU, or on the emulation of one, against plain loops: the same rows in the same
// order, and scores with the same bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/half.h"
#include "kernels/cuda/search.h"
#include "tests/kernels/on_device.h"
#ifdef ESPY_CUDA_EMULATED
#include <sys/mman.h>

#include "kernels/cuda/emulation/fibers.h"
#endif

namespace espy::cuda {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::uint16_t kHalfNan = 0x7e00, kHalfInfinity = 0x7c00;

// The score as index/dot.h defines it.
float Score(const float* query, const std::uint16_t* row, std::int32_t width) {
  float lanes[32] = {};
  for (std::int32_t i = 0; i < width; ++i) {
    lanes[i % 32] = std::fma(query[i], HalfToFloat(row[i]), lanes[i % 32]);
  }
  for (int half = 16; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

struct Found {
  float score;
  std::int32_t row;
  friend bool operator==(const Found&, const Found&) = default;
};
void PrintTo(const Found& found, std::ostream* to) { *to << found.row << ": " << found.score; }
using Answers = std::vector<std::vector<Found>>;

struct Problem {
  // Unit vectors of random numbers; the dimension may be less than the width.
  Problem(std::int64_t rows_in, std::int32_t width_in, std::int32_t count_in, unsigned seed,
          std::int32_t dimension = 0)
      : rows(rows_in), width(width_in), count(count_in), random(seed) {
    if (dimension == 0) dimension = width;
    halves.resize(static_cast<std::size_t>(rows * width));
    queries.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(width));
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::vector<float> x = Unit(dimension);
      FloatToHalf(x.data(), x.size(), Row(row));
    }
    for (std::int32_t q = 0; q < count; ++q) {
      const std::vector<float> x = Unit(dimension);
      std::copy(x.begin(), x.end(), Query(q));
    }
  }

  std::vector<float> Unit(std::int32_t dimension) {
    std::normal_distribution<float> normal;
    std::vector<float> x(static_cast<std::size_t>(dimension));
    float squares = 0;
    for (float& value : x) {
      value = normal(random);
      squares += value * value;
    }
    for (float& value : x) value /= std::sqrt(squares);
    return x;
  }

  std::uint16_t* Row(std::int64_t row) { return halves.data() + row * width; }
  float* Query(std::int32_t q) { return queries.data() + std::int64_t{q} * width; }
  bool Allows(std::int64_t row) const {
    return !allowed.has_value() || ((*allowed)[static_cast<std::size_t>(row / 32)] >> row % 32 & 1);
  }
  void Forbid(std::int64_t row) {
    if (!allowed.has_value()) allowed.emplace((static_cast<std::size_t>(rows) + 31) / 32, ~0u);
    (*allowed)[static_cast<std::size_t>(row / 32)] &= ~(1u << row % 32);
  }
  void ForbidAll() {
    for (std::int64_t row = 0; row < rows; ++row) Forbid(row);
  }
  void Allow(std::int64_t row) { (*allowed)[static_cast<std::size_t>(row / 32)] |= 1u << row % 32; }

  // All allowed rows, best first.
  std::vector<Found> Ranking(std::int32_t q) const {
    std::vector<Found> all;
    for (std::int64_t row = 0; row < rows; ++row) {
      if (!Allows(row)) continue;
      const float score =
          Score(queries.data() + std::int64_t{q} * width, halves.data() + row * width, width);
      all.push_back({std::isnan(score) ? -kInfinity : score, static_cast<std::int32_t>(row)});
    }
    std::sort(all.begin(), all.end(), [&](const Found& a, const Found& b) {
      if (a.score != b.score) return a.score > b.score;
      if (!ids.empty()) {
        return ids[static_cast<std::size_t>(a.row)] < ids[static_cast<std::size_t>(b.row)];
      }
      return a.row < b.row;
    });
    return all;
  }

  Answers Expected(std::int32_t k) const {
    Answers answers;
    for (std::int32_t q = 0; q < count; ++q) {
      answers.push_back(Ranking(q));
      answers.back().resize(static_cast<std::size_t>(k), {-kInfinity, -1});
    }
    return answers;
  }

  // The collection in device memory.
  struct Device {
    explicit Device(const Problem& problem)
        : halves(OnDevice(problem.halves)), queries(OnDevice(problem.queries)) {
      if (problem.allowed.has_value()) allowed = OnDevice(*problem.allowed);
      if (!problem.ids.empty()) ids = OnDevice(problem.ids);
      longest = OnDevice(std::vector<float>{0});
      in = {.halves = halves.data(),
            .rows = problem.rows,
            .width = problem.width,
            .allowed = static_cast<const std::uint32_t*>(allowed.data()),
            .ids = static_cast<const std::uint64_t*>(ids.data()),
            .longest = static_cast<const float*>(longest.data())};
      EXPECT_TRUE(
          LongestRow(in, 0, problem.rows, static_cast<float*>(longest.data()), nullptr).ok());
    }
    DeviceBuffer halves, queries, allowed, ids, longest;
    SearchRows in;
  };

  Answers Run(SearchKernel kernel, std::int32_t k, std::int32_t* unproven = nullptr) const {
    const Device device(*this);
    const auto size = static_cast<std::size_t>(count) * static_cast<std::size_t>(k);
    std::vector<float> scores(size, std::numeric_limits<float>::quiet_NaN());
    std::vector<std::int32_t> found(size, -2);
    const DeviceBuffer dscores = OnDevice(scores), dfound = OnDevice(found);
    const DeviceBuffer dunproven = OnDevice(std::vector<std::int32_t>{-1});
    const SearchArgs args{.in = device.in,
                          .queries = static_cast<const float*>(device.queries.data()),
                          .count = count,
                          .k = k,
                          .scores = static_cast<float*>(dscores.data()),
                          .rows = static_cast<std::int32_t*>(dfound.data()),
                          .unproven = static_cast<std::int32_t*>(dunproven.data())};
    Result<DeviceBuffer> workspace = DeviceBuffer::Allocate(SearchWorkspace(args, kernel));
    EXPECT_TRUE(workspace.ok()) << workspace.status().message();
    const Status status = Search(args, kernel, workspace->data(), nullptr);
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_TRUE(dscores.Download(scores.data()).ok());
    EXPECT_TRUE(dfound.Download(found.data()).ok());
    if (unproven != nullptr) {
      EXPECT_TRUE(dunproven.Download(unproven).ok());
    }
    Answers answers(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < size; ++i) {
      answers[i / static_cast<std::size_t>(k)].push_back({scores[i], found[i]});
    }
    return answers;
  }

  std::int64_t rows;
  std::int32_t width, count;
  std::mt19937 random;
  std::vector<std::uint16_t> halves;
  std::vector<float> queries;
  std::optional<std::vector<std::uint32_t>> allowed;
  std::vector<std::uint64_t> ids;
};

void ExpectAllRight(const Problem& problem, std::int32_t k, const std::string& what) {
  const Answers expected = problem.Expected(k);
  const std::string text = what + ": " + std::to_string(problem.rows) + " rows of " +
                           std::to_string(problem.width) + ", " + std::to_string(problem.count) +
                           " queries, k " + std::to_string(k);
  EXPECT_EQ(problem.Run(SearchKernel::kReference, k), expected) << "reference, " << text;
  EXPECT_EQ(problem.Run(SearchKernel::kRows, k), expected) << "rows, " << text;
  EXPECT_EQ(problem.Run(SearchKernel::kTiles, k), expected) << "tiles, " << text;
}

class CudaSearchTest : public CudaTest {};

// Rows beside each edge: of four threads, a warp's share, a word of the mask, a tile, a slice.
TEST_F(CudaSearchTest, EveryKernelGivesTheReferencesAnswer) {
  unsigned seed = 1;
  for (const std::int64_t rows :
       {1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 257, 300}) {
    const auto count = static_cast<std::int32_t>(seed % 9 + 1);
    ExpectAllRight(Problem(rows, seed % 2 == 0 ? 32 : 64, count, seed), 10, "sizes");
    ++seed;
  }
  for (const std::int32_t width : {32, 96, 128, 160, 512, 768}) {
    ExpectAllRight(Problem(150, width, 2, seed++), 10, "widths");
  }
  ExpectAllRight(Problem(130, 96, 3, seed++, 70), 10, "padded rows");
}

// Passes of 1, 2, 4 and 8 queries, and tiles of 128.
TEST_F(CudaSearchTest, AnyNumberOfQueries) {
  for (const std::int32_t count : {1, 2, 3, 4, 5, 8, 9, 17, 64, 65, 127, 128, 129, 257}) {
    const Problem problem(140, 32, count, 50u + static_cast<unsigned>(count));
    const Answers expected = problem.Expected(5);
    EXPECT_EQ(problem.Run(SearchKernel::kRows, 5), expected) << count;
    EXPECT_EQ(problem.Run(SearchKernel::kTiles, 5), expected) << count;
  }
  EXPECT_TRUE(Problem(10, 32, 0, 1).Run(SearchKernel::kFastest, 5).empty());
}

TEST_F(CudaSearchTest, AnyNumberOfAnswers) {
  for (const std::int32_t k : {1, 2, 10, 100, 1000, 1024}) {
    ExpectAllRight(Problem(600, 32, 2, 70), k, "k beside 600 rows");
  }
  ExpectAllRight(Problem(0, 32, 3, 71), 4, "no rows");
  // Enough rows for lists to fill and be cut, by warps (k = 10, 100) and by the block (1024).
  for (const std::int32_t k : {10, 100, 1024}) {
    const Problem problem(5000, 32, 1, 72);
    const Answers expected = problem.Expected(k);
    EXPECT_EQ(problem.Run(SearchKernel::kRows, k), expected) << k;
    EXPECT_EQ(problem.Run(SearchKernel::kTiles, k), expected) << k;
  }
}

// Every row is better than all before it: each is written down, and lists are cut time and again.
TEST_F(CudaSearchTest, RowsThatGetBetterAndBetter) {
  Problem problem(12'000, 32, 1, 75);
  std::fill(problem.queries.begin(), problem.queries.end(), 0.0f);
  problem.queries[0] = 1;
  std::fill(problem.halves.begin(), problem.halves.end(), std::uint16_t{0});
  for (std::int64_t row = 0; row < problem.rows; ++row) {
    *problem.Row(row) = static_cast<std::uint16_t>(row * 30'000 / problem.rows);
  }
  const Answers expected = problem.Expected(30);
  EXPECT_EQ(problem.Run(SearchKernel::kRows, 30), expected);
  EXPECT_EQ(problem.Run(SearchKernel::kTiles, 30), expected);
}

TEST_F(CudaSearchTest, RowsThatAreNotAllowedNeverAppearAndKIsFilled) {
  Problem problem(1100, 32, 3, 80);
  problem.ForbidAll();
  ExpectAllRight(problem, 5, "none allowed");
  for (const std::int64_t only : {0, 31, 32, 128, 700, 1099}) {
    problem.Allow(only);
    ExpectAllRight(problem, 3, "some allowed");  // as many as k from the third turn on
  }
  // The best of each query are forbidden: the next ones come up.
  Problem worse(500, 64, 2, 81);
  for (std::int32_t q = 0; q < worse.count; ++q) {
    const std::vector<Found> ranking = worse.Ranking(q);
    for (std::size_t i = 0; i < 40; ++i) worse.Forbid(ranking[i].row);
  }
  ExpectAllRight(worse, 10, "the best forbidden");
  Problem random(777, 32, 9, 82);
  for (std::int64_t row = 0; row < random.rows; ++row) {
    if (random.random() % 3 != 0) random.Forbid(row);
  }
  ExpectAllRight(random, 100, "a third allowed");
  ExpectAllRight(random, 1024, "fewer than k allowed");
}

TEST_F(CudaSearchTest, EqualScoresAreOrderedById) {
  Problem problem(900, 32, 3, 90);
  // Each row 30 times, far apart.
  for (std::int64_t row = 30; row < problem.rows; ++row) {
    std::copy(problem.Row(row % 30), problem.Row(row % 30) + 32, problem.Row(row));
  }
  for (const std::int32_t k : {1, 10, 45, 100}) ExpectAllRight(problem, k, "duplicates");
  for (std::int64_t row = 0; row < problem.rows; ++row) {
    problem.ids.push_back((std::uint64_t{1} << 40) - static_cast<std::uint64_t>(row) * 7);
  }
  ExpectAllRight(problem, 45, "duplicates, ids downwards");
  std::shuffle(problem.ids.begin(), problem.ids.end(), problem.random);
  ExpectAllRight(problem, 45, "duplicates, ids at random");
  std::int32_t unproven = 0;
  problem.Run(SearchKernel::kTiles, 10, &unproven);
  EXPECT_EQ(unproven, 3) << "products cannot tell duplicates apart";
}

// Rows differ by less than the rounding of a query to FP16 moves a product.
TEST_F(CudaSearchTest, ScoresDecideWhereProductsCannot) {
  Problem problem(700, 64, 10, 91);
  std::uniform_int_distribution<int> place(0, 63);
  for (std::int64_t row = 1; row < problem.rows; ++row) {
    std::copy(problem.Row(0), problem.Row(0) + 64, problem.Row(row));
    // One unit in the last place of one number.
    problem.Row(row)[place(problem.random)] ^= 1;
  }
  std::int32_t unproven = 0;
  EXPECT_EQ(problem.Run(SearchKernel::kTiles, 10, &unproven), problem.Expected(10));
  EXPECT_EQ(unproven, 10);
  EXPECT_EQ(problem.Run(SearchKernel::kRows, 10), problem.Expected(10));
}

TEST_F(CudaSearchTest, UsualAnswersAreProvenAtOnce) {
  const Problem problem(3000, 64, 20, 92);
  std::int32_t unproven = -1;
  EXPECT_EQ(problem.Run(SearchKernel::kFastest, 10, &unproven), problem.Expected(10));
  EXPECT_EQ(unproven, 0);
}

TEST_F(CudaSearchTest, WhatIsNoNumberIsLast) {
  Problem problem(300, 32, 3, 100);
  for (const std::int64_t row : {0, 5, 130, 131, 299}) *problem.Row(row) = kHalfNan;
  for (const std::int32_t k : {10, 300}) ExpectAllRight(problem, k, "NaN");
  std::int32_t unproven = -1;
  problem.Run(SearchKernel::kTiles, 10, &unproven);
  EXPECT_EQ(unproven, 0) << "rows with NaN do not spoil the proof of others";
  problem.Row(7)[3] = kHalfInfinity;
  problem.Row(8)[3] = kHalfInfinity | 0x8000;
  problem.Row(9)[3] = kHalfInfinity;
  problem.Row(9)[4] = kHalfInfinity | 0x8000;  // may cancel
  for (const std::int32_t k : {2, 10, 300}) ExpectAllRight(problem, k, "infinities");
  for (std::int64_t row = 0; row < problem.rows; ++row) *problem.Row(row) = kHalfNan;
  ExpectAllRight(problem, 20, "nothing but NaN");
}

// Queries that FP16 does not hold: too short, too long, on its edge, zero.
TEST_F(CudaSearchTest, QueriesOfAnyLength) {
  Problem problem(300, 32, 6, 110);
  const float scales[] = {1e-30f, 1e-6f, 1e6f, 65504.0f, 0.0f, 1e30f};
  for (std::int32_t q = 0; q < problem.count; ++q) {
    for (std::int32_t i = 0; i < 32; ++i) problem.Query(q)[i] *= scales[q];
  }
  ExpectAllRight(problem, 10, "scaled queries");
}

TEST_F(CudaSearchTest, AQuerysAnswerDoesNotDependOnOthers) {
  const Problem together(500, 64, 130, 120);
  Problem alone = together;
  alone.count = 1;
  alone.queries.assign(together.queries.end() - 64, together.queries.end());
  EXPECT_EQ(together.Run(SearchKernel::kTiles, 10).back(),
            alone.Run(SearchKernel::kRows, 10).back());
}

TEST_F(CudaSearchTest, RangeSearchFindsAllAndCountsWhatDoesNotFit) {
  for (const std::int32_t count : {1, 3, 9}) {
    Problem problem(1000, 64, count, 130);
    *problem.Row(4) = kHalfNan;
    for (std::int64_t row = 100; row < 160; ++row) problem.Forbid(row);
    const Problem::Device device(problem);
    std::vector<float> least;
    for (std::int32_t q = 0; q < count; ++q) {
      // Everything, nothing, and exactly the 30th best score.
      const std::vector<Found> ranking = problem.Ranking(q);
      least.push_back(q % 3 == 1 ? -kInfinity : q % 3 == 2 ? 3.0f : ranking[29].score);
    }
    const DeviceBuffer dleast = OnDevice(least);
    for (const std::int32_t capacity : {0, 20, 1000}) {
      const auto size = static_cast<std::size_t>(count) * static_cast<std::size_t>(capacity);
      std::vector<float> scores(std::max<std::size_t>(size, 1));
      std::vector<std::int32_t> rows(std::max<std::size_t>(size, 1));
      std::vector<std::int32_t> found(static_cast<std::size_t>(count));
      const DeviceBuffer dscores = OnDevice(scores), drows = OnDevice(rows);
      const DeviceBuffer dfound = OnDevice(found);
      ASSERT_TRUE(RangeSearch({.in = device.in,
                               .queries = static_cast<const float*>(device.queries.data()),
                               .count = count,
                               .least = static_cast<const float*>(dleast.data()),
                               .capacity = capacity,
                               .scores = static_cast<float*>(dscores.data()),
                               .rows = static_cast<std::int32_t*>(drows.data()),
                               .found = static_cast<std::int32_t*>(dfound.data())},
                              nullptr)
                      .ok());
      ASSERT_TRUE(dscores.Download(scores.data()).ok());
      ASSERT_TRUE(drows.Download(rows.data()).ok());
      ASSERT_TRUE(dfound.Download(found.data()).ok());
      for (std::int32_t q = 0; q < count; ++q) {
        std::vector<Found> expected = problem.Ranking(q);
        std::erase_if(expected, [&](const Found& f) {
          return !(f.score >= least[static_cast<std::size_t>(q)]);
        });
        const auto by_row = [](const Found& a, const Found& b) { return a.row < b.row; };
        std::sort(expected.begin(), expected.end(), by_row);
        ASSERT_EQ(found[static_cast<std::size_t>(q)], static_cast<std::int32_t>(expected.size()));
        std::vector<Found> got;
        for (std::int32_t i = 0; i < std::min(capacity, found[static_cast<std::size_t>(q)]); ++i) {
          const auto at = static_cast<std::size_t>(q * capacity + i);
          got.push_back({scores[at], rows[at]});
        }
        std::sort(got.begin(), got.end(), by_row);
        EXPECT_TRUE(
            std::includes(expected.begin(), expected.end(), got.begin(), got.end(), by_row));
        if (capacity >= static_cast<std::int32_t>(expected.size())) {
          EXPECT_EQ(got, expected);
        }
      }
    }
  }
}

TEST_F(CudaSearchTest, LongestRowIsABoundFromAboveThatGrows) {
  Problem problem(100, 64, 1, 140);
  for (std::int32_t i = 0; i < 64; ++i) problem.Row(70)[i] = FloatToHalf(2.5f);
  *problem.Row(3) = kHalfNan;
  const Problem::Device device(problem);
  const DeviceBuffer longest = OnDevice(std::vector<float>{0});
  float got = 0;
  const auto add = [&](std::int64_t first, std::int64_t count) {
    EXPECT_TRUE(
        LongestRow(device.in, first, count, static_cast<float*>(longest.data()), nullptr).ok());
    EXPECT_TRUE(longest.Download(&got).ok());
    return got;
  };
  EXPECT_NEAR(add(0, 50), 1, 0.01);
  EXPECT_GE(add(50, 50), 20);
  EXPECT_LE(got, 20 * 1.01);
  EXPECT_GE(add(0, 10), 20);
}

TEST_F(CudaSearchTest, RefusesWhatItDoesNotTake) {
  const auto code = [](const SearchArgs& args) {
    return Search(args, SearchKernel::kFastest, nullptr, nullptr).code();
  };
  EXPECT_EQ(code({.in = {.width = 48}, .count = 1}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.in = {.width = 0}, .count = 1}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.in = {.rows = std::int64_t{1} << 31, .width = 32}, .count = 1}),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.in = {.width = 32}, .count = 1, .k = 0}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.in = {.width = 32}, .count = 1, .k = 1025}), StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.in = {.width = 1 << 20}, .count = 1}), StatusCode::kInvalidArgument);
  EXPECT_EQ(
      Search({.in = {.width = 32}, .count = 9}, SearchKernel::kTiles, nullptr, nullptr).code(),
      StatusCode::kInvalidArgument);  // no longest row
}

#ifdef ESPY_CUDA_EMULATED
// On one multiprocessor: each block has many turns, and its lists are cut in their midst.
class OneMultiprocessor {
 public:
  OneMultiprocessor() { emulation::SetMultiprocessors(1); }
  ~OneMultiprocessor() {
    emulation::SetMultiprocessors(132);
    emulation::SetOrder(emulation::Order::kForward);
  }
};

TEST_F(CudaSearchTest, ListsAreCutInTheMidstOfASlice) {
  const OneMultiprocessor one;
  for (const std::int32_t k : {1, 10, 100, 1024}) {
    for (const std::int32_t count : {1, 3}) {
      const Problem problem(7000, 32, count, 160);
      const Answers expected = problem.Expected(k);
      EXPECT_EQ(problem.Run(SearchKernel::kRows, k), expected) << k;
      EXPECT_EQ(problem.Run(SearchKernel::kTiles, k), expected) << k;
    }
  }
}

// Duplicates come before and after the cuts; of those that score as the k-th best, the smallest
// ids stay, wherever they are.
TEST_F(CudaSearchTest, EqualScoresAreOrderedByIdAcrossCuts) {
  const OneMultiprocessor one;
  Problem problem(7000, 32, 2, 161);
  for (std::int64_t row = 5; row < problem.rows; ++row) {
    std::copy(problem.Row(row % 5), problem.Row(row % 5) + 32, problem.Row(row));
  }
  for (std::int64_t row = 0; row < problem.rows; ++row) {
    problem.ids.push_back(static_cast<std::uint64_t>(row));
  }
  for (const bool shuffled : {false, true}) {
    if (shuffled) std::shuffle(problem.ids.begin(), problem.ids.end(), problem.random);
    const Answers expected = problem.Expected(20);
    EXPECT_EQ(problem.Run(SearchKernel::kRows, 20), expected);
    EXPECT_EQ(problem.Run(SearchKernel::kTiles, 20), expected);
  }
}

// A result that hangs on which thread comes first is a race.
TEST_F(CudaSearchTest, TheOrderOfThreadsDoesNotShow) {
  const OneMultiprocessor one;
  Problem problem(7000, 32, 3, 150);
  for (std::int64_t row = 700; row < 800; ++row) {
    std::copy(problem.Row(0), problem.Row(0) + 32, problem.Row(row));
  }
  for (const std::int32_t k : {20, 300}) {
    const Answers expected = problem.Expected(k);
    for (const emulation::Order order : {emulation::Order::kBackward, emulation::Order::kShuffled,
                                         emulation::Order::kWarpByWarp}) {
      emulation::SetOrder(order);
      EXPECT_EQ(problem.Run(SearchKernel::kRows, k), expected);
      EXPECT_EQ(problem.Run(SearchKernel::kTiles, k), expected);
    }
  }
}

// A warp that has seen that a list need not be cut adds to it again before others have looked:
// those must not see one that must be. By turns a look finds 400 rows of the 456 that are left
// alone, and any; what a warp adds to them lies where that warp sorts.
TEST_F(CudaSearchTest, AWarpThatRunsAheadDoesNotChangeWhatOthersSee) {
  const OneMultiprocessor one;
  constexpr std::int64_t kLook = 1024, kSome = 400;
  constexpr std::int32_t kBest = 200;
  Problem problem(16 * kLook, 32, 1, 17);
  for (std::int64_t row = 0; row < problem.rows; ++row) {
    if (row / kLook % 2 == 0 && row % kLook >= kSome) problem.Forbid(row);
  }
  const Answers expected = problem.Expected(kBest);
  emulation::SetOrder(emulation::Order::kWarpByWarp);
  EXPECT_EQ(problem.Run(SearchKernel::kRows, kBest), expected);
}

// 5 GB of rows, most of them neither allowed nor there: their bytes are counted in 64 bits.
TEST_F(CudaSearchTest, RowsBeyondFourGigabytes) {
  constexpr std::int32_t kWidth = 4096;
  constexpr std::int64_t kRows = 640'000;
  constexpr std::size_t kBytes = std::size_t{kRows} * kWidth * 2;
  void* mapped = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  auto* halves = static_cast<std::uint16_t*>(mapped);
  std::vector<std::uint32_t> allowed(kRows / 32, 0);
  const std::vector<std::int64_t> there = {0, 262'143, 262'144, 524'287, 524'288, 639'999};
  for (std::size_t i = 0; i < there.size(); ++i) {
    halves[there[i] * kWidth + kWidth - 1] = FloatToHalf(1.0f + static_cast<float>(i));
    allowed[static_cast<std::size_t>(there[i] / 32)] |= 1u << there[i] % 32;
  }
  std::vector<float> queries(kWidth, 0.0f), scores(4);
  queries.back() = 1;
  std::vector<std::int32_t> rows(4);
  float longest = 8;
  for (const SearchKernel kernel : {SearchKernel::kRows, SearchKernel::kTiles}) {
    const SearchArgs args{.in = {.halves = halves,
                                 .rows = kRows,
                                 .width = kWidth,
                                 .allowed = allowed.data(),
                                 .longest = &longest},
                          .queries = queries.data(),
                          .count = 1,
                          .k = 4,
                          .scores = scores.data(),
                          .rows = rows.data()};
    Result<DeviceBuffer> workspace = DeviceBuffer::Allocate(SearchWorkspace(args, kernel));
    ASSERT_TRUE(workspace.ok());
    ASSERT_TRUE(Search(args, kernel, workspace->data(), nullptr).ok());
    EXPECT_EQ(rows, (std::vector<std::int32_t>{639'999, 524'288, 524'287, 262'144}));
    EXPECT_EQ(scores, (std::vector<float>{6, 5, 4, 3}));
  }
  munmap(mapped, kBytes);
}
#endif

}  // namespace
}  // namespace espy::cuda
