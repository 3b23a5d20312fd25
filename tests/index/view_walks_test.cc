// Several segments that are walked with shares of the effort, and filters that keep few rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "index/id_places.h"
#include "index/vector_index.h"
#include "tests/index/memory_store.h"
#include "tests/index/oracle.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

using espy::testing::Half;
using espy::testing::MakeUnit;
using espy::testing::MemoryStore;
using espy::testing::ToHalf;

constexpr std::int64_t kDimension = 64;
constexpr std::int64_t kRows = 3'000;  // of a segment
constexpr int kSegments = 8;

// Unit vectors without structure, hard to walk among, on the side of segment `s`.
class Side {
 public:
  explicit Side(int s) : s_(s), random_(static_cast<std::uint64_t>(s) + 40) {}
  std::vector<float> Next() {
    std::normal_distribution<float> normal;
    std::vector<float> x(kDimension);
    for (float& value : x) value = normal(random_);
    x[static_cast<std::size_t>(s_)] += 20;
    MakeUnit(&x);
    return x;
  }
  Half NextHalf() { return ToHalf(Next()); }

 private:
  int s_;
  std::mt19937_64 random_;
};

// Segments [first, end), of kRows rows each.
std::unique_ptr<VectorIndex> Made(int first, int end, MemoryStore* store) {
  IndexOptions options;
  options.dimension = kDimension;
  options.seal_rows = options.index_rows = kRows;
  options.merge_fan_in = 100;
  std::unique_ptr<VectorIndex> index = VectorIndex::Empty(options, store);
  for (int s = first; s < end; ++s) {
    Side side(s);
    for (std::int64_t row = 0; row < kRows; ++row) {
      const auto id = static_cast<std::uint64_t>(s * kRows + row + 1);
      index->Add(id, id, side.NextHalf());
    }
    index->Publish(static_cast<std::uint64_t>((s + 1) * kRows));
    if (const Status built = index->Maintain(false, {}); !built.ok())
      ADD_FAILURE() << built.message();
  }
  return index;
}

std::vector<std::uint64_t> Ids(const Result<std::vector<Candidate>>& found) {
  std::vector<std::uint64_t> ids;
  if (!found.ok()) ADD_FAILURE() << found.status().message();
  if (found.ok()) {
    for (const Candidate& candidate : *found) ids.push_back(candidate.id);
  }
  return ids;
}

// Where a query's nearest rows came in together, as the pictures of one day do, the segment that
// has them is walked as if it were alone.
TEST(ViewWalks, ACrowdedSegmentIsWalkedAtFullEffort) {
  MemoryStore store, store_of_one;
  const auto all = Made(0, kSegments, &store);
  const auto one = Made(3, 4, &store_of_one);
  const auto view = all->TakeView(), alone = one->TakeView();
  const std::int64_t ef = 64;
  ASSERT_NE(view->Plan({.ef_search = ef}).find("graph over 24000 rows in 8 segments"),
            std::string::npos)
      << view->Plan({.ef_search = ef});
  Side queries(3);
  for (std::int64_t row = 0; row < kRows; ++row) queries.Next();
  int shares_differ = 0;
  for (int q = 0; q < 60; ++q) {
    const std::vector<float> query = queries.Next();
    const auto full = Ids(alone->Search(query, {.k = 10, .ef_search = ef}));
    EXPECT_EQ(Ids(view->Search(query, {.k = 10, .ef_search = ef})), full);
    // 64 / sqrt(8): what the segment gets of its size alone.
    shares_differ += Ids(alone->Search(query, {.k = 10, .ef_search = 23})) != full ? 1 : 0;
  }
  EXPECT_GT(shares_differ, 10) << "the comparison says nothing: both efforts find the same";
}

// Neighbours that are spread over all segments are found with a share of the effort in each.
TEST(ViewWalks, SpreadNeighboursAreFound) {
  IndexOptions options;
  options.dimension = kDimension;
  options.seal_rows = options.index_rows = kRows;
  options.merge_fan_in = 100;
  MemoryStore store;
  const auto index = VectorIndex::Empty(options, &store);
  espy::testing::ClusteredData data(31, kDimension, 100);
  for (std::uint64_t id = 1; id <= kRows * kSegments; ++id) {
    index->Add(id, id, data.NextHalf());
    if (id % kRows != 0) continue;
    index->Publish(id);
    ESPY_ASSERT_OK(index->Maintain(false, {}));
  }
  const auto view = index->TakeView();
  ASSERT_NE(view->Plan({}).find("in 8 segments"), std::string::npos) << view->Plan({});
  int hits = 0;
  for (int q = 0; q < 50; ++q) {
    const std::vector<float> query = data.Next();
    const auto exact = Ids(view->Search(query, {.exact = true}));
    const auto found = Ids(view->Search(query, {}));
    ASSERT_EQ(found.size(), exact.size());
    for (const std::uint64_t id : exact) hits += std::ranges::count(found, id);
  }
  EXPECT_GE(hits, 475) << "of 500";
}

class FewAllowed : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kAll = 20'000;
  void SetUp() override {
    IndexOptions options;
    options.dimension = 256;
    options.seal_rows = options.index_rows = kAll;
    index_ = VectorIndex::Empty(options, &store_);
    for (std::uint64_t id = 1; id <= kAll; ++id) index_->Add(id, id, data_.NextHalf());
    index_->Publish(kAll);
    ESPY_ASSERT_OK(index_->Maintain(false, {}));
    for (std::uint64_t id = 1; id <= kAll; id += 12) allowed_.push_back(id);
  }
  MemoryStore store_;
  std::unique_ptr<VectorIndex> index_;
  espy::testing::ClusteredData data_{33, 256, 150};
  std::vector<std::uint64_t> allowed_;
};

TEST_F(FewAllowed, AreFoundByTheirCodes) {
  // Every fifth row that is allowed is dead.
  std::uint64_t seq = kAll;
  std::set<std::uint64_t> dead;
  for (std::size_t i = 0; i < allowed_.size(); i += 5) {
    index_->Remove(++seq, allowed_[i]);
    dead.insert(allowed_[i]);
  }
  index_->Publish(seq);
  const auto view = index_->TakeView();
  const SearchParams params{.ef_search = 48, .allowed = allowed_};
  ASSERT_NE(view->Plan(params).find("codes of the graph over 20000 rows"), std::string::npos)
      << view->Plan(params);
  int hits = 0;
  for (int q = 0; q < 50; ++q) {
    const std::vector<float> query = data_.Next();
    const auto exact = Ids(view->Search(query, {.exact = true, .allowed = allowed_}));
    const auto found = Ids(view->Search(query, params));
    ASSERT_EQ(found.size(), 10u);
    for (const std::uint64_t id : found) {
      EXPECT_EQ(id % 12, 1u) << "not allowed";
      EXPECT_FALSE(dead.contains(id));
    }
    for (const std::uint64_t id : exact) hits += std::ranges::count(found, id);
  }
  EXPECT_GE(hits, 475) << "of 500";
}

TEST_F(FewAllowed, AsManyComeBackAsMatch) {
  const auto view = index_->TakeView();
  const std::vector<float> query = data_.Next();
  for (const std::int64_t k : {std::int64_t{1}, std::int64_t{300}, std::int64_t{5'000}}) {
    const auto found = Ids(view->Search(query, {.k = k, .allowed = allowed_}));
    EXPECT_EQ(found.size(), std::min(allowed_.size(), static_cast<std::size_t>(k)));
    EXPECT_EQ(std::set<std::uint64_t>(found.begin(), found.end()).size(), found.size());
  }
}

TEST(IdPlaces, FindsWhatIsThereAndNothingElse) {
  std::mt19937_64 random(7);
  std::vector<std::vector<std::uint64_t>> kinds = {
      {42}, {0}, {UINT64_MAX}, {0, UINT64_MAX}, {5, 6, 7, 8}};
  std::vector<std::uint64_t> hashes, numbers, crowded, alike;
  for (std::uint64_t i = 0; i < 3'000; ++i) {
    hashes.push_back(random());
    numbers.push_back(i + 100);
    crowded.push_back(i < 2'900 ? i : random());
    alike.push_back(i << 8 | 3);  // one mark for all
  }
  kinds.insert(kinds.end(), {hashes, numbers, crowded, alike});
  for (std::vector<std::uint64_t>& ids : kinds) {
    std::sort(ids.begin(), ids.end());
    const IdPlaces places(ids);
    EXPECT_LE(places.bytes(), ids.size() * 2 + 64);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      EXPECT_EQ(places.Find(ids[i]), static_cast<std::int64_t>(i));
      for (const std::uint64_t other : {ids[i] - 1, ids[i] + 1, ids[i] ^ (1u << 20)}) {
        const auto at = std::lower_bound(ids.begin(), ids.end(), other);
        EXPECT_EQ(places.Find(other),
                  at != ids.end() && *at == other ? at - ids.begin() : std::int64_t{-1});
      }
    }
  }
}

}  // namespace
}  // namespace espy::index
