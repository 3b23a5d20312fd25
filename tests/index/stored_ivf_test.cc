// Collections larger than memory: rows and lists that are read from a store.
#include "index/ivf/stored_ivf.h"

#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <set>

#include "base/half.h"
#include "tests/index/memory_store.h"
#include "tests/index/oracle.h"
#include "tests/index/store_with_rows.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

using espy::testing::ClusteredData;
using espy::testing::MemoryStore;
using espy::testing::StoreWithRows;

constexpr std::int64_t kDimension = 48;  // not a multiple of the padding
constexpr std::uint64_t kRows = 6'000;

class StoredIvfTest : public ::testing::Test {
 protected:
  static IndexOptions Options(IndexKind kind) {
    IndexOptions options;
    options.dimension = kDimension;
    options.kind = kind;
    options.seal_rows = kRows;
    options.threads = 2;
    return options;
  }
  static void SetUpTestSuite() {
    store_ = new StoreWithRows();
    in_memory_store_ = new MemoryStore();
    index_ = VectorIndex::Empty(Options(IndexKind::kDisk), store_).release();
    in_memory_ = VectorIndex::Empty(Options(IndexKind::kIvfPq), in_memory_store_).release();
    ClusteredData data(41, kDimension, 80);
    for (std::uint64_t id = 1; id <= kRows; ++id) {
      store_->rows[id] = data.NextHalf();
      index_->Add(id, id, store_->rows[id]);
      in_memory_->Add(id, id, store_->rows[id]);
    }
    for (VectorIndex* index : {index_, in_memory_}) {
      index->Publish(kRows);
      ESPY_ASSERT_OK(index->Maintain(false, {}));
    }
  }
  static void TearDownTestSuite() {
    delete index_;
    delete in_memory_;
    delete store_;
    delete in_memory_store_;
  }
  static void ExpectSame(const std::vector<Candidate>& a, const std::vector<Candidate>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].id, b[i].id) << i;
      EXPECT_EQ(a[i].score, b[i].score) << i;
    }
  }

  static StoreWithRows* store_;
  static MemoryStore* in_memory_store_;
  static VectorIndex *index_, *in_memory_;
};
StoreWithRows* StoredIvfTest::store_ = nullptr;
MemoryStore* StoredIvfTest::in_memory_store_ = nullptr;
VectorIndex *StoredIvfTest::index_ = nullptr, *StoredIvfTest::in_memory_ = nullptr;

TEST_F(StoredIvfTest, AnswersAsTheSameListsInMemoryDo) {
  const auto far = index_->TakeView(), near = in_memory_->TakeView();
  ASSERT_NE(far->Plan({}).find("IVF-PQ on disk over 6000 rows"), std::string::npos)
      << far->Plan({});
  ASSERT_FALSE(store_->lists.empty());
  ClusteredData data(41, kDimension, 80);
  data.random().seed(42);
  int hits = 0;
  for (int q = 0; q < 50; ++q) {
    const std::vector<float> query = data.Next();
    const auto a = far->Search(query, {}), b = near->Search(query, {});
    ASSERT_TRUE(a.ok() && b.ok());
    ExpectSame(*a, *b);
    const auto exact = far->Search(query, {.exact = true});
    ASSERT_TRUE(exact.ok());
    std::set<std::uint64_t> ids;
    for (const Candidate& c : *a) ids.insert(c.id);
    for (const Candidate& c : *exact) hits += ids.contains(c.id);
    ExpectSame(*exact, *near->Search(query, {.exact = true}));
  }
  std::cout << "recall@10 " << hits / 500.0 << "\n";
  EXPECT_GE(hits, 475);
}

TEST_F(StoredIvfTest, KeepsNeitherRowsNorCodesInMemory) {
  EXPECT_LT(index_->stats().memory_bytes, kRows * 60);  // ids, deaths, centres
  EXPECT_GT(in_memory_->stats().memory_bytes, kRows * kDimension * 2);
}

TEST_F(StoredIvfTest, FiltersAreFilled) {
  const auto far = index_->TakeView(), near = in_memory_->TakeView();
  ClusteredData data(43, kDimension, 80);
  for (const std::uint64_t n : {2, 10, 100, 1'000}) {
    std::vector<std::uint64_t> allowed;
    for (std::uint64_t id = n; id <= kRows; id += n) allowed.push_back(id);
    const std::vector<float> query = data.Next();
    const AllowedIds ids = allowed;
    const auto found = far->Search(query, {.allowed = ids});
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found->size(), std::min<std::size_t>(10, allowed.size()));
    ExpectSame(*far->Search(query, {.exact = true, .allowed = ids}),
               *near->Search(query, {.exact = true, .allowed = ids}));
  }
}

TEST_F(StoredIvfTest, ComesBackAndMergesWithoutItsRowsInMemory) {
  StoreWithRows store;
  auto options = Options(IndexKind::kDisk);
  options.seal_rows = 2'500;
  options.merge_fan_in = 2;
  ClusteredData data(44, kDimension, 40);
  {
    auto index = std::move(*VectorIndex::Open(options, &store));
    for (std::uint64_t id = 1; id <= 2'500; ++id) {
      store.rows[id] = data.NextHalf();
      index->Add(id, id, store.rows[id]);
    }
    index->Publish(2'500);
    ESPY_ASSERT_OK(index->Maintain(false, {}));
  }
  auto opened = VectorIndex::Open(Options(IndexKind::kAuto), &store);
  ESPY_ASSERT_OK(opened.status());
  VectorIndex& index = **opened;
  EXPECT_EQ(index.stats().kind, IndexKind::kDisk);
  // An older view keeps seeing a row that is forgotten and gone from the store.
  const auto before = index.TakeView();
  std::vector<float> query(kDimension);
  HalfToFloat(store.rows[7].data(), kDimension, query.data());
  index.Remove(2'501, 7);
  store.rows.erase(7);
  for (std::uint64_t id = 2'502; id <= 6'000; ++id) {
    store.rows[id] = data.NextHalf();
    index.Add(id, id, store.rows[id]);
  }
  index.Publish(6'000);
  ESPY_ASSERT_OK(index.Maintain(true, {}));
  EXPECT_EQ(before->Search(query, {.k = 1})->front().id, 7u);
  const auto view = index.TakeView();
  const auto found = view->Search(query, {});
  ASSERT_TRUE(found.ok()) << found.status().message();
  ASSERT_EQ(found->size(), 10u);
  for (const Candidate& c : *found) EXPECT_NE(c.id, 7u);
  EXPECT_EQ(index.stats().dead_rows, 0u);
  std::set<std::uint64_t> segments;
  for (const auto& [key, bytes] : store.lists) segments.insert(std::get<0>(key));
  EXPECT_EQ(segments.size(), index.stats().sealed_segments) << "lists of merged segments are gone";
}

TEST_F(StoredIvfTest, ADamagedListOrAMissingRowIsRefused) {
  ClusteredData data(45, kDimension, 80);
  const std::vector<float> query = data.Next();
  const auto kept = store_->lists;
  for (auto& [key, bytes] : store_->lists) bytes.resize(bytes.size() - 1);
  EXPECT_EQ(index_->TakeView()->Search(query, {}).status().code(), StatusCode::kCorruption);
  store_->lists = kept;
  for (auto& [key, bytes] : store_->lists) bytes[3] = 0x7f;  // a row number past the last
  EXPECT_EQ(index_->TakeView()->Search(query, {}).status().code(), StatusCode::kCorruption);
  store_->lists = kept;
  const auto rows = store_->rows;
  store_->rows.clear();
  EXPECT_EQ(index_->TakeView()->Search(query, {}).status().code(), StatusCode::kCorruption);
  store_->rows = rows;
  EXPECT_TRUE(index_->TakeView()->Search(query, {}).ok());
}

}  // namespace
}  // namespace espy::index
