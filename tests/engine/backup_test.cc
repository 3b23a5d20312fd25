// A library is gone back to, whatever happens to it and to its backups meanwhile.
#include "espy/backup.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "tests/engine/fixture.h"

namespace espy {
namespace {

namespace fs = std::filesystem;
using espy::testing::LibraryTest;

class BackupTest : public LibraryTest {
 protected:
  std::string backups() const { return dir_ / "backups"; }

  static std::unique_ptr<Library> OpenAt(const std::string& path, bool read_only = false) {
    OpenOptions options;
    options.create_if_missing = !read_only;
    options.read_only = read_only;
    auto library = Library::Open(path, options);
    EXPECT_TRUE(library.ok()) << library.status().message();
    return library.ok() ? std::move(*library) : nullptr;
  }

  static Status TryImport(Library* library, int first, int n) {
    std::vector<std::vector<float>> vectors;
    for (int i = first; i < first + n; ++i) {
      std::vector<float> vector(8, 0.1f);
      for (int bit = 0; bit < 8; ++bit) vector[bit] += static_cast<float>((i >> bit) & 1);
      vectors.push_back(std::move(vector));
    }
    std::vector<ImportItem> items(vectors.size());
    for (int i = 0; i < n; ++i) {
      items[i].vector = vectors[i];
      items[i].record.paths = {"/p/" + std::to_string(first + i)};
      items[i].record.caption = std::string(200, static_cast<char>('a' + i % 26));
    }
    return library->Import(items, {.space = "elsewhere"}).status();
  }
  static void Import(Library* library, int first, int n) {
    const Status status = TryImport(library, first, n);
    ASSERT_TRUE(status.ok()) << status.message();
  }

  BackupReport Backup(Library* library, std::uint32_t keep = 0) const {
    auto report = library->Backup({.directory = backups(), .keep = keep});
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : BackupReport{};
  }

  void Restore(const std::string& name, std::uint32_t generation = 0) const {
    auto restored =
        RestoreBackup({.directory = backups(), .library = dir_ / name, .generation = generation});
    ASSERT_TRUE(restored.ok()) << restored.status().message();
  }

  static std::vector<Hit> Hits(Library* library, int i) {
    QueryTerm term;
    term.kind = QueryTerm::Kind::kVector;
    term.vector = std::vector<float>(8, 0.2f);
    for (int bit = 0; bit < 8; ++bit) term.vector[bit] += static_cast<float>((i >> bit) & 1);
    auto result = library->Search({{term}}, {.k = 20});
    EXPECT_TRUE(result.ok()) << result.status().message();
    return result.ok() ? result->hits : std::vector<Hit>{};
  }

  static void ExpectSameAnswers(Library* a, Library* b) {
    for (int i = 0; i < 256; i += 17) {
      const std::vector<Hit> left = Hits(a, i), right = Hits(b, i);
      ASSERT_EQ(left.size(), right.size());
      for (std::size_t h = 0; h < left.size(); ++h) {
        EXPECT_EQ(left[h].id, right[h].id);
        EXPECT_EQ(left[h].score, right[h].score);  // the same bits
        EXPECT_EQ(left[h].record, right[h].record);
      }
    }
  }
};

TEST_F(BackupTest, ARestoredLibraryAnswersBitForBit) {
  auto library = OpenAt(dir_ / "a");
  Import(library.get(), 0, 200);
  ASSERT_TRUE(library->Compact().ok());
  Import(library.get(), 200, 20);
  ASSERT_TRUE(library->Forget({.targets = {"/p/3", "/p/210"}}).ok());
  EXPECT_EQ(Backup(library.get()).generation.number, 1u);
  Restore("b");
  auto restored = OpenAt(dir_ / "b");
  ExpectSameAnswers(library.get(), restored.get());
  EXPECT_EQ(restored->Info()->seq, library->Info()->seq);
  ExpectSound(restored.get());
  Import(restored.get(), 300, 5);  // and lives on
  ExpectSound(restored.get());
}

TEST_F(BackupTest, EachGenerationIsTheLibraryOfItsTime) {
  auto library = OpenAt(dir_ / "a");
  for (int generation = 1; generation <= 4; ++generation) {
    Import(library.get(), generation * 10, 10);
    Backup(library.get());
  }
  const auto all = ListBackups(backups());
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 4u);
  for (std::uint32_t generation = 1; generation <= 4; ++generation) {
    EXPECT_EQ((*all)[generation - 1].number, generation);
    EXPECT_EQ((*all)[generation - 1].library, dir_ / "a");
    const std::string name = "r" + std::to_string(generation);
    Restore(name, generation);
    EXPECT_EQ(Items(OpenAt(dir_ / name).get()), generation * 10u);
  }
}

TEST_F(BackupTest, AnotherGenerationCopiesOnlyWhatIsNew) {
  auto library = OpenAt(dir_ / "a");
  Import(library.get(), 0, 256);
  ASSERT_TRUE(library->Compact().ok());
  const BackupReport first = Backup(library.get());
  const BackupReport second = Backup(library.get());
  EXPECT_LT(second.copied_bytes, first.copied_bytes / 2);
  EXPECT_EQ(second.generations, 2u);
}

TEST_F(BackupTest, OnlySoManyGenerationsAreKept) {
  auto library = OpenAt(dir_ / "a");
  for (int i = 0; i < 5; ++i) {
    Import(library.get(), i, 1);
    Backup(library.get(), 2);
  }
  const auto all = ListBackups(backups());
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].number, 4u);
  EXPECT_TRUE(VerifyBackup(backups()).ok());
}

TEST_F(BackupTest, ABackupBesideWritesHoldsWhatWasAcknowledgedBefore) {
  auto library = OpenAt(dir_ / "a");
  Import(library.get(), 0, 10);
  std::atomic<int> imported{10};
  std::jthread writer([&](const std::stop_token& stop) {
    for (int i = 10; !stop.stop_requested() && i < 100'000; ++i) {
      if (!TryImport(library.get(), i, 1).ok()) break;
      ++imported;
    }
  });
  for (int i = 0; i < 3; ++i) {
    const int before = imported;
    Backup(library.get());
    const std::string name = "r" + std::to_string(i);
    Restore(name);
    auto restored = OpenAt(dir_ / name);
    EXPECT_GE(Items(restored.get()), static_cast<std::uint64_t>(before));
    ExpectSound(restored.get());
  }
}

TEST_F(BackupTest, AReaderBacksUpBesideItsWriter) {
  auto library = OpenAt(dir_ / "a");
  Import(library.get(), 0, 100);
  auto reader = OpenAt(dir_ / "a", true);
  Import(library.get(), 100, 50);  // what the writer has done by then is in it
  Backup(reader.get());
  Restore("b");
  auto restored = OpenAt(dir_ / "b");
  ExpectSameAnswers(library.get(), restored.get());
  ExpectSound(restored.get());
  ExpectSound(library.get());
  EXPECT_EQ(Items(restored.get()), 150u);
  for (const auto& entry : fs::directory_iterator(dir_ / "a")) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("backup.")) << entry.path();
  }
}

TEST_F(BackupTest, WhatAKilledReaderLeftIsRemovedByTheNext) {
  auto library = OpenAt(dir_ / "a");
  Import(library.get(), 0, 10);
  dir_.Write("a/backup.12345.1/db/000001.sst", "links");
  Backup(OpenAt(dir_ / "a", true).get());
  EXPECT_FALSE(fs::exists(dir_ / "a/backup.12345.1"));
  EXPECT_TRUE(VerifyBackup(backups()).ok());
}

TEST_F(BackupTest, ALibraryThatIsThereIsReplacedOnlyWhenAskedTo) {
  auto library = OpenAt(dir_ / "a");
  Import(library.get(), 0, 10);
  Backup(library.get());
  Import(library.get(), 10, 10);
  RestoreOptions options{.directory = backups(), .library = dir_ / "a"};
  EXPECT_EQ(RestoreBackup(options).status().code(), StatusCode::kInvalidArgument);
  options.overwrite = true;
  EXPECT_EQ(RestoreBackup(options).status().code(), StatusCode::kUnavailable);  // it is in use
  EXPECT_EQ(Items(library.get()), 20u);
  library.reset();
  ASSERT_TRUE(RestoreBackup(options).ok());
  EXPECT_EQ(Items(OpenAt(dir_ / "a").get()), 10u);
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(dir_.path())) ++entries;
  EXPECT_EQ(entries, 3);  // the model, the library, the backups: nothing left between
}

TEST_F(BackupTest, FilesOfAnotherKindAreLeftAlone) {
  auto library = OpenAt(dir_ / "a");
  Import(library.get(), 0, 10);
  dir_.Write("backups/letter.txt", "dear");
  EXPECT_EQ(library->Backup({.directory = backups()}).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(library->Backup({.directory = dir_ / "a/inside"}).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(ListBackups(backups()).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(RestoreBackup({.directory = dir_ / "nowhere", .library = dir_ / "b"}).status().code(),
            StatusCode::kNotFound);
  EXPECT_FALSE(fs::exists(dir_ / "b"));
}

TEST_F(BackupTest, ADamagedGenerationIsRefusedAndTheOthersServe) {
  auto library = OpenAt(dir_ / "a");
  Import(library.get(), 0, 100);
  Backup(library.get());
  Import(library.get(), 100, 100);
  ASSERT_TRUE(library->Compact().ok());
  Backup(library.get());
  // A byte of a file that only the second has.
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(backups() + "/shared_checksum")) {
    files.insert(entry.path().string());
  }
  ASSERT_FALSE(files.empty());
  const std::string file = *files.rbegin();
  {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(100);
    const char byte = static_cast<char>(stream.get() ^ 0x20);
    stream.seekp(100);
    stream.put(byte);
  }
  EXPECT_EQ(VerifyBackup(backups()).code(), StatusCode::kCorruption);
  EXPECT_EQ(RestoreBackup({.directory = backups(), .library = dir_ / "b"}).status().code(),
            StatusCode::kCorruption);
  EXPECT_FALSE(fs::exists(dir_ / "b"));
  Restore("b", 1);
  EXPECT_EQ(Items(OpenAt(dir_ / "b").get()), 100u);
}

TEST_F(BackupTest, AStoppedBackupLeavesTheEarlierGenerations) {
  auto library = OpenAt(dir_ / "a");
  Import(library.get(), 0, 10);
  Backup(library.get());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(library->Backup({.directory = backups()}, {}, stop.get_token()).status().code(),
            StatusCode::kCancelled);
  EXPECT_EQ(ListBackups(backups())->size(), 1u);
  EXPECT_EQ(Backup(library.get()).generations, 2u);
  EXPECT_TRUE(VerifyBackup(backups()).ok());
}

TEST_F(BackupTest, AKilledBackupLeavesTheEarlierGenerationsWhole) {
  {
    auto library = OpenAt(dir_ / "a");
    for (int i = 0; i < 4096; i += 256) Import(library.get(), i, 256);
    Backup(library.get());
  }
  std::uint64_t generations = 1;
  int killed = 0;
  for (int i = 0; i < 12; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto library = Library::Open(dir_ / "a");
      if (!library.ok() || !TryImport(library->get(), 10'000 + i, 1).ok()) ::_exit(1);
      ::_exit((*library)->Backup({.directory = backups()}).ok() ? 0 : 1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10 + 15 * i));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    killed += WIFSIGNALED(status) ? 1 : 0;
    const Status sound = VerifyBackup(backups());
    ASSERT_TRUE(sound.ok()) << sound.message();
    const auto all = ListBackups(backups());
    ASSERT_GE(all->size(), generations);
    generations = all->size();
  }
  EXPECT_GT(killed, 0);
  const std::uint64_t seq = ListBackups(backups())->back().seq;
  auto library = OpenAt(dir_ / "a");
  Backup(library.get());
  Restore("b", static_cast<std::uint32_t>(generations));
  EXPECT_GE(OpenAt(dir_ / "b")->Info()->seq, seq);
  ExpectSound(OpenAt(dir_ / "b").get());
}

}  // namespace
}  // namespace espy
