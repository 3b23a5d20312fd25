// How much a filtered search finds, through the whole engine: filters that have nothing to do with
// the question, and ones that agree with it or oppose it.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <set>

#include "tests/engine/made_library.h"
#include "tests/support/temp_dir.h"

namespace espy {
namespace {

using testing::MadeVectors;
using testing::VectorQuery;

constexpr std::uint64_t kItems = 24'000;
constexpr std::size_t kClusters = 100;
constexpr std::int64_t kDimension = 32;

class FilteredRecallTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new testing::TempDir;
    MadeVectors vectors(3, kDimension, kClusters);
    std::mt19937 random(4);
    ESPY_ASSERT_OK(testing::MakeLibrary(
        *dir_ / "library", kItems, kDimension, [&](std::uint64_t, Record* record) {
          const std::size_t cluster = random() % kClusters;
          record->width = static_cast<std::int32_t>(random() % 1000);  // of no meaning
          record->height = static_cast<std::int32_t>(cluster);         // what it looks like
          if (random() % 2 == 0) record->tags = {"half"};
          if (cluster < 10) record->tags.push_back("subject");
          return vectors.Near(cluster);
        }));
    OpenOptions options;
    options.threads = 2;
    auto library = Library::Open(*dir_ / "library", options);
    ESPY_ASSERT_OK(library);
    library_ = library->release();
    ESPY_ASSERT_OK(library_->Search(VectorQuery(vectors.Near(0)), {}));  // opens the index
    ESPY_ASSERT_OK(library_->Compact());
  }
  static void TearDownTestSuite() {
    delete library_;
    delete dir_;
  }

  // Of queries near clusters first to last.
  static double RecallAt10(const std::string& where, std::size_t first, std::size_t last) {
    MadeVectors vectors(3, kDimension, kClusters);
    int hits = 0, wanted = 0;
    std::string plan;
    for (int q = 0; q < 60; ++q) {
      const Query query = VectorQuery(vectors.Near(first + q % (last - first)));
      SearchOptions options;
      options.where = where;
      const auto found = library_->Search(query, options);
      options.exact = true;
      const auto exact = library_->Search(query, options);
      EXPECT_TRUE(found.ok() && exact.ok()) << found.status().message();
      EXPECT_EQ(found->hits.size(), std::min<std::size_t>(10, exact->searched)) << "k is filled";
      std::set<ItemId> ids;
      for (const Hit& hit : found->hits) ids.insert(hit.id);
      for (const Hit& hit : exact->hits) hits += ids.contains(hit.id) ? 1 : 0, ++wanted;
      plan = found->plan;
    }
    const double recall = static_cast<double>(hits) / wanted;
    std::cout << "recall@10 " << recall << " where " << where << ": " << plan << "\n";
    return recall;
  }

  static testing::TempDir* dir_;
  static Library* library_;
};
testing::TempDir* FilteredRecallTest::dir_ = nullptr;
Library* FilteredRecallTest::library_ = nullptr;

TEST_F(FilteredRecallTest, OfEverySelectivity) {
  for (const char* where :
       {"tag = half", "width < 500", "width < 100", "width < 10", "width = 7"}) {
    EXPECT_GE(RecallAt10(where, 0, kClusters), 0.95) << where;
  }
}

TEST_F(FilteredRecallTest, OfFiltersThatAgreeWithTheQuestion) {
  EXPECT_GE(RecallAt10("tag = subject", 0, 10), 0.95);
  EXPECT_GE(RecallAt10("height < 50", 0, 50), 0.95);
  EXPECT_GE(RecallAt10("height = 5", 5, 6), 0.95);
}

TEST_F(FilteredRecallTest, OfFiltersThatOpposeTheQuestion) {
  EXPECT_GE(RecallAt10("tag != subject", 0, 10), 0.95);
  EXPECT_GE(RecallAt10("tag = subject", 50, 60), 0.95);
  EXPECT_GE(RecallAt10("height >= 50", 0, 50), 0.95);
  EXPECT_GE(RecallAt10("height = 5", 60, 61), 0.95);
}

TEST_F(FilteredRecallTest, OfExpressions) {
  EXPECT_GE(RecallAt10("(width < 300 or tag = half) and not height = 3", 0, kClusters), 0.95);
  EXPECT_GE(RecallAt10("path ~ '/made/1*' and width > 200", 0, kClusters), 0.95);
}

}  // namespace
}  // namespace espy
