// How much the graph finds, against exact search: the floors that the project promises.
#include <gtest/gtest.h>

#include <iostream>
#include <limits>
#include <set>

#include "index/vector_index.h"
#include "tests/index/memory_store.h"
#include "tests/index/oracle.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

using espy::testing::ClusteredData;
using espy::testing::MemoryStore;

constexpr std::int64_t kDimension = 128;
constexpr std::uint64_t kRows = 12'000;

// A number that looks drawn at random for each i.
std::uint64_t Mix(std::uint64_t i) {
  i = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9ULL;
  i = (i ^ (i >> 27)) * 0x94d049bb133111ebULL;
  return i ^ (i >> 31);
}

class RecallTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    IndexOptions options;
    options.dimension = kDimension;
    options.seal_rows = kRows;
    options.index_rows = kRows;  // the index kind and its effort as shipped
    static MemoryStore store;
    index_ = VectorIndex::Empty(options, &store).release();
    ClusteredData data(21, kDimension, 200);
    for (std::uint64_t id = 1; id <= kRows; ++id) index_->Add(id, id, data.NextHalf());
    index_->Publish(kRows);
    ESPY_ASSERT_OK(index_->Maintain(false, {}));
    whole_ = index_->TakeView();
    ASSERT_NE(whole_->Plan({}).find("graph over 12000 rows in 1 segment"), std::string::npos)
        << whole_->Plan({});
    for (std::uint64_t i = 1; i <= kRows; ++i) {
      if (Mix(i) % 10 < 3) index_->Remove(kRows + i, i);
    }
    index_->Publish(2 * kRows);
    with_dead_ = index_->TakeView();
    ASSERT_LT(with_dead_->live_rows(), static_cast<std::int64_t>(kRows * 3 / 4));
  }
  static void TearDownTestSuite() {
    whole_.reset();
    with_dead_.reset();
    delete index_;
  }

  // Half of the queries are drawn as the rows were, half from elsewhere, as words are asked of
  // pictures.
  static double RecallAt10(const View& view,
                           std::optional<std::span<const std::uint64_t>> allowed) {
    ClusteredData near(21, kDimension, 200), far(22, kDimension, 200);
    near.random().seed(26);
    int hits = 0, wanted = 0;
    for (int q = 0; q < 100; ++q) {
      const std::vector<float> query = q % 2 == 0 ? near.Next() : far.Next();
      const auto exact = view.Search(query, {.exact = true, .allowed = allowed});
      const auto found = view.Search(query, {.allowed = allowed});
      EXPECT_TRUE(exact.ok() && found.ok());
      EXPECT_EQ(found->size(), exact->size()) << "k is filled whenever k rows match";
      std::set<std::uint64_t> ids;
      for (const Candidate& candidate : *found) ids.insert(candidate.id);
      for (const Candidate& candidate : *exact) hits += ids.contains(candidate.id), ++wanted;
    }
    const double recall = static_cast<double>(hits) / wanted;
    std::cout << "recall@10 " << recall << ", " << view.Plan({.allowed = allowed}) << "\n";
    return recall;
  }

  static std::vector<std::uint64_t> OneIn(std::uint64_t n) {
    std::vector<std::uint64_t> ids;
    for (std::uint64_t id = 1; id <= kRows; ++id) {
      if (Mix(id + kRows) % n == 0) ids.push_back(id);
    }
    return ids;
  }

  static VectorIndex* index_;
  static std::shared_ptr<const View> whole_, with_dead_;
};
VectorIndex* RecallTest::index_ = nullptr;
std::shared_ptr<const View> RecallTest::whole_, RecallTest::with_dead_;

TEST_F(RecallTest, AllRows) { EXPECT_GE(RecallAt10(*whole_, std::nullopt), 0.95); }

TEST_F(RecallTest, ThirtyPercentDead) { EXPECT_GE(RecallAt10(*with_dead_, std::nullopt), 0.95); }

TEST_F(RecallTest, FiltersOfEverySelectivity) {
  for (const std::uint64_t n : {2, 10, 100, 1000}) {
    const std::vector<std::uint64_t> allowed = OneIn(n);
    EXPECT_GE(RecallAt10(*whole_, allowed), 0.95) << "one in " << n;
    EXPECT_GE(RecallAt10(*with_dead_, allowed), 0.95) << "one in " << n << " with dead rows";
  }
}

// A filter that leaves only rows far from the query: a walk would wander; the answer must be whole
// all the same.
TEST_F(RecallTest, AFilterOpposedToTheQueryIsStillFilled) {
  ClusteredData queries(23, kDimension, 200);
  const std::vector<float> query = queries.Next();
  std::vector<float> away(query);
  for (float& x : away) x = -x;
  const auto far = whole_->Search(away, {.k = 8'000, .exact = true});
  ASSERT_TRUE(far.ok());
  std::vector<std::uint64_t> allowed;
  for (const Candidate& candidate : *far) allowed.push_back(candidate.id);
  std::sort(allowed.begin(), allowed.end());
  const auto exact = whole_->Search(query, {.exact = true, .allowed = allowed});
  const auto found = whole_->Search(query, {.allowed = allowed});
  ASSERT_TRUE(exact.ok() && found.ok());
  ASSERT_EQ(found->size(), 10u);
  std::set<std::uint64_t> ids;
  for (const Candidate& candidate : *found) ids.insert(candidate.id);
  int hits = 0;
  for (const Candidate& candidate : *exact) hits += ids.contains(candidate.id);
  EXPECT_GE(hits, 9);
}

// Exact search of many queries reads the rows once for all, with deaths and filters; a graph is
// walked query by query.
TEST_F(RecallTest, ManyQueriesAtOnceHaveTheAnswersOfEach) {
  ClusteredData queries(26, kDimension, 200);
  std::vector<float> all;
  for (int q = 0; q < 70; ++q) {
    const std::vector<float> query = queries.Next();
    all.insert(all.end(), query.begin(), query.end());
  }
  const std::vector<std::uint64_t> half = OneIn(2);
  const std::optional<std::span<const std::uint64_t>> everyone, some = half;
  for (const SearchParams& params :
       {SearchParams{.exact = true, .allowed = everyone},
        SearchParams{.exact = true, .allowed = some}, SearchParams{}, SearchParams{.k = 0}}) {
    const auto found = with_dead_->SearchBatch(all, params);
    ESPY_ASSERT_OK(found);
    ASSERT_EQ(found->size(), 70u);
    for (std::size_t q = 0; q < 70; ++q) {
      const auto one = with_dead_->Search({all.data() + q * kDimension, kDimension}, params);
      ASSERT_EQ((*found)[q].size(), one->size());
      for (std::size_t i = 0; i < one->size(); ++i) {
        EXPECT_EQ((*found)[q][i].id, (*one)[i].id);
        EXPECT_EQ((*found)[q][i].score, (*one)[i].score);
      }
    }
  }
  all.pop_back();
  EXPECT_EQ(with_dead_->SearchBatch(all, {}).status().code(), StatusCode::kInvalidArgument);
  all.push_back(std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(with_dead_->SearchBatch(all, {.exact = true}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(RecallTest, AskingForMoreThanThereIsGivesAll) {
  const std::vector<float> query = ClusteredData(24, kDimension, 200).Next();
  const auto all = whole_->Search(query, {.k = 50'000});
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->size(), kRows);
  const std::vector<std::uint64_t> three = {5, 6, 7, 1'000'000};
  EXPECT_EQ(whole_->Search(query, {.k = 10, .allowed = three})->size(), 3u);
}

TEST_F(RecallTest, TheSameViewAnswersTheSameBits) {
  ClusteredData queries(25, kDimension, 200);
  for (int q = 0; q < 20; ++q) {
    const std::vector<float> query = queries.Next();
    const auto a = whole_->Search(query, {}), b = whole_->Search(query, {});
    ASSERT_EQ(a->size(), b->size());
    for (std::size_t i = 0; i < a->size(); ++i) {
      EXPECT_EQ((*a)[i].id, (*b)[i].id);
      EXPECT_EQ((*a)[i].score, (*b)[i].score);
    }
  }
}

}  // namespace
}  // namespace espy::index
