// What a library does for its disk by itself.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>

#include "engine/library_impl.h"
#include "engine/testing.h"
#include "tests/engine/made_library.h"
#include "tests/support/temp_dir.h"

namespace espy {
namespace {

using testing::MadeRecord;

class UpkeepTest : public ::testing::Test {
 protected:
  std::string path() const { return dir_ / "library"; }
  std::unique_ptr<Library> Open(std::optional<bool> auto_compact = {}) const {
    testing::LibraryHooks hooks;
    hooks.seal_rows = 100;
    hooks.index_rows = 1'000'000;
    hooks.log_changes = 800;
    hooks.dead_bytes = 1u << 20;
    OpenOptions options;
    options.auto_compact = auto_compact;
    auto library = testing::OpenWithHooks(path(), options, hooks);
    EXPECT_TRUE(library.ok()) << library.status().message();
    return library.ok() ? std::move(*library) : nullptr;
  }
  void Make(std::uint64_t items) const {
    const Status made = testing::MakeLibrary(path(), items, 8, [](std::uint64_t, Record*) {
      return std::vector<float>{1, 0, 0, 0, 0, 0, 0, 0};
    });
    ASSERT_TRUE(made.ok()) << made.message();
  }
  static storage::Store& StoreOf(Library* library) { return *testing::ImplOf(*library).store; }
  static void ExpectSound(Library* library) {
    const auto report = library->Verify();
    ASSERT_TRUE(report.ok()) << report.status().message();
    EXPECT_EQ(report->problems, std::vector<std::string>{});
  }

  testing::TempDir dir_;
};

// What was left undone at rest is done after the next opening, though nothing changes.
TEST_F(UpkeepTest, SegmentsBecomeFewAfterAnOpeningToo) {
  Make(1000);
  const auto needs = [](Library* library) {
    Library::Impl& impl = testing::ImplOf(*library);
    const auto space = impl.Current();
    std::lock_guard lock(impl.write_mutex());
    return (*space)->index->NeedsConsolidation();
  };
  const std::vector<float> unit = {1, 0, 0, 0, 0, 0, 0, 0};
  const Query query = testing::VectorQuery(unit);
  auto library = Open();
  ASSERT_TRUE(library->Search(query, {}).ok());
  Library::Impl& impl = testing::ImplOf(*library);
  for (std::uint64_t n = 1000; n < 1600; ++n) {
    Change change;
    const Record record = MadeRecord(n);
    change.transaction.PutItem(record);
    change.transaction.PutPath(record.paths[0], {record.id, record.file_bytes, 1, n});
    change.PutVector(impl.Space()->number, record.id, HalfFromUnit(unit));
    ASSERT_TRUE(impl.Commit(std::move(change)).ok());
    if ((n + 1) % 200 != 0) continue;
    ASSERT_TRUE(impl.MaintainSpace((*impl.Current()).get(), /*quiet=*/false, {}).ok());
  }
  ASSERT_TRUE(needs(library.get()));
  library.reset();
  library = Open();
  ASSERT_TRUE(library->Search(query, {}).ok());
  for (int i = 0; i < 600 && needs(library.get()); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_FALSE(needs(library.get()));
  ExpectSound(library.get());
}

TEST_F(UpkeepTest, TheLogIsShortenedToWhatSomeoneMayNeed) {
  Make(1000);  // 2,000 changes
  auto library = Open();
  ASSERT_TRUE(library->Compact().ok());  // the index has taken all in
  ASSERT_TRUE(library->WaitForBackground().ok());
  ASSERT_TRUE(library->WaitForBackground().ok());  // the text index followed after the first
  EXPECT_EQ(StoreOf(library.get()).log_begin(), 1201u);
  std::uint64_t first = 0;
  ASSERT_TRUE(StoreOf(library.get())
                  .ScanLog(0,
                           [&](const storage::LogEntry& entry) {
                             first = entry.seq;
                             return false;
                           })
                  .ok());
  EXPECT_EQ(first, 1201u);
  ExpectSound(library.get());
  library.reset();
  library = Open();
  EXPECT_EQ(StoreOf(library.get()).log_begin(), 1201u);
  ASSERT_TRUE(library->Tag(MadeRecord(5).id, {"after"}, {}).ok());
  EXPECT_EQ(library->List("tag = after")->size(), 1u);
  EXPECT_EQ(
      library->Search(testing::VectorQuery({1, 0, 0, 0, 0, 0, 0, 0}), {.k = 2000})->hits.size(),
      1000u);
  ExpectSound(library.get());
}

TEST_F(UpkeepTest, WhatAnIndexHasNotTakenInStaysInTheLog) {
  Make(450);
  auto library = Open();
  ASSERT_TRUE(library->Compact().ok());
  // Changes that the index's manifest does not know yet: tags write no vector.
  const std::uint64_t applied = StoreOf(library.get()).last_seq();
  for (std::uint64_t i = 0; i < 450; ++i) {
    ASSERT_TRUE(library->Tag(MadeRecord(i).id, {"one"}, {}).ok());
    ASSERT_TRUE(library->Tag(MadeRecord(i).id, {"two"}, {}).ok());
  }
  ASSERT_TRUE(library->WaitForBackground().ok());
  ASSERT_TRUE(library->WaitForBackground().ok());
  EXPECT_LE(StoreOf(library.get()).log_begin(), applied + 1);
  ExpectSound(library.get());
}

TEST_F(UpkeepTest, DeadBytesAreGivenBackUnlessThatIsOff) {
  Make(2000);
  {
    auto store = storage::Store::Open(path(), {});
    ASSERT_TRUE(store.ok());
    std::mt19937 random(3);
    for (int round = 0; round < 5; ++round) {  // all, and then most of them again and again
      storage::Transaction thumbnails;
      for (std::uint64_t i = 0; i < 2000; ++i) {
        if (round > 0 && i % 4 == 0) continue;
        std::string jpeg(5000, '\0');
        for (char& c : jpeg) c = static_cast<char>(random());
        thumbnails.PutThumbnail(MadeRecord(i).id, jpeg);
      }
      ASSERT_TRUE((*store)->Commit(std::move(thumbnails)).ok());
      ASSERT_TRUE((*store)->Flush().ok());
    }
    // RocksDB merges the five tables by itself, and counts then what they no longer refer to.
    while ((*store)->CountDead().dead == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  // Off is kept with the library.
  ASSERT_NE(Open(false), nullptr);
  std::uint64_t before = 0;
  {
    auto library = Open();
    EXPECT_FALSE(library->Info()->auto_compact);
    ASSERT_TRUE(library->WaitForBackground().ok());
    before = *StoreOf(library.get()).DiskBytes();
    const auto dead = StoreOf(library.get()).CountDead();
    EXPECT_GE(dead.dead * 4, dead.total);
  }
  auto library = Open(true);
  EXPECT_TRUE(library->Info()->auto_compact);
  ASSERT_TRUE(library->WaitForBackground().ok());
  const auto dead = StoreOf(library.get()).CountDead();
  EXPECT_LT(dead.dead * 4, dead.total);
  EXPECT_LT(*StoreOf(library.get()).DiskBytes(), before - 3'000'000);
  EXPECT_EQ(library->Thumbnail(MadeRecord(1999).id)->size(), 5000u);
  ExpectSound(library.get());
}

}  // namespace
}  // namespace espy
