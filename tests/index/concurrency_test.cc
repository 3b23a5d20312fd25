// Searches beside adding, removing, publishing and maintaining. Its worth is under ThreadSanitizer.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "index/vector_index.h"
#include "tests/index/memory_store.h"
#include "tests/index/oracle.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

using espy::testing::ClusteredData;
using espy::testing::MemoryStore;

TEST(IndexConcurrency, ViewsStayConsistentBesideAWriterAndMaintenance) {
  constexpr std::int64_t kDimension = 16;
  IndexOptions options;
  options.dimension = kDimension;
  options.seal_rows = 64;
  options.index_rows = 150;
  options.hnsw_m = 8;
  options.hnsw_ef_construction = 40;
  options.merge_fan_in = 3;
  options.threads = 1;  // OpenMP's own synchronisation is invisible to ThreadSanitizer
  MemoryStore store;
  auto opened = VectorIndex::Open(options, &store);
  ESPY_ASSERT_OK(opened);
  VectorIndex& index = **opened;

  std::atomic<bool> done{false};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      ClusteredData queries(40 + t, kDimension, 4);
      std::uint64_t last_seq = 0;
      while (!done) {
        const auto view = index.TakeView();
        EXPECT_GE(view->seq(), last_seq);
        last_seq = view->seq();
        const std::vector<float> query = queries.Next();
        const auto a = view->Search(query, {.k = 20});
        const auto b = view->Search(query, {.k = 20});
        ASSERT_TRUE(a.ok() && b.ok());
        ASSERT_EQ(a->size(), std::min<std::size_t>(20, view->live_rows()));
        ASSERT_EQ(a->size(), b->size());
        for (std::size_t i = 0; i < a->size(); ++i) {
          EXPECT_EQ((*a)[i].id, (*b)[i].id);
          EXPECT_EQ((*a)[i].score, (*b)[i].score);
        }
        if (queries.random()() % 8 == 0) {
          EXPECT_EQ(static_cast<std::int64_t>(view->LiveIds().size()), view->live_rows());
        }
        (void)index.stats();
      }
    });
  }
  threads.emplace_back([&] {
    std::uint64_t rounds = 0;
    while (!done) {
      if (index.NeedsMaintenance() || ++rounds % 50 == 0) {
        EXPECT_TRUE(index.Maintain(rounds % 100 == 0, {}).ok());
      }
      std::this_thread::yield();
    }
  });
  ClusteredData data(39, kDimension, 4);
  std::uint64_t seq = 0;
  for (int batch = 0; batch < 250; ++batch) {
    for (int i = 0; i < 10; ++i) {
      const std::uint64_t id = 1 + data.random()() % 800;
      if (i % 4 == 3) {
        index.Remove(++seq, id);
      } else {
        index.Add(++seq, id, data.NextHalf());
      }
    }
    index.Publish(seq);
    if (batch % 10 == 0) std::this_thread::yield();
  }
  done = true;
}

}  // namespace
}  // namespace espy::index
