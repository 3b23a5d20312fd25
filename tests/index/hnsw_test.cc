#include <faiss/IndexHNSW.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <set>

#include "index/dot.h"
#include "index/hnsw_graph.h"
#include "tests/index/oracle.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

using espy::testing::ClusteredData;

constexpr std::int64_t kDimension = 64;
constexpr std::int64_t kRows = 4000;
constexpr std::int64_t kUnlimited = 1 << 30;

class HnswTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ClusteredData data(11, kDimension, 50);
    rows_ = new std::vector<std::uint16_t>();
    for (std::int64_t i = 0; i < kRows; ++i) {
      const auto half = data.NextHalf();
      rows_->insert(rows_->end(), half.begin(), half.end());
    }
    auto graph = BuildHnsw(Rows(), {16, 100, 1}, {});
    ESPY_ASSERT_OK(graph);
    graph_ = graph->release();
  }
  static void TearDownTestSuite() {
    delete rows_;
    delete graph_;
  }
  static HalfRows Rows() { return {rows_->data(), kRows, kDimension}; }

  // Rows best first, exactly.
  static std::vector<std::int32_t> Exact(const std::vector<float>& query, std::size_t k,
                                         const std::function<bool(std::int32_t)>& accept) {
    std::vector<std::pair<float, std::int32_t>> all;
    for (std::int32_t i = 0; i < kRows; ++i) {
      if (accept(i)) all.emplace_back(-Dot(query.data(), Rows().row(i), kDimension), i);
    }
    std::sort(all.begin(), all.end());
    std::vector<std::int32_t> rows;
    for (std::size_t i = 0; i < std::min(k, all.size()); ++i) rows.push_back(all[i].second);
    return rows;
  }

  static double Recall(std::int64_t ef, const std::function<bool(std::int32_t)>& accept) {
    ClusteredData queries(12, kDimension, 50);
    int hits = 0, wanted = 0;
    for (int q = 0; q < 50; ++q) {
      const std::vector<float> query = queries.Next();
      std::vector<FoundRow> found;
      EXPECT_TRUE(WalkHnsw(*graph_, Rows(), query.data(), ef, kUnlimited, accept, &found));
      std::sort(found.begin(), found.end(), [](auto& a, auto& b) { return a.score > b.score; });
      std::set<std::int32_t> top;
      for (std::size_t i = 0; i < std::min<std::size_t>(10, found.size()); ++i) {
        EXPECT_TRUE(accept(found[i].row));
        top.insert(found[i].row);
      }
      for (const std::int32_t row : Exact(query, 10, accept)) hits += top.contains(row), ++wanted;
    }
    return static_cast<double>(hits) / wanted;
  }

  static std::vector<std::uint16_t>* rows_;
  static HnswGraph* graph_;
};
std::vector<std::uint16_t>* HnswTest::rows_ = nullptr;
HnswGraph* HnswTest::graph_ = nullptr;

TEST_F(HnswTest, BuiltGraphsAreValidAndOneThreadBuildsTheSameTwice) {
  ESPY_ASSERT_OK(graph_->Validate());
  const auto again = BuildHnsw(Rows(), {16, 100, 1}, {});
  ESPY_ASSERT_OK(again);
  EXPECT_EQ((*again)->links, graph_->links);
  EXPECT_EQ((*again)->layers, graph_->layers);
}

TEST_F(HnswTest, WalksFindTheBestRowsWithAndWithoutAFilter) {
  EXPECT_GE(Recall(64, [](std::int32_t) { return true; }), 0.97);
  EXPECT_GE(Recall(64, [](std::int32_t row) { return row % 2 == 0; }), 0.97);
  EXPECT_GE(Recall(64, [](std::int32_t row) { return row % 10 == 0; }), 0.97);
}

TEST_F(HnswTest, AFilterThatNothingPassesEndsTheWalk) {
  const std::vector<float> query = ClusteredData(13, kDimension, 50).Next();
  std::vector<FoundRow> found;
  EXPECT_TRUE(WalkHnsw(
      *graph_, Rows(), query.data(), 10, kUnlimited, [](std::int32_t) { return false; }, &found));
  EXPECT_TRUE(found.empty());
}

TEST_F(HnswTest, AWalkStopsAtItsBudget) {
  const std::vector<float> query = ClusteredData(13, kDimension, 50).Next();
  std::vector<FoundRow> found;
  std::int64_t asked = 0;
  EXPECT_FALSE(WalkHnsw(
      *graph_, Rows(), query.data(), 200, 300, [&](std::int32_t) { return ++asked > 0; }, &found));
  EXPECT_LT(asked, 400);
}

// The walk replaces FAISS's own search of the same graph: over the same graph at the same beam it
// must be as good.
TEST_F(HnswTest, WalksFindAsMuchAsFaissDoesInItsOwnGraph) {
  std::vector<float> floats(rows_->size());
  HalfToFloat(rows_->data(), floats.size(), floats.data());
  omp_set_num_threads(1);
  faiss::IndexHNSWFlat peer(kDimension, 16, faiss::METRIC_INNER_PRODUCT);
  peer.hnsw.efConstruction = 100;
  peer.add(kRows, floats.data());
  peer.hnsw.efSearch = 32;
  ClusteredData queries(14, kDimension, 50);
  int ours = 0, theirs = 0;
  for (int q = 0; q < 100; ++q) {
    const std::vector<float> query = queries.Next();
    const auto exact = Exact(query, 10, [](std::int32_t) { return true; });
    float scores[10];
    std::int64_t labels[10];
    peer.search(1, query.data(), 10, scores, labels);
    std::vector<FoundRow> found;
    ASSERT_TRUE(WalkHnsw(
        *graph_, Rows(), query.data(), 32, kUnlimited, [](std::int32_t) { return true; }, &found));
    std::sort(found.begin(), found.end(), [](auto& a, auto& b) { return a.score > b.score; });
    for (const std::int32_t row : exact) {
      theirs += std::count(labels, labels + 10, row);
      ours +=
          std::count_if(found.begin(), found.begin() + 10, [&](auto& f) { return f.row == row; });
    }
  }
  EXPECT_GE(ours,
            theirs - 20);  // of 1,000: the two graphs differ, for theirs was added in one step
  EXPECT_GE(theirs, 900);
}

TEST_F(HnswTest, ABuildStopsWhenTold) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(BuildHnsw(Rows(), {16, 100, 1}, stop.get_token()).status().code(),
            StatusCode::kCancelled);
}

TEST_F(HnswTest, GraphsThatWouldLeadAstrayAreRefused) {
  const auto refused = [&](const std::function<void(HnswGraph*)>& damage) {
    HnswGraph graph = *graph_;
    damage(&graph);
    return !graph.Validate().ok();
  };
  EXPECT_TRUE(refused([](HnswGraph* g) { g->links[5] = kRows; }));
  EXPECT_TRUE(refused([](HnswGraph* g) { g->links[5] = -2; }));
  EXPECT_TRUE(refused([](HnswGraph* g) { g->entry = kRows; }));
  EXPECT_TRUE(refused([](HnswGraph* g) { g->entry = -1; }));
  EXPECT_TRUE(refused([](HnswGraph* g) { g->top_layer += 1; }));
  EXPECT_TRUE(refused([](HnswGraph* g) { g->layers[3] = 0; }));
  EXPECT_TRUE(refused([](HnswGraph* g) { g->links.pop_back(); }));
  EXPECT_TRUE(refused([](HnswGraph* g) { g->m = 0; }));
  // A link on an upper layer to a row that is not on that layer would read another row's links.
  EXPECT_TRUE(refused([](HnswGraph* g) {
    std::int32_t low = 0;
    while (g->layers[low] != 1) ++low;
    g->links[g->offsets[g->entry] + 2 * g->m] = low;
  }));
}

}  // namespace
}  // namespace espy::index
