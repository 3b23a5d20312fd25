#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "storage/store.h"
#include "tests/storage/sample.h"
#include "tests/support/temp_dir.h"

namespace espy::storage {
namespace {

using espy::testing::ReadFileOrDie;
using espy::testing::SampleTransaction;
using espy::testing::TempDir;

Result<std::unique_ptr<Store>> Create(const std::string& directory) {
  return Store::Open(directory, {.create_if_missing = true});
}

TEST(LibraryFiles, ASecondWriterIsToldWhoWrites) {
  TempDir dir;
  const auto first = Create(dir / "lib");
  ESPY_ASSERT_OK(first);
  const auto second = Create(dir / "lib");
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  EXPECT_NE(second.status().message().find("process " + std::to_string(::getpid())),
            std::string::npos)
      << second.status().message();
}

TEST(LibraryFiles, TheLockDiesWithItsProcess) {
  TempDir dir;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto store = Create(dir / "lib");
    ::_exit(store.ok() && (*store)->Commit(SampleTransaction(1)).ok() ? 0
                                                                      : 1);  // no destructor runs
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const auto reader = Store::Open(dir / "lib", {.read_only = true});
  ESPY_ASSERT_OK(reader);
  EXPECT_EQ((*reader)->last_seq(), 2u);
  const auto store = Create(dir / "lib");
  ESPY_ASSERT_OK(store);
  EXPECT_EQ((*store)->last_seq(), 2u);
}

TEST(LibraryFiles, ANewerFormatIsRefusedNamingBoth) {
  TempDir dir;
  ESPY_ASSERT_OK(Create(dir / "lib"));
  dir.Write("lib/FORMAT", "espy 7\n");
  const Status status = Create(dir / "lib").status();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_NE(status.message().find("format 7"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("format 1"), std::string::npos) << status.message();
}

TEST(LibraryFiles, ADamagedOrMissingFormatIsCorruptionWithARemedy) {
  TempDir dir;
  ESPY_ASSERT_OK(Create(dir / "lib"));
  EXPECT_EQ(ReadFileOrDie(dir / "lib/FORMAT"), "espy 1\n");
  for (const char* text : {"", "espy", "espy \n", "espy 1", "espy x\n", "espy -1\n", "espy 1 \n",
                           "espy 99999999999999\n", "other 1\n"}) {
    dir.Write("lib/FORMAT", text);
    const Status status = Create(dir / "lib").status();
    EXPECT_EQ(status.code(), StatusCode::kCorruption) << text;
    EXPECT_NE(status.message().find("write the line \"espy 1\""), std::string::npos);
  }
  std::filesystem::remove(dir / "lib/FORMAT");
  EXPECT_EQ(Create(dir / "lib").status().code(), StatusCode::kCorruption);
  dir.Write("lib/FORMAT", "espy 1\n");
  ESPY_ASSERT_OK(Create(dir / "lib"));
}

TEST(LibraryFiles, ADirectoryWithOtherFilesIsLeftAlone) {
  TempDir dir;
  dir.Write("home/letter.txt", "dear");
  const Status status = Create(dir / "home").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(dir / "home/LOCK"));
  dir.Write("file", "x");
  EXPECT_FALSE(Create(dir / "file").ok());
}

TEST(LibraryFiles, NothingIsMadeUnlessAsked) {
  TempDir dir;
  EXPECT_EQ(Store::Open(dir / "none", {}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Store::Open(dir / "none", {.read_only = true}).status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(dir / "none"));
}

TEST(LibraryFiles, AnInterruptedCreationIsTakenUp) {
  TempDir dir;
  dir.Write("a/LOCK", "123\n");
  dir.Write("a/FORMAT.new", "es");
  ESPY_ASSERT_OK(Create(dir / "a"));
  dir.Write("b/FORMAT", "espy 1\n");
  EXPECT_EQ(Store::Open(dir / "b", {}).status().code(), StatusCode::kNotFound);
  ESPY_ASSERT_OK(Create(dir / "b"));
  dir.Write("c/FORMAT", "espy 1\n");
  dir.Write("c/db/MANIFEST-000001", "");
  ESPY_ASSERT_OK(Create(dir / "c"));
}

TEST(LibraryFiles, AnEmptyDatabaseNeverTakesThePlaceOfALostOne) {
  TempDir dir;
  {
    auto store = Create(dir / "lib");
    ESPY_ASSERT_OK(store);
    ESPY_ASSERT_OK((*store)->Commit(SampleTransaction(1)));
    ESPY_ASSERT_OK((*store)->Flush());
  }
  std::filesystem::copy(dir / "lib", dir / "copy", std::filesystem::copy_options::recursive);
  std::filesystem::remove(dir / "lib/db/CURRENT");
  EXPECT_EQ(Create(dir / "lib").status().code(), StatusCode::kCorruption);
  std::filesystem::remove_all(dir / "copy/db");
  EXPECT_EQ(Create(dir / "copy").status().code(), StatusCode::kCorruption);
}

}  // namespace
}  // namespace espy::storage
