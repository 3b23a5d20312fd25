// A reader that goes on to what its writer has done, without being opened again.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

#include "engine/library_impl.h"
#include "engine/testing.h"
#include "tests/engine/made_library.h"
#include "tests/support/temp_dir.h"

namespace espy {
namespace {

using testing::VectorQuery;

constexpr std::size_t kDimension = 16;

class RefreshTest : public ::testing::Test {
 protected:
  // Item i lies in a direction of its own, and is the best answer to it.
  static std::vector<float> At(std::uint64_t i) {
    std::mt19937_64 random(i);
    std::normal_distribution<float> normal;
    std::vector<float> vector(kDimension);
    for (float& x : vector) x = normal(random);
    return vector;
  }
  std::string path() const { return dir_ / "library"; }
  static std::string PathOf(std::uint64_t i) { return "/made/" + std::to_string(i); }

  std::unique_ptr<Library> Open(bool read_only) const {
    testing::LibraryHooks hooks;
    hooks.seal_rows = 100;  // many segments, sealed and merged while the test runs
    hooks.index_rows = 1'000'000;
    OpenOptions options;
    options.read_only = read_only;
    options.create_if_missing = !read_only;
    options.threads = 1;
    auto library = testing::OpenWithHooks(path(), options, hooks);
    EXPECT_TRUE(library.ok()) << library.status().message();
    return library.ok() ? std::move(*library) : nullptr;
  }
  static void Add(Library* writer, std::uint64_t begin, std::uint64_t end) {
    std::vector<std::vector<float>> vectors;
    std::vector<ImportItem> items;
    for (std::uint64_t i = begin; i < end; ++i) vectors.push_back(At(i));
    for (std::uint64_t i = begin; i < end; ++i) {
      ImportItem item;
      item.vector = vectors[i - begin];
      item.record.paths = {PathOf(i)};
      item.record.width = static_cast<std::int32_t>(i);
      item.record.caption = "number" + std::to_string(i);
      items.push_back(std::move(item));
    }
    const auto report = writer->Import(
        items, {.space = "made", .dimension = static_cast<std::int64_t>(kDimension)});
    ASSERT_TRUE(report.ok()) << report.status().message();
  }
  static std::vector<std::string> Ask(Library* library, std::uint64_t i,
                                      SearchOptions options = {}) {
    const auto found = library->Search(VectorQuery(At(i)), options);
    EXPECT_TRUE(found.ok()) << found.status().message();
    std::vector<std::string> paths;
    if (found.ok()) {
      for (const Hit& hit : found->hits) paths.push_back(hit.record.paths.at(0));
    }
    return paths;
  }
  static std::string Best(Library* library, std::uint64_t i) {
    const auto paths = Ask(library, i, {.k = 1});
    return paths.empty() ? "" : paths[0];
  }
  static bool Refresh(Library* reader) {
    const auto moved = reader->Refresh();
    EXPECT_TRUE(moved.ok()) << moved.status().message();
    return moved.ok() && *moved;
  }

  testing::TempDir dir_;
};

TEST_F(RefreshTest, AReaderSeesWhatWasWrittenOnceItAsksFor) {
  auto writer = Open(false);
  Add(writer.get(), 0, 50);
  auto reader = Open(true);
  EXPECT_EQ(Best(reader.get(), 20), PathOf(20));
  EXPECT_FALSE(Refresh(reader.get()));  // nothing was written
  Add(writer.get(), 50, 60);
  const ItemId gone = writer->Find(PathOf(20))->id;
  ASSERT_TRUE(writer->Forget({.targets = {PathOf(20)}}).ok());
  ASSERT_TRUE(writer->Tag(writer->Find(PathOf(7))->id, {"seven"}, {}).ok());
  EXPECT_EQ(Best(reader.get(), 20), PathOf(20));
  EXPECT_NE(Best(reader.get(), 55), PathOf(55));
  EXPECT_TRUE(reader->Get(gone).ok());

  EXPECT_TRUE(Refresh(reader.get()));
  EXPECT_NE(Best(reader.get(), 20), PathOf(20));
  EXPECT_EQ(Best(reader.get(), 55), PathOf(55));
  EXPECT_FALSE(reader->Get(gone).ok());
  EXPECT_EQ(reader->List("tag = seven")->size(), 1u);
  EXPECT_EQ(reader->Info()->items, 59u);
  EXPECT_FALSE(Refresh(reader.get()));
  EXPECT_FALSE(*writer->Refresh());
}

TEST_F(RefreshTest, FiltersAndWordsFollow) {
  auto writer = Open(false);
  Add(writer.get(), 0, 300);
  auto reader = Open(true);
  EXPECT_EQ(Ask(reader.get(), 5, {.k = 400, .where = "width >= 290"}).size(), 10u);
  SearchOptions words;
  words.text = "number305";
  EXPECT_TRUE(reader->Search({}, words)->hits.empty());
  Add(writer.get(), 300, 310);
  EXPECT_EQ(Ask(reader.get(), 5, {.k = 400, .where = "width >= 290"}).size(), 10u);
  EXPECT_TRUE(Refresh(reader.get()));
  EXPECT_EQ(Ask(reader.get(), 5, {.k = 400, .where = "width >= 290"}).size(), 20u);
  EXPECT_EQ(reader->Search({}, words)->hits.size(), 1u);
  Add(writer.get(), 310, 1000);  // more than half anew: columns are made again
  EXPECT_TRUE(Refresh(reader.get()));
  EXPECT_EQ(Ask(reader.get(), 5, {.k = 1000, .where = "width >= 290"}).size(), 710u);
}

TEST_F(RefreshTest, WhatTheWriterSealedAndMergedIsTakenOver) {
  auto writer = Open(false);
  Add(writer.get(), 0, 100);
  auto reader = Open(true);
  EXPECT_EQ(Best(reader.get(), 3), PathOf(3));
  const auto old = testing::ImplOf(*reader).SearchState();
  ASSERT_TRUE(old.ok());
  for (std::uint64_t begin = 100; begin < 1500; begin += 100) {
    Add(writer.get(), begin, begin + 100);
    ASSERT_TRUE(writer->WaitForBackground().ok());
    EXPECT_TRUE(Refresh(reader.get()));
    for (const std::uint64_t i : {std::uint64_t{3}, begin + 50, begin + 99}) {
      EXPECT_EQ(Best(reader.get(), i), PathOf(i));
    }
    // A reader seals nothing: what waits is what little the segments lack.
    const auto state = testing::ImplOf(*reader).SearchState();
    ASSERT_TRUE(state.ok());
    const auto stats = testing::ImplOf(*reader).Stats(*(*state)->space);
    ASSERT_TRUE(stats.has_value());
    EXPECT_LE(stats->growing_rows, 400u);
  }
  ASSERT_TRUE(writer->Compact().ok());
  EXPECT_TRUE(Refresh(reader.get()));
  EXPECT_EQ(Ask(reader.get(), 700, {.k = 2000}), Ask(writer.get(), 700, {.k = 2000}));
  const auto verified = reader->Verify();
  ASSERT_TRUE(verified.ok());
  EXPECT_EQ(verified->problems, std::vector<std::string>{});
  // The view of before has not moved, and its records are still read.
  EXPECT_EQ((*old)->view->live_rows(), 100);
  EXPECT_TRUE(testing::ImplOf(*reader)
                  .store->GetItem((*old)->view->LiveIds()[0], (*old)->snapshot.get())
                  .ok());
  EXPECT_EQ(testing::ImplOf(*reader).store->Count((*old)->snapshot.get())->items, 100u);
}

// Searches of a reader that refreshes beside a writer: each answer is whole, of one moment, and
// never of an earlier one than the last.
TEST_F(RefreshTest, RunningSearchesAnswerFromOneMoment) {
  auto writer = Open(false);
  Add(writer.get(), 0, 40);
  auto reader = Open(true);
  std::atomic<bool> done{false};
  std::atomic<int> searches{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      std::size_t last = 0;
      while (!done) {
        const auto found = reader->Search(VectorQuery(At(0)), {.k = 5000});
        ASSERT_TRUE(found.ok()) << found.status().message();
        ASSERT_EQ(found->hits.size() % 20, 0u);  // the writer adds twenty at once
        ASSERT_GE(found->hits.size(), last);
        last = found->hits.size();
        ++searches;
      }
    });
  }
  for (std::uint64_t begin = 40; begin < 1000; begin += 20) {
    Add(writer.get(), begin, begin + 20);
    EXPECT_TRUE(Refresh(reader.get()));
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(searches, 0);
  EXPECT_EQ(Ask(reader.get(), 0, {.k = 5000}).size(), 1000u);
}

TEST_F(RefreshTest, AReaderWhoseChangesTheLogNoLongerHasReadsTheIndexAnew) {
  auto writer = Open(false);
  Add(writer.get(), 0, 100);
  auto reader = Open(true);
  EXPECT_EQ(Ask(reader.get(), 5, {.k = 400, .where = "width >= 90"}).size(), 10u);
  Add(writer.get(), 100, 150);
  ASSERT_TRUE(writer->Compact().ok());
  storage::Store* store = testing::ImplOf(*writer).store.get();
  ASSERT_TRUE(store->TrimLog(store->last_seq()).ok());
  EXPECT_TRUE(Refresh(reader.get()));
  EXPECT_EQ(Best(reader.get(), 120), PathOf(120));
  EXPECT_EQ(Ask(reader.get(), 5, {.k = 400, .where = "width >= 90"}).size(), 60u);
  SearchOptions words;
  words.text = "number120";
  EXPECT_EQ(reader->Search({}, words)->hits.size(), 1u);
}

TEST_F(RefreshTest, ALibraryThatWasReplacedIsRefused) {
  auto writer = Open(false);
  Add(writer.get(), 0, 100);
  auto reader = Open(true);
  EXPECT_EQ(Best(reader.get(), 3), PathOf(3));
  writer.reset();
  std::filesystem::rename(path(), path() + ".old");
  writer = Open(false);
  Add(writer.get(), 0, 10);
  const auto moved = reader->Refresh();
  ASSERT_FALSE(moved.ok());
  EXPECT_EQ(moved.status().code(), StatusCode::kUnavailable);
  EXPECT_NE(moved.status().message().find("open it again"), std::string::npos);
  EXPECT_EQ(Best(reader.get(), 3), PathOf(3));  // as before
}

}  // namespace
}  // namespace espy
