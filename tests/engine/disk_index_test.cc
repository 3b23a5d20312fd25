// Kind disk over a real store: lists by prefix scan, rows by their ids, both as of a view's moment.
#include <gtest/gtest.h>

#include <set>

#include "base/half.h"
#include "engine/index_store.h"
#include "index/vector_index.h"
#include "storage/store.h"
#include "tests/index/oracle.h"
#include "tests/support/temp_dir.h"

namespace espy {
namespace {

using espy::testing::ClusteredData;
using espy::testing::TempDir;

constexpr std::int64_t kDimension = 64;
constexpr std::uint64_t kRows = 5'000;

class DiskIndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    storage::StoreOptions options;
    options.create_if_missing = true;
    options.sync = false;
    auto store = storage::Store::Open(dir_ / "lib", options);
    ESPY_ASSERT_OK(store.status());
    store_ = std::move(*store);
    storage::SpaceRow space;
    space.model = "m";
    space.space_id = "s";
    space.dimension = kDimension;
    space_ = store_->AddSpace(space)->number;
    segments_ = std::make_unique<IndexStore>(store_.get(), space_);
  }
  // Rows [first, last] become durable, then visible, as a library's commit does it.
  void Put(index::VectorIndex* index, std::uint64_t first, std::uint64_t last) {
    storage::Transaction transaction;
    std::vector<std::vector<std::uint16_t>> halves;
    for (std::uint64_t id = first; id <= last; ++id) {
      halves.push_back(data_.NextHalf());
      transaction.PutVector(space_, id, halves.back());
    }
    const auto seq = store_->Commit(std::move(transaction));
    ESPY_ASSERT_OK(seq.status());
    for (std::uint64_t id = first; id <= last; ++id) index->Add(*seq, id, halves[id - first]);
    index->Publish(*seq);
  }
  index::IndexOptions Options(index::IndexKind kind) const {
    index::IndexOptions options;
    options.dimension = kDimension;
    options.kind = kind;
    options.seal_rows = kRows;
    options.threads = 2;
    return options;
  }

  TempDir dir_;
  ClusteredData data_{51, kDimension, 60};
  std::unique_ptr<storage::Store> store_;
  storage::SpaceNumber space_ = 0;
  std::unique_ptr<IndexStore> segments_;
};

TEST_F(DiskIndexTest, FindsReopensAndKeepsWhatAViewSaw) {
  auto index =
      std::move(*index::VectorIndex::Open(Options(index::IndexKind::kDisk), segments_.get()));
  Put(index.get(), 1, kRows);
  ESPY_ASSERT_OK(index->Maintain(false, {}));
  const auto view = index->TakeView();
  ASSERT_NE(view->Plan({}).find("IVF-PQ on disk over 5000 rows"), std::string::npos);
  int hits = 0;
  std::vector<std::vector<float>> queries;
  std::vector<std::vector<index::Candidate>> answers;
  for (int q = 0; q < 30; ++q) {
    queries.push_back(data_.Next());
    const auto exact = view->Search(queries.back(), {.exact = true});
    const auto found = view->Search(queries.back(), {});
    ASSERT_TRUE(exact.ok() && found.ok()) << found.status().message();
    std::set<std::uint64_t> ids;
    for (const auto& c : *found) ids.insert(c.id);
    for (const auto& c : *exact) hits += ids.contains(c.id);
    answers.push_back(*found);
  }
  EXPECT_GE(hits, 285);

  // Everything is merged anew, and the old lists are deleted: the view goes on as it was.
  Put(index.get(), kRows + 1, kRows + 2'500);
  ESPY_ASSERT_OK(index->Maintain(true, {}));
  for (std::size_t q = 0; q < queries.size(); ++q) {
    const auto again = view->Search(queries[q], {});
    ASSERT_TRUE(again.ok()) << again.status().message();
    ASSERT_EQ(again->size(), answers[q].size());
    for (std::size_t i = 0; i < again->size(); ++i) {
      EXPECT_EQ((*again)[i].id, answers[q][i].id);
      EXPECT_EQ((*again)[i].score, answers[q][i].score);
    }
  }
  index.reset();
  auto opened = index::VectorIndex::Open(Options(index::IndexKind::kAuto), segments_.get(), true);
  ESPY_ASSERT_OK(opened.status());
  EXPECT_EQ((*opened)->stats().kind, index::IndexKind::kDisk);
  EXPECT_EQ((*opened)->TakeView()->Search(queries[0], {})->size(), 10u);
  EXPECT_LT((*opened)->stats().memory_bytes, kRows * kDimension);  // half of the rows' bytes
}

TEST_F(DiskIndexTest, AnIndexThatIsFilledSealsAsItGoes) {
  auto options = Options(index::IndexKind::kDisk);
  options.seal_rows = 2'500;
  options.merge_fan_in = 1;
  auto old = std::move(*index::VectorIndex::Open(options, segments_.get()));
  Put(old.get(), 1, 10'000);
  auto fresh = index::VectorIndex::Empty(options, segments_.get());
  std::vector<std::uint16_t> half;
  std::uint64_t most = 0;
  const std::uint64_t seq = store_->last_seq();
  for (std::uint64_t id = 1; id <= 10'000; ++id) {
    ESPY_ASSERT_OK(store_->GetVector(space_, id, &half));
    fresh->Add(seq, id, half);
    if (id % 500 == 0) ESPY_ASSERT_OK(fresh->SealFull(seq, {}));
    most = std::max(most, fresh->stats().memory_bytes);
  }
  EXPECT_LT(most, 10'000u * kDimension * 2) << "never all rows in memory";
  fresh->Publish(seq);
  ESPY_ASSERT_OK(fresh->Maintain(true, {}));
  EXPECT_EQ(fresh->TakeView()->live_rows(), 10'000);
  EXPECT_EQ(fresh->TakeView()->Search(data_.Next(), {})->size(), 10u);
}

TEST_F(DiskIndexTest, ACollectionPastItsMemoryGoesToDisk) {
  auto options = Options(index::IndexKind::kAuto);
  options.index_rows = kRows;
  options.memory_budget = kRows * kDimension * 2;  // no room for anything beside the rows
  auto index = std::move(*index::VectorIndex::Open(options, segments_.get()));
  Put(index.get(), 1, kRows);
  ESPY_ASSERT_OK(index->Maintain(false, {}));
  EXPECT_NE(index->TakeView()->Plan({}).find("IVF-PQ on disk"), std::string::npos);
}

}  // namespace
}  // namespace espy
