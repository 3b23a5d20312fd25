#include "cli/watch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <memory>
#include <stop_token>
#include <string>

#include "tests/support/temp_dir.h"

namespace espy::cli {
namespace {

using espy::testing::TempDir;

class Watch : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(dir_ / "pics/.espy/db");
    std::filesystem::create_directories(dir_ / "pics/below");
    Result<std::unique_ptr<FolderWatch>> made =
        FolderWatch::Create({dir_ / "pics"}, dir_ / "pics/.espy");
    ASSERT_TRUE(made.ok()) << made.status().message();
    watch_ = *std::move(made);
    waiting_ = Wait();
  }
  void TearDown() override {
    stop_.request_stop();
    if (waiting_.valid()) waiting_.wait();
  }

  std::future<bool> Wait() {
    return std::async(std::launch::async, [this] {
      const Result<bool> changed = watch_->WaitForChange(stop_.get_token());
      return changed.ok() && *changed;
    });
  }

  TempDir dir_;
  std::unique_ptr<FolderWatch> watch_;
  std::stop_source stop_;
  std::future<bool> waiting_;
};

TEST_F(Watch, ANewFileInAFolderBelowIsAChange) {
  dir_.Write("pics/below/a.jpg", "bytes");
  EXPECT_TRUE(waiting_.get());
}

TEST_F(Watch, AFolderThatCameIsWatchedToo) {
  std::filesystem::create_directories(dir_ / "pics/new");
  ASSERT_TRUE(waiting_.get());
  waiting_ = Wait();
  dir_.Write("pics/new/a.jpg", "bytes");
  EXPECT_TRUE(waiting_.get());
}

TEST_F(Watch, ARemovedFileIsAChange) {
  dir_.Write("pics/a.jpg", "bytes");
  ASSERT_TRUE(waiting_.get());
  waiting_ = Wait();
  std::filesystem::remove(dir_ / "pics/a.jpg");
  EXPECT_TRUE(waiting_.get());
}

TEST_F(Watch, StoppingEndsTheWait) {
  stop_.request_stop();
  EXPECT_FALSE(waiting_.get());
}

TEST_F(Watch, TheLibraryItselfIsNotWatched) {
  dir_.Write("pics/.espy/db/000001.sst", "bytes");
  EXPECT_EQ(waiting_.wait_for(std::chrono::seconds(1)), std::future_status::timeout);
}

TEST_F(Watch, ALinkBackToAFolderAboveIsNoEndlessWalk) {
  const TempDir loop;
  std::filesystem::create_directories(loop / "a/b");
  std::filesystem::create_directory_symlink(loop.path(), loop / "a/b/up");
  const Result<std::unique_ptr<FolderWatch>> made = FolderWatch::Create({loop.path()}, "");
  EXPECT_TRUE(made.ok());
}

}  // namespace
}  // namespace espy::cli
