#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "base/half.h"
#include "index/vector_index.h"
#include "tests/index/memory_store.h"
#include "tests/index/oracle.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

using espy::testing::ClusteredData;
using espy::testing::Half;
using espy::testing::MemoryStore;
using espy::testing::OracleSearch;
using espy::testing::Rows;

constexpr std::int64_t kDimension = 24;

IndexOptions SmallOptions() {
  IndexOptions options;
  options.dimension = kDimension;
  options.seal_rows = 40;
  options.index_rows = 1'000'000;  // never: exact answers throughout
  options.merge_fan_in = 3;
  options.threads = 1;
  return options;
}

// Equal ids and equal bits of scores.
void ExpectSame(const std::vector<Candidate>& got, const std::vector<Candidate>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].id, want[i].id) << "at " << i;
    EXPECT_EQ(std::bit_cast<std::uint32_t>(got[i].score),
              std::bit_cast<std::uint32_t>(want[i].score));
  }
}

std::vector<Candidate> SearchOrDie(const View& view, const std::vector<float>& query,
                                   const SearchParams& params) {
  const auto found = view.Search(query, params);
  EXPECT_TRUE(found.ok()) << found.status().message();
  return found.ok() ? *found : std::vector<Candidate>{};
}

// What storage does for the index in earnest: keeps the vectors and the log.
struct Truth {
  struct Change {
    std::uint64_t id;
    bool put;
  };
  std::vector<Change> log;  // change i has number i + 1
  Rows rows;

  std::uint64_t seq() const { return log.size(); }
  // As the engine does: vectors are read as they are now, and one that is gone is not added.
  void ReplayInto(VectorIndex* index) const {
    for (std::uint64_t seq = index->applied_seq() + 1; seq <= log.size(); ++seq) {
      const Change& change = log[seq - 1];
      if (!change.put) {
        index->Remove(seq, change.id);
      } else if (const auto row = rows.find(change.id); row != rows.end()) {
        index->Add(seq, change.id, row->second);
      }
    }
    index->Publish(log.size());
  }
};

TEST(Index, AnEmptyIndexAnswersNothing) {
  MemoryStore store;
  auto index = VectorIndex::Open(SmallOptions(), &store);
  ESPY_ASSERT_OK(index);
  EXPECT_EQ((*index)->applied_seq(), 0u);
  const auto view = (*index)->TakeView();
  EXPECT_TRUE(SearchOrDie(*view, std::vector<float>(kDimension, 0.1f), {}).empty());
  EXPECT_TRUE(view->LiveIds().empty());
  EXPECT_FALSE((*index)->NeedsMaintenance());
  EXPECT_TRUE((*index)->Maintain(true, {}).ok());
  EXPECT_EQ(store.writes(), 0u);
}

TEST(Index, WrongQueriesAreRefused) {
  MemoryStore store;
  auto index = VectorIndex::Empty(SmallOptions(), &store);
  index->Add(1, 1, ClusteredData(1, kDimension, 1).NextHalf());
  index->Publish(1);
  const auto view = index->TakeView();
  EXPECT_EQ(view->Search(std::vector<float>(3), {}).status().code(), StatusCode::kInvalidArgument);
  std::vector<float> query(kDimension, 0.1f);
  EXPECT_EQ(view->Search(query, {.k = -1}).status().code(), StatusCode::kInvalidArgument);
  query[3] = NAN;
  EXPECT_EQ(view->Search(query, {}).status().code(), StatusCode::kInvalidArgument);
}

TEST(Index, EqualScoresAreOrderedByIdAcrossSegments) {
  MemoryStore store;
  auto index = VectorIndex::Empty(SmallOptions(), &store);
  const Half half = ClusteredData(1, kDimension, 1).NextHalf();
  std::uint64_t seq = 0;
  for (const std::uint64_t id : {9, 3, 7, 5}) {
    index->Add(++seq, id, half);
    index->Publish(seq);
    if (id == 3) ESPY_ASSERT_OK(index->Maintain(true, {}));
  }
  const auto found =
      SearchOrDie(*index->TakeView(), std::vector<float>(kDimension, 0.5f), {.k = 3});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].id, 3u);
  EXPECT_EQ(found[1].id, 5u);
  EXPECT_EQ(found[2].id, 7u);
}

// A filter of few ids reads their rows, in a growing segment too, and sees of an id that was added
// many times what its view is of.
TEST(Index, AFewAllowedIdsAreLookedUpAmongUnsealedRows) {
  MemoryStore store;
  ClusteredData data(5, kDimension, 5);
  IndexOptions options = SmallOptions();
  options.seal_rows = 1000;
  auto index = VectorIndex::Empty(options, &store);
  Rows rows;
  std::uint64_t seq = 0;
  const auto add = [&](std::uint64_t id) {
    rows[id] = data.NextHalf();
    index->Add(++seq, id, rows[id]);
    index->Publish(seq);
  };
  for (std::uint64_t id = 1; id <= 600; ++id) add(id);
  for (int i = 0; i < 100; ++i) add(7);
  const auto before = index->TakeView();
  const Rows rows_before = rows;
  for (int i = 0; i < 100; ++i) add(7);
  add(601);
  index->Remove(++seq, 300);
  rows.erase(300);
  index->Publish(seq);
  const std::vector<std::uint64_t> few = {7, 300, 500, 601, 9000};
  const std::vector<float> query = data.Next();
  const auto after = index->TakeView();
  EXPECT_NE(after->Plan({.k = 10, .allowed = few}).find("5 ids allowed"), std::string::npos);
  ExpectSame(SearchOrDie(*before, query, {.k = 10, .allowed = few}),
             OracleSearch(rows_before, query, 10, &few));
  ExpectSame(SearchOrDie(*after, query, {.k = 10, .allowed = few}),
             OracleSearch(rows, query, 10, &few));
}

// Adds, replacements, removals, publications, maintenance of both kinds and reopening in random
// order, against the plainest search: ids and score bits are equal at every publication.
TEST(Index, RandomRunsAgreeWithTheOracleBitForBit) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ClusteredData data(seed, kDimension, 5);
    auto& random = data.random();
    MemoryStore store;
    Truth truth;
    auto opened = VectorIndex::Open(SmallOptions(), &store);
    ESPY_ASSERT_OK(opened);
    std::unique_ptr<VectorIndex> index = std::move(*opened);
    std::vector<std::pair<std::shared_ptr<const View>, Rows>>
        kept;  // old views, and what they must show for ever
    for (int step = 0; step < 400; ++step) {
      const int changes = static_cast<int>(random() % (step % 50 == 0 ? 130 : 8));
      for (int i = 0; i < changes; ++i) {
        const std::uint64_t id = 1 + random() % 150;
        if (random() % 4 == 0) {
          truth.log.push_back({id, false});
          truth.rows.erase(id);
          index->Remove(truth.seq(), id);
        } else {
          const Half half = data.NextHalf();
          truth.log.push_back({id, true});
          truth.rows[id] = half;
          index->Add(truth.seq(), id, half);
        }
      }
      // Maintenance between a change and its publication must not show or lose anything either.
      if (random() % 30 == 0) ESPY_ASSERT_OK(index->Maintain(random() % 2 == 0, {}));
      index->Publish(truth.seq());
      if (random() % 20 == 0) ESPY_ASSERT_OK(index->Maintain(random() % 4 == 0, {}));
      if (random() % 40 == 0) {
        opened = VectorIndex::Open(SmallOptions(), &store);
        ESPY_ASSERT_OK(opened);
        index = std::move(*opened);
        EXPECT_LE(index->applied_seq(), truth.seq());
        truth.ReplayInto(index.get());
      }
      const auto view = index->TakeView();
      ASSERT_EQ(view->seq(), truth.seq());
      ASSERT_EQ(view->live_rows(), static_cast<std::int64_t>(truth.rows.size()));
      const std::vector<float> query = data.Next();
      ExpectSame(SearchOrDie(*view, query, {.k = 10}), OracleSearch(truth.rows, query, 10));
      std::vector<std::uint64_t> allowed;
      const std::uint64_t keep_one_in = 1 + random() % 20;
      for (std::uint64_t id = 1; id <= 160; ++id) {
        if (random() % keep_one_in == 0) allowed.push_back(id);
      }
      ExpectSame(SearchOrDie(*view, query, {.k = 7, .allowed = allowed}),
                 OracleSearch(truth.rows, query, 7, &allowed));
      if (random() % 50 == 0) kept.emplace_back(view, truth.rows);
    }
    for (const auto& [view, rows] : kept) {
      const std::vector<float> query = data.Next();
      ExpectSame(SearchOrDie(*view, query, {.k = 200}), OracleSearch(rows, query, 200));
      std::vector<std::uint64_t> ids;
      for (const auto& [id, half] : rows) ids.push_back(id);
      EXPECT_EQ(view->LiveIds(), ids);
      std::vector<std::uint64_t> few;  // looked up among rows that came after the view, too
      for (std::uint64_t id = 1 + random() % 20; id <= 160; id += 20) few.push_back(id);
      ExpectSame(SearchOrDie(*view, query, {.k = 5, .allowed = few}),
                 OracleSearch(rows, query, 5, &few));
    }
    ESPY_ASSERT_OK(index->Maintain(true, {}));
    EXPECT_EQ(index->applied_seq(), truth.seq());
    EXPECT_EQ(index->stats().growing_rows, 0u);
    EXPECT_EQ(index->stats().dead_rows, 0u);
  }
}

TEST(Index, CompactingDropsTheDeadAndOpeningThenReplaysNothing) {
  MemoryStore store;
  ClusteredData data(3, kDimension, 5);
  auto index = VectorIndex::Empty(SmallOptions(), &store);
  for (std::uint64_t seq = 1; seq <= 100; ++seq) {
    index->Add(seq, seq, data.NextHalf());
    index->Publish(seq);
  }
  for (std::uint64_t seq = 101; seq <= 150; ++seq) index->Remove(seq, seq - 100);
  index->Publish(150);
  ESPY_ASSERT_OK(index->Maintain(false, {}));
  ESPY_ASSERT_OK(index->Maintain(true, {}));
  EXPECT_EQ(index->stats().dead_rows, 0u);
  EXPECT_EQ(index->stats().sealed_rows, 50u);
  auto reopened = VectorIndex::Open(SmallOptions(), &store);
  ESPY_ASSERT_OK(reopened);
  EXPECT_EQ((*reopened)->applied_seq(), 150u);
  EXPECT_EQ((*reopened)->TakeView()->live_rows(), 50);
  EXPECT_EQ((*reopened)->stats().sealed_segments, store.ListSegments()->size());
}

TEST(Index, MergingKeepsTheNumberOfSegmentsSmall) {
  MemoryStore store;
  ClusteredData data(3, kDimension, 5);
  auto index = VectorIndex::Empty(SmallOptions(), &store);
  for (std::uint64_t seq = 1; seq <= 4000; ++seq) {
    index->Add(seq, seq, data.NextHalf());
    index->Publish(seq);
    if (index->NeedsMaintenance()) ESPY_ASSERT_OK(index->Maintain(false, {}));
  }
  EXPECT_LE(index->stats().sealed_segments, 12u);  // 100 were sealed; two of each size may stay
  EXPECT_EQ(index->stats().sealed_segments, store.ListSegments()->size());
  EXPECT_EQ(index->TakeView()->live_rows(), 4000);
}

// Adds rows one by one, as one who maintains the index whenever it asks for it.
void Grow(VectorIndex* index, ClusteredData* data, int rows, std::uint64_t* seq) {
  for (int i = 0; i < rows; ++i) {
    ++*seq;
    index->Add(*seq, *seq, data->NextHalf());
    index->Publish(*seq);
    if (index->NeedsMaintenance()) ESPY_ASSERT_OK(index->Maintain(false, {}));
  }
}

TEST(Index, AtRestSegmentsBecomeFewAndALargeOneWaitsUntilItPays) {
  MemoryStore store;
  ClusteredData data(3, kDimension, 5);
  auto index = VectorIndex::Empty(SmallOptions(), &store);
  std::uint64_t seq = 0;
  Grow(index.get(), &data, 4000, &seq);
  ASSERT_GT(index->stats().sealed_segments, 1u);
  const std::vector<float> query = data.Next();
  const auto before = index->TakeView()->Search(query, {.k = 50, .exact = true});
  ASSERT_TRUE(index->NeedsConsolidation());
  ESPY_ASSERT_OK(index->Consolidate({}));
  EXPECT_FALSE(index->NeedsConsolidation());
  EXPECT_LE(index->stats().sealed_segments, 2u);
  EXPECT_EQ(store.ListSegments()->size(), index->stats().sealed_segments);
  const auto after = index->TakeView()->Search(query, {.k = 50, .exact = true});
  ASSERT_EQ(after->size(), before->size());
  for (std::size_t i = 0; i < after->size(); ++i) {
    EXPECT_EQ((*after)[i].id, (*before)[i].id);
    EXPECT_EQ((*after)[i].score, (*before)[i].score);
  }
  // A library that grows to three times its size is written anew as a whole only now and then.
  int wholes = 0, rests = 0;
  for (; seq < 12'000; ++rests) {
    Grow(index.get(), &data, 250, &seq);
    if (!index->NeedsConsolidation()) continue;
    ESPY_ASSERT_OK(index->Consolidate({}));
    EXPECT_LE(index->stats().sealed_segments, 3u);
    wholes += index->stats().sealed_segments == 1 ? 1 : 0;
  }
  EXPECT_GE(wholes, 1);
  EXPECT_LE(wholes, 6) << "of " << rests;
  auto reopened = VectorIndex::Open(SmallOptions(), &store);
  ESPY_ASSERT_OK(reopened);
  EXPECT_EQ((*reopened)->stats().sealed_segments, index->stats().sealed_segments);
}

TEST(Index, AConsolidationThatIsStoppedLeavesEverything) {
  MemoryStore store;
  ClusteredData data(3, kDimension, 5);
  auto index = VectorIndex::Empty(SmallOptions(), &store);
  std::uint64_t seq = 0;
  Grow(index.get(), &data, 1000, &seq);
  const auto segments = *store.ListSegments();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(index->Consolidate(stop.get_token()).code(), StatusCode::kCancelled);
  EXPECT_EQ(*store.ListSegments(), segments);
  EXPECT_TRUE(index->NeedsConsolidation());
  EXPECT_EQ(index->TakeView()->live_rows(), 1000);
}

TEST(Index, ReplacingAnIndexTouchesNothingStoredUntilItIsComplete) {
  MemoryStore store;
  ClusteredData data(5, kDimension, 5);
  Truth truth;
  auto old = VectorIndex::Empty(SmallOptions(), &store);
  for (std::uint64_t seq = 1; seq <= 100; ++seq) {
    truth.log.push_back({seq, true});
    truth.rows[seq] = data.NextHalf();
    old->Add(seq, seq, truth.rows[seq]);
  }
  old->Publish(100);
  ESPY_ASSERT_OK(old->Maintain(true, {}));
  const std::string before = *store.ReadManifest();
  auto fresh = VectorIndex::Empty(SmallOptions(), &store);
  for (const auto& [id, half] : truth.rows) fresh->Add(100, id, half);
  fresh->Publish(100);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(fresh->Maintain(true, stop.get_token()).code(), StatusCode::kCancelled);
  EXPECT_EQ(*store.ReadManifest(), before);
  ESPY_ASSERT_OK(VectorIndex::Open(SmallOptions(), &store, true));
  ESPY_ASSERT_OK(fresh->Maintain(true, {}));
  EXPECT_NE(*store.ReadManifest(), before);
  auto reopened = VectorIndex::Open(SmallOptions(), &store);
  ESPY_ASSERT_OK(reopened);
  EXPECT_EQ((*reopened)->applied_seq(), 100u);
  EXPECT_EQ((*reopened)->TakeView()->live_rows(), 100);
  EXPECT_EQ((*reopened)->stats().sealed_segments, store.ListSegments()->size());
}

TEST(Index, AReaderNeitherSweepsNorMaintains) {
  MemoryStore store;
  ESPY_ASSERT_OK(store.WriteChunk(77, 0, "an orphan"));
  auto reader = VectorIndex::Open(SmallOptions(), &store, true);
  ESPY_ASSERT_OK(reader);
  EXPECT_EQ(store.chunks(), 1u);
  EXPECT_EQ((*reader)->Maintain(true, {}).code(), StatusCode::kInvalidArgument);
  ESPY_ASSERT_OK(VectorIndex::Open(SmallOptions(), &store));
  EXPECT_EQ(store.chunks(), 0u);
}

TEST(Index, ADimensionThatIsNotTheSpacesIsRefused) {
  MemoryStore store;
  auto index = VectorIndex::Empty(SmallOptions(), &store);
  index->Add(1, 1, ClusteredData(1, kDimension, 1).NextHalf());
  index->Publish(1);
  ESPY_ASSERT_OK(index->Maintain(true, {}));
  IndexOptions other = SmallOptions();
  other.dimension = 32;
  const Status status = VectorIndex::Open(other, &store).status();
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  EXPECT_NE(status.message().find("espy rebuild"), std::string::npos);
}

}  // namespace
}  // namespace espy::index
