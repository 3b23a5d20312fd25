// Maintenance that breaks at its n-th write, for every n: what is reopened, with the log replayed,
// answers the same.
#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "index/hnsw_graph.h"
#include "index/segment_format.h"
#include "index/vector_index.h"
#include "tests/index/memory_store.h"
#include "tests/index/oracle.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

using espy::testing::ClusteredData;
using espy::testing::MemoryStore;
using espy::testing::OracleSearch;
using espy::testing::Rows;

constexpr std::int64_t kDimension = 16;

IndexOptions Options() {
  IndexOptions options;
  options.dimension = kDimension;
  options.seal_rows = 50;
  options.index_rows = 120;
  options.hnsw_m = 8;
  options.hnsw_ef_construction = 40;
  options.merge_fan_in = 3;
  options.threads = 1;
  return options;
}

void ExpectOracle(const VectorIndex& index, const Rows& rows) {
  ClusteredData queries(99, kDimension, 4);
  const auto view = index.TakeView();
  ASSERT_EQ(view->live_rows(), static_cast<std::int64_t>(rows.size()));
  for (int q = 0; q < 5; ++q) {
    const std::vector<float> query = queries.Next();
    const auto found = view->Search(query, {.k = 10, .exact = true});
    ESPY_ASSERT_OK(found);
    const auto want = OracleSearch(rows, query, 10);
    ASSERT_EQ(found->size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      ASSERT_EQ((*found)[i].id, want[i].id);
      ASSERT_EQ((*found)[i].score, want[i].score);
    }
  }
}

// Three rounds of changes and maintenance; stops at the first failing Maintain. `replay` is what
// the log holds.
struct Script {
  Rows rows;
  std::vector<std::pair<std::uint64_t, bool>> log;
  bool failed = false;

  void Go(VectorIndex* index) {
    ClusteredData data(31, kDimension, 4);
    for (int round = 0; round < 3 && !failed; ++round) {
      for (std::uint64_t i = 0; i < 120; ++i) {
        const std::uint64_t id = 1 + data.random()() % 200;
        if (i % 5 == 4) {
          log.emplace_back(id, false);
          rows.erase(id);
          index->Remove(log.size(), id);
        } else {
          log.emplace_back(id, true);
          rows[id] = data.NextHalf();
          index->Add(log.size(), id, rows[id]);
        }
        if (i % 3 == 0) index->Publish(log.size());
      }
      index->Publish(log.size());
      failed = !index->Maintain(round == 2, {}).ok();
    }
  }

  void Replay(VectorIndex* index) const {
    for (std::uint64_t seq = index->applied_seq() + 1; seq <= log.size(); ++seq) {
      const auto& [id, put] = log[seq - 1];
      if (!put) {
        index->Remove(seq, id);
      } else if (rows.contains(id)) {
        index->Add(seq, id, rows.at(id));
      }
    }
    index->Publish(log.size());
  }
};

TEST(IndexFaults, MaintenanceThatBreaksAtAnyWriteLosesNothing) {
  std::uint64_t writes = 0;
  {
    MemoryStore store;
    auto index = VectorIndex::Open(Options(), &store);
    ESPY_ASSERT_OK(index);
    Script run;
    run.Go(index->get());
    ASSERT_FALSE(run.failed);
    writes = store.writes();
  }
  ASSERT_GT(writes, 10u);
  for (const auto fault : {MemoryStore::Fault::kFailOnce, MemoryStore::Fault::kFailForever,
                           MemoryStore::Fault::kInDoubt}) {
    for (std::uint64_t n = 1; n <= writes; ++n) {
      SCOPED_TRACE("fault " + std::to_string(static_cast<int>(fault)) + " at write " +
                   std::to_string(n));
      MemoryStore store;
      auto index = VectorIndex::Open(Options(), &store);
      ESPY_ASSERT_OK(index);
      store.BreakAt(n, fault);
      Script run;
      run.Go(index->get());
      ExpectOracle(**index, run.rows);  // searches go on
      store.Heal();
      // As after a crash: a new index over what is stored.
      {
        auto reopened = VectorIndex::Open(Options(), &store, true);
        ESPY_ASSERT_OK(reopened);
        run.Replay(reopened->get());
        ExpectOracle(**reopened, run.rows);
      }
      // And without one: maintenance is simply done again.
      ESPY_ASSERT_OK((*index)->Maintain(true, {}));
      ExpectOracle(**index, run.rows);
      auto reopened = VectorIndex::Open(Options(), &store);
      ESPY_ASSERT_OK(reopened);
      EXPECT_EQ((*reopened)->applied_seq(), run.log.size());
      run.Replay(reopened->get());
      ExpectOracle(**reopened, run.rows);
      EXPECT_EQ((*reopened)->stats().sealed_segments, store.ListSegments()->size()) << "orphans";
    }
  }
}

TEST(IndexFaults, CancellingAtAnyWriteLosesNothing) {
  for (int n = 0; n < 12; ++n) {
    MemoryStore store;
    auto index = VectorIndex::Open(Options(), &store);
    ESPY_ASSERT_OK(index);
    Script run;
    run.Go(index->get());
    std::stop_source stop;
    if (n % 2 == 0) stop.request_stop();
    const Status status = (*index)->Maintain(true, stop.get_token());
    EXPECT_TRUE(status.ok() || status.code() == StatusCode::kCancelled);
    ExpectOracle(**index, run.rows);
  }
}

TEST(IndexFaults, EveryDamagedBitOfASegmentIsFoundAtOpening) {
  MemoryStore store;
  auto index = VectorIndex::Open(Options(), &store);
  ESPY_ASSERT_OK(index);
  Script run;
  run.Go(index->get());
  const std::vector<std::uint64_t> segments = *store.ListSegments();
  ASSERT_FALSE(segments.empty());
  std::mt19937_64 random(5);
  int flips = 0;
  for (int i = 0; i < 600; ++i) {
    const std::uint64_t segment = segments[random() % segments.size()];
    // The header's first bits one after the other, then anywhere.
    const std::size_t bit = i < 320 ? static_cast<std::size_t>(i) : random() % (8 * 4000);
    if (!store.Flip(segment, 0, bit)) continue;
    ++flips;
    const Status status = VectorIndex::Open(Options(), &store, true).status();
    EXPECT_FALSE(status.ok()) << "bit " << bit;
    EXPECT_NE(status.message().find("espy rebuild"), std::string::npos) << status.message();
    store.Flip(segment, 0, bit);
  }
  EXPECT_GT(flips, 400);
  ESPY_ASSERT_OK(VectorIndex::Open(Options(), &store, true));
}

TEST(IndexFaults, AMissingChunkIsFoundAtOpening) {
  MemoryStore store;
  auto index = VectorIndex::Open(Options(), &store);
  ESPY_ASSERT_OK(index);
  Script run;
  run.Go(index->get());
  ESPY_ASSERT_OK(store.DeleteSegment(store.ListSegments()->front()));
  EXPECT_EQ(VectorIndex::Open(Options(), &store).status().code(), StatusCode::kCorruption);
  // The remedy: begin empty, add everything.
  auto rebuilt = VectorIndex::Empty(Options(), &store);
  for (const auto& [id, half] : run.rows) rebuilt->Add(run.log.size(), id, half);
  rebuilt->Publish(run.log.size());
  ESPY_ASSERT_OK(rebuilt->Maintain(true, {}));
  auto reopened = VectorIndex::Open(Options(), &store);
  ESPY_ASSERT_OK(reopened);
  ExpectOracle(**reopened, run.rows);
}

TEST(Manifest, ComesBackAsItWasAndEveryCutIsRefused) {
  Manifest manifest;
  manifest.dimension = 512;
  manifest.applied_seq = 1ULL << 40;
  manifest.next_segment = 9;
  manifest.faiss_version = FaissVersion();
  manifest.segments.push_back({3, 1000, 2, 99999, 0xabcdef, IndexKind::kHnsw, {0, 1, 2, 500, 999}});
  manifest.segments.push_back({8, 1, 1, 1000, 1, IndexKind::kFlat, {}});
  const std::string bytes = EncodeManifest(manifest);
  const auto parsed = ParseManifest(bytes);
  ESPY_ASSERT_OK(parsed);
  EXPECT_EQ(*parsed, manifest);
  for (std::size_t n = 0; n < bytes.size(); ++n)
    EXPECT_FALSE(ParseManifest(bytes.substr(0, n)).ok()) << n;
  EXPECT_FALSE(ParseManifest(bytes + "x").ok());
}

TEST(Manifest, RandomBytesDoNoHarm) {
  std::mt19937_64 random(6);
  for (int i = 0; i < 50'000; ++i) {
    std::string bytes(1 + random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? random() : random() % 8);
    bytes[0] = static_cast<char>(1 + random() % 2);
    (void)ParseManifest(bytes);
  }
}

}  // namespace
}  // namespace espy::index
