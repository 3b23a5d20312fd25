// Segments that store no rows of their own: what they take, and that reopened ones answer with the
// same bits, whatever was removed or given a new vector meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/crc32c.h"
#include "espy/record.h"
#include "index/segment_format.h"
#include "tests/index/store_with_rows.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

using espy::testing::ClusteredData;
using espy::testing::Half;
using espy::testing::MemoryStore;
using espy::testing::StoreWithRows;

constexpr std::int64_t kDimension = 48;  // not a multiple of the padding
constexpr std::uint64_t kRows = 3'000;

IndexOptions Options(IndexKind kind) {
  IndexOptions options;
  options.dimension = kDimension;
  options.kind = kind;
  options.seal_rows = options.index_rows = kRows;
  options.threads = 2;
  return options;
}

std::uint64_t StoredBytes(SegmentStore* store) {
  const auto manifest = ParseManifest(*store->ReadManifest());
  std::uint64_t bytes = 0;
  for (const ManifestEntry& entry : manifest->segments) bytes += entry.bytes;
  return bytes;
}

// An index beside its store, written to as a library writes: the row first, then the index.
class Written {
 public:
  explicit Written(IndexKind kind) : kind_(kind) {
    index = std::move(*VectorIndex::Open(Options(kind), &store));
    for (std::uint64_t id = 1; id <= kRows; ++id) Put(id);
    index->Publish(seq);
    EXPECT_TRUE(index->Maintain(false, {}).ok());
  }
  void Put(std::uint64_t id) {
    store.rows[id] = data.NextHalf();
    index->Add(++seq, id, store.rows[id]);
    log.push_back({seq, id});
  }
  void Remove(std::uint64_t id) {
    store.rows.erase(id);
    index->Remove(++seq, id);
    log.push_back({seq, id});
  }
  // As a library opens it: segments, log, rows.
  Status Reopen(bool rows_stay = false) {
    IndexOptions options = Options(kind_);
    options.rows_stay = rows_stay;
    ESPY_ASSIGN_OR_RETURN(reopened, VectorIndex::Open(options, &store, rows_stay));
    for (const auto& [at, id] : log) {
      if (at <= reopened->applied_seq()) continue;
      if (const auto row = store.rows.find(id); row != store.rows.end()) {
        reopened->Add(at, id, row->second);
      } else {
        reopened->Remove(at, id);
      }
    }
    reopened->Publish(seq);
    return reopened->ReadRows();
  }
  void ExpectSameAnswers() {
    for (int q = 0; q < 30; ++q) {
      const std::vector<float> query = data.Next();
      for (const bool exact : {false, true}) {
        const auto before = index->TakeView()->Search(query, {.exact = exact});
        const auto after = reopened->TakeView()->Search(query, {.exact = exact});
        ASSERT_TRUE(before.ok() && after.ok());
        ASSERT_EQ(before->size(), after->size());
        for (std::size_t i = 0; i < before->size(); ++i) {
          EXPECT_EQ((*before)[i].id, (*after)[i].id) << "query " << q << ", place " << i;
          EXPECT_EQ((*before)[i].score, (*after)[i].score) << "query " << q << ", place " << i;
        }
      }
    }
  }

  StoreWithRows store;
  ClusteredData data{91, kDimension, 60};
  std::uint64_t seq = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> log;
  std::unique_ptr<VectorIndex> index, reopened;

 private:
  const IndexKind kind_;
};

class StoredRowsTest : public ::testing::TestWithParam<IndexKind> {};

TEST_P(StoredRowsTest, ReopenedItAnswersWithTheSameBitsWhateverDied) {
  Written written(GetParam());
  ESPY_ASSERT_OK(written.Reopen());
  written.ExpectSameAnswers();
  // Some rows are gone, some have a new vector in place of the one that the segment was built of.
  for (std::uint64_t id = 5; id <= kRows; id += 7) written.Remove(id);
  for (std::uint64_t id = 3; id <= kRows; id += 9) written.Put(id);
  written.index->Publish(written.seq);
  ESPY_ASSERT_OK(written.Reopen());
  written.ExpectSameAnswers();
  // Rewritten from what was read.
  ESPY_ASSERT_OK(written.reopened->Maintain(true, {}));
  ESPY_ASSERT_OK(written.index->Maintain(true, {}));
  ESPY_ASSERT_OK(written.Reopen());
  written.ExpectSameAnswers();
}

class StoredRowsStayTest : public ::testing::TestWithParam<IndexKind> {};

// A reader that asks little reads what is no graph as others do: all rows one behind the other.
TEST_P(StoredRowsStayTest, WhatIsNoGraphIsReadWhole) {
  Written written(GetParam());
  for (std::uint64_t id = 5; id <= kRows; id += 7) written.Remove(id);
  written.index->Publish(written.seq);
  ESPY_ASSERT_OK(written.Reopen(/*rows_stay=*/true));
  written.ExpectSameAnswers();
  EXPECT_EQ(*written.store.looked_up, 0u);
}

// For a reader that asks little: no row of a graph is in memory, and what is found is what was.
TEST(FarGraphTest, ASmallSegmentBesideItIsLookedUp) {
  constexpr std::uint64_t kSmall = 200;
  Written written(IndexKind::kAuto);
  IndexOptions options = Options(IndexKind::kAuto);
  options.seal_rows = kSmall;
  written.index = std::move(*VectorIndex::Open(options, &written.store));
  ESPY_ASSERT_OK(written.index->ReadRows());
  for (std::uint64_t id = kRows + 1; id <= kRows + kSmall; ++id) written.Put(id);
  written.index->Publish(written.seq);
  ESPY_ASSERT_OK(written.index->Maintain(false, {}));
  ASSERT_EQ(written.index->stats().sealed_segments, 2u);
  ESPY_ASSERT_OK(written.Reopen(/*rows_stay=*/true));
  EXPECT_EQ(*written.store.looked_up, kSmall);
  const std::vector<float> query = written.data.Next();
  const auto before = written.index->TakeView()->Search(query, {.k = 40, .exact = true});
  const auto after = written.reopened->TakeView()->Search(query, {.k = 40, .exact = true});
  ASSERT_TRUE(before.ok() && after.ok());
  ASSERT_EQ(before->size(), after->size());
  for (std::size_t i = 0; i < before->size(); ++i) {
    EXPECT_EQ((*before)[i].id, (*after)[i].id);
    EXPECT_EQ((*before)[i].score, (*after)[i].score);
  }
}

TEST(FarGraphTest, AGraphIsSearchedWithoutThem) {
  Written written(IndexKind::kGraph);
  ESPY_ASSERT_OK(written.Reopen());
  const std::uint64_t whole = written.reopened->stats().memory_bytes;
  for (std::uint64_t id = 5; id <= kRows; id += 7) written.Remove(id);
  for (std::uint64_t id = 3; id <= kRows; id += 9) written.Put(id);
  written.index->Publish(written.seq);
  ESPY_ASSERT_OK(written.Reopen(/*rows_stay=*/true));
  EXPECT_LT(written.reopened->stats().memory_bytes, whole - kRows * kDimension);
  std::vector<std::uint64_t> some;
  for (std::uint64_t id = 2; id <= kRows; id += 5) some.push_back(id);
  int found = 0, wanted = 0;
  for (int q = 0; q < 30; ++q) {
    const std::vector<float> query = written.data.Next();
    for (const bool filtered : {false, true}) {
      const AllowedIds allowed = filtered ? AllowedIds(some) : AllowedIds();
      const auto exact =
          written.index->TakeView()->Search(query, {.exact = true, .allowed = allowed});
      const auto far_exact =
          written.reopened->TakeView()->Search(query, {.exact = true, .allowed = allowed});
      const auto far = written.reopened->TakeView()->Search(query, {.allowed = allowed});
      ASSERT_TRUE(exact.ok() && far_exact.ok() && far.ok());
      ASSERT_EQ(far_exact->size(), exact->size());
      ASSERT_EQ(far->size(), exact->size());
      for (std::size_t i = 0; i < exact->size(); ++i) {
        EXPECT_EQ((*far_exact)[i].id, (*exact)[i].id);
        EXPECT_EQ((*far_exact)[i].score, (*exact)[i].score);
        const auto same = std::find_if(far->begin(), far->end(), [&](const Candidate& candidate) {
          return candidate.id == (*exact)[i].id;
        });
        ++wanted;
        if (same == far->end()) continue;
        ++found;
        EXPECT_EQ(same->score, (*exact)[i].score);
      }
    }
  }
  EXPECT_GE(found, wanted * 95 / 100);
}

TEST(FarGraphTest, ALivingRowThatTheStoreHasNotIsTold) {
  Written written(IndexKind::kGraph);
  const std::vector<float> query = written.data.Next();
  const auto best = written.index->TakeView()->Search(query, {.k = 1, .exact = true});
  written.store.rows.erase((*best)[0].id);
  ESPY_ASSERT_OK(written.Reopen(/*rows_stay=*/true));
  const auto found = written.reopened->TakeView()->Search(query, {});
  EXPECT_EQ(found.status().code(), StatusCode::kCorruption);
  EXPECT_NE(found.status().message().find("espy rebuild"), std::string::npos)
      << found.status().message();
}

TEST_P(StoredRowsTest, ItsBytesAreWithoutItsRows) {
  Written apart(GetParam());
  MemoryStore store;
  const auto index = std::move(*VectorIndex::Open(Options(GetParam()), &store));
  for (const auto& [id, half] : apart.store.rows) index->Add(id, id, half);
  index->Publish(kRows);
  ESPY_ASSERT_OK(index->Maintain(false, {}));
  const std::uint64_t rows = kRows * kDimension * sizeof(std::uint16_t);
  if (GetParam() == IndexKind::kHnsw) {  // a walk passes over the dead
    EXPECT_GT(StoredBytes(&apart.store), rows);
  } else {
    EXPECT_EQ(StoredBytes(&apart.store) + rows, StoredBytes(&store));
  }
}

INSTANTIATE_TEST_SUITE_P(NoGraphs, StoredRowsStayTest,
                         ::testing::Values(IndexKind::kFlat, IndexKind::kHnsw, IndexKind::kIvfFlat,
                                           IndexKind::kIvfPq, IndexKind::kIvfRabitq));
INSTANTIATE_TEST_SUITE_P(Kinds, StoredRowsTest,
                         ::testing::Values(IndexKind::kFlat, IndexKind::kGraph, IndexKind::kHnsw,
                                           IndexKind::kIvfFlat, IndexKind::kIvfPq,
                                           IndexKind::kIvfRabitq));

TEST(StoredRowsDamageTest, ALivingRowThatTheStoreHasNotIsNamed) {
  Written written(IndexKind::kGraph);
  written.store.rows.erase(1'234);  // and the log does not say so
  const Status read = written.Reopen();
  EXPECT_EQ(read.code(), StatusCode::kCorruption);
  EXPECT_NE(read.message().find(FormatItemId(1'234)), std::string::npos) << read.message();
  EXPECT_NE(read.message().find("espy rebuild"), std::string::npos) << read.message();
}

TEST(StoredRowsDamageTest, ARowOfAnotherDimensionIsNamed) {
  Written written(IndexKind::kGraph);
  written.store.rows[kRows].pop_back();
  const Status read = written.Reopen();
  EXPECT_EQ(read.code(), StatusCode::kCorruption);
  EXPECT_NE(read.message().find(FormatItemId(kRows)), std::string::npos) << read.message();
}

// A segment whose header says that its rows are apart, though they are there, and the other way
// round, does not fit its length.
TEST(StoredRowsDamageTest, AHeaderThatIsWrongAboutTheRowsIsRefused) {
  for (const bool apart : {false, true}) {
    StoreWithRows with;
    MemoryStore without;
    SegmentStore* store = apart ? static_cast<SegmentStore*>(&with) : &without;
    const auto index = std::move(*VectorIndex::Open(Options(IndexKind::kFlat), store));
    ClusteredData data(92, kDimension, 10);
    for (std::uint64_t id = 1; id <= kRows; ++id) {
      with.rows[id] = data.NextHalf();
      index->Add(id, id, with.rows[id]);
    }
    index->Publish(kRows);
    ESPY_ASSERT_OK(index->Maintain(false, {}));
    const ManifestEntry entry = ParseManifest(*store->ReadManifest())->segments.at(0);
    ManifestEntry damaged = entry;
    std::string bytes = *store->ReadChunk(entry.number, 0);
    const auto read = [&](std::uint32_t) -> Result<std::string> { return bytes; };
    ASSERT_TRUE(ReadSegment(entry, kDimension, false, read).ok());
    ASSERT_EQ(bytes[28], apart ? 1 : 0);
    for (const char value : {apart ? 0 : 1, 2}) {
      bytes[28] = value;
      damaged.crc = Crc32c(bytes);
      EXPECT_EQ(ReadSegment(damaged, kDimension, false, read).status().code(),
                StatusCode::kCorruption);
    }
  }
}

}  // namespace
}  // namespace espy::index
