#include "storage/clicks.h"

#include <gtest/gtest.h>

#include "storage/store.h"
#include "tests/storage/sample.h"
#include "tests/support/temp_dir.h"

namespace espy::storage {
namespace {

using espy::testing::TempDir;
using espy::testing::Why;

PageRow SamplePage(QueryId query) {
  PageRow row;
  row.query = query;
  row.time_ms = 1'700'000'000'123;
  row.space = 3;
  row.phrase = "a red fox";
  row.client = "kitchen";
  row.session = "s1";
  row.policy = 7;
  row.seed = 99;
  row.vector = {1, 2, 3, 4};
  for (ItemId i = 0; i < 5; ++i)
    row.candidates.push_back({100 + i, 0.5f, 1.5f, i == 0 ? 0.9f : -1});
  row.shown = {0, 2, 1};
  row.propensities = {1, 0.25, 0.5};
  return row;
}

FeedbackRow SampleFeedback(QueryId query, ItemId item) {
  FeedbackRow row;
  row.query = query;
  row.item = item;
  row.clicked = true;
  row.dwell_s = 12.5f;
  row.client = "kitchen";
  row.time_ms = 1'700'000'001'000;
  return row;
}

TEST(Clicks, RowsComeBackAsTheyWere) {
  EXPECT_EQ(*ParsePage(9, EncodePage(SamplePage(9))), SamplePage(9));
  EXPECT_EQ(*ParseFeedback(9, 100, EncodeFeedback(SampleFeedback(9, 100))), SampleFeedback(9, 100));
}

TEST(Clicks, CutOrSenselessRowsAreDamaged) {
  const std::string whole = EncodePage(SamplePage(9));
  int refused = 0;
  for (std::size_t n = 0; n < whole.size(); ++n)
    refused += ParsePage(9, whole.substr(0, n)).ok() ? 0 : 1;
  EXPECT_GT(refused, static_cast<int>(whole.size()) / 2);
  PageRow twice = SamplePage(9);
  twice.shown[1] = 0;
  EXPECT_EQ(ParsePage(9, EncodePage(twice)).status().code(), StatusCode::kCorruption);
  PageRow beyond = SamplePage(9);
  beyond.shown[1] = 5;
  EXPECT_FALSE(ParsePage(9, EncodePage(beyond)).ok());
  PageRow never = SamplePage(9);
  never.propensities[1] = 0;
  EXPECT_FALSE(ParsePage(9, EncodePage(never)).ok());
  std::string newer = whole;
  newer[0] = 2;
  EXPECT_EQ(ParsePage(9, newer).status().code(), StatusCode::kUnsupported);
}

TEST(Clicks, AreKeptInOrderAndFeedbackIsAChange) {
  TempDir dir;
  {
    auto store = *Store::Open(dir / "lib", {.create_if_missing = true});
    Transaction transaction;
    for (const QueryId query : {30, 10, 20}) transaction.PutPage(SamplePage(query));
    transaction.PutFeedback(SampleFeedback(20, 101));
    transaction.PutPolicy(1, "bytes");
    transaction.UsePolicy(1);
    EXPECT_EQ(*store->Commit(std::move(transaction)), 2u);
    EXPECT_TRUE(store->Verify(false)->empty());
  }
  auto store = *Store::Open(dir / "lib", {.read_only = true});
  std::vector<QueryId> queries;
  EXPECT_TRUE(store
                  ->ScanPages(10,
                              [&](const PageRow& row) {
                                EXPECT_EQ(row, SamplePage(row.query));
                                queries.push_back(row.query);
                                return true;
                              })
                  .ok());
  EXPECT_EQ(queries, (std::vector<QueryId>{20, 30}));
  EXPECT_EQ(*store->GetFeedback(20, 101), SampleFeedback(20, 101));
  EXPECT_EQ(store->GetFeedback(20, 102).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(*store->GetPolicy(1), "bytes");
  EXPECT_EQ(*store->GetSetting("policy"), 1u);
}

TEST(Clicks, OldPagesGoWithTheirFeedback) {
  TempDir dir;
  auto store = *Store::Open(dir / "lib", {.create_if_missing = true});
  Transaction transaction;
  for (const QueryId query : {10, 20, 30}) {
    transaction.PutPage(SamplePage(query));
    transaction.PutFeedback(SampleFeedback(query, 100));
  }
  ASSERT_TRUE(store->Commit(std::move(transaction)).ok());
  ASSERT_TRUE(store->DropPages(20).ok());
  EXPECT_FALSE(store->GetPage(10).ok());
  EXPECT_FALSE(store->GetFeedback(10, 100).ok());
  EXPECT_TRUE(store->GetPage(20).ok());
  EXPECT_TRUE(store->GetFeedback(30, 100).ok());
}

}  // namespace
}  // namespace espy::storage
