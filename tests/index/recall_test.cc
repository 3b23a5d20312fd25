// How much the graph finds, against exact search: the floors that the project promises.
#include <gtest/gtest.h>

#include <set>

#include "index/vector_index.h"
#include "tests/index/memory_store.h"
#include "tests/index/oracle.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

using espy::testing::ClusteredData;
using espy::testing::MemoryStore;

constexpr std::int64_t kDimension = 64;
constexpr std::uint64_t kRows = 30'000;

class RecallTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    IndexOptions options;
    options.dimension = kDimension;
    options.seal_rows = kRows;
    options.hnsw_rows = 10'000;
    options.hnsw_m = 16;
    options.hnsw_ef_construction = 100;
    index_ = VectorIndex::Empty(options, new MemoryStore()).release();
    ClusteredData data(21, kDimension, 200);
    for (std::uint64_t id = 1; id <= kRows; ++id) index_->Add(id, id, data.NextHalf());
    index_->Publish(kRows);
    ESPY_ASSERT_OK(index_->Maintain(false, {}));
    whole_ = index_->TakeView();
    ASSERT_NE(whole_->Plan({}).find("HNSW over 30000 rows in 1 segment"), std::string::npos)
        << whole_->Plan({});
    for (std::uint64_t i = 1; i <= kRows; ++i) {
      if (i * 2654435761u % 10 < 3) index_->Remove(kRows + i, i);
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

  static double RecallAt10(const View& view,
                           std::optional<std::span<const std::uint64_t>> allowed) {
    ClusteredData queries(22, kDimension, 200);
    int hits = 0, wanted = 0;
    for (int q = 0; q < 100; ++q) {
      const std::vector<float> query = queries.Next();
      const auto exact = view.Search(query, {.exact = true, .allowed = allowed});
      const auto found = view.Search(query, {.allowed = allowed});
      EXPECT_TRUE(exact.ok() && found.ok());
      EXPECT_EQ(found->size(), exact->size()) << "k is filled whenever k rows match";
      std::set<std::uint64_t> ids;
      for (const Candidate& candidate : *found) ids.insert(candidate.id);
      for (const Candidate& candidate : *exact) hits += ids.contains(candidate.id), ++wanted;
    }
    return static_cast<double>(hits) / wanted;
  }

  static std::vector<std::uint64_t> OneIn(std::uint64_t n) {
    std::vector<std::uint64_t> ids;
    for (std::uint64_t id = 1; id <= kRows; ++id) {
      if (id * 40503 % n == 0) ids.push_back(id);
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
  const auto far = whole_->Search(away, {.k = 20'000, .exact = true});
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
