// What a library promises when the power goes, the disk breaks or fills up, or bits rot: everything
// acknowledged is there and right, or the library says that it is not. reliability figures:
// docs/decisions/0021.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "storage/testing.h"
#include "tests/faults/fault_fs.h"
#include "tests/storage/sample.h"
#include "tests/support/temp_dir.h"

namespace espy::storage {
namespace {

namespace fs = std::filesystem;
using espy::testing::FaultFs;
using espy::testing::SampleRecord;
using espy::testing::SampleSpace;
using espy::testing::SampleThumbnail;
using espy::testing::SampleTransaction;
using espy::testing::SampleVector;
using espy::testing::TempDir;

Result<std::unique_ptr<Store>> OpenOn(const std::shared_ptr<FaultFs>& faults,
                                      const std::string& directory, StoreOptions options = {},
                                      std::uint64_t write_buffer_bytes = 64 << 10) {
  options.create_if_missing = true;
  testing::Hooks hooks;
  hooks.file_system = faults;
  hooks.write_buffer_bytes = write_buffer_bytes;  // so that a few pictures already make files
  return testing::OpenWithHooks(directory, options, hooks);
}

// Picture n is there whole, as it was committed.
::testing::AssertionResult Holds(Store& store, std::uint64_t n) {
  const Record expected = SampleRecord(n);
  const auto record = store.GetItem(expected.id);
  if (!record.ok()) return ::testing::AssertionFailure() << n << ": " << record.status().message();
  Record found = *record;
  found.seq = 0;
  std::vector<std::uint16_t> half;
  const auto hash = store.FindHash(expected.content_hash);
  const auto path = store.GetPath(expected.paths[0]);
  const auto thumbnail = store.GetThumbnail(expected.id);
  if (found != expected || !hash.ok() || *hash != expected.id || !path.ok() ||
      path->item != expected.id || !store.GetVector(1, expected.id, &half).ok() ||
      half != SampleVector(n) || !thumbnail.ok() || *thumbnail != SampleThumbnail(n)) {
    return ::testing::AssertionFailure() << "picture " << n << " is not whole";
  }
  return ::testing::AssertionSuccess();
}

// One life of a library up to a power cut after `commits` commits; what was acknowledged comes back
// in `acked`.
void LiveUntilPowerCut(const std::shared_ptr<FaultFs>& faults, const std::string& directory,
                       bool sync, std::mt19937_64* random, std::uint64_t* next,
                       std::vector<std::uint64_t>* acked) {
  auto opened = OpenOn(faults, directory, {.sync = sync});
  ESPY_ASSERT_OK(opened);
  Store& store = **opened;
  for (const std::uint64_t n : *acked) ASSERT_TRUE(Holds(store, n));
  ASSERT_EQ(*store.Verify(false), std::vector<std::string>{});
  if (store.Spaces()->empty()) ESPY_ASSERT_OK(store.AddSpace(SampleSpace()));
  const std::uint64_t commits = (*random)() % 30;
  for (std::uint64_t i = 0; i < commits; ++i) {
    ESPY_ASSERT_OK(store.Commit(SampleTransaction(*next)));
    acked->push_back((*next)++);
    if ((*random)() % 20 == 0) ESPY_ASSERT_OK(store.Flush());
  }
  faults->Cut();
  opened->reset();
  faults->DropUnsynced();
}

TEST(PowerCut, NothingAcknowledgedIsLost) {
  TempDir dir;
  std::mt19937_64 random(1);
  std::uint64_t next = 1;
  std::vector<std::uint64_t> acked;
  const auto faults = std::make_shared<FaultFs>();
  for (int cycle = 0; cycle < 40; ++cycle) {
    SCOPED_TRACE("cycle " + std::to_string(cycle));
    LiveUntilPowerCut(faults, dir / "lib", true, &random, &next, &acked);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(acked.size(), 400u);
}

// The test of the test: without syncing, a power cut does lose what was acknowledged, and leaves a
// prefix.
TEST(PowerCut, WithoutSyncingAPrefixSurvives) {
  std::mt19937_64 random(2);
  int lost_cycles = 0;
  for (int cycle = 0; cycle < 15; ++cycle) {
    TempDir dir;
    std::uint64_t next = 1;
    std::vector<std::uint64_t> acked;
    const auto faults = std::make_shared<FaultFs>();
    LiveUntilPowerCut(faults, dir / "lib", false, &random, &next, &acked);
    if (HasFatalFailure()) return;
    auto reopened = OpenOn(faults, dir / "lib");
    ESPY_ASSERT_OK(reopened);
    const std::uint64_t kept = (*reopened)->last_seq() / 2;
    for (std::uint64_t n = 1; n < next; ++n) {
      if (n <= kept) {
        EXPECT_TRUE(Holds(**reopened, n));
      } else {
        EXPECT_FALSE((*reopened)->GetItem(SampleRecord(n).id).ok());
      }
    }
    if (kept < acked.size()) ++lost_cycles;
  }
  EXPECT_GE(lost_cycles, 10);
}

// A short script of commits, a flush and a manifest. Stops at the first failure.
struct Script {
  std::vector<std::uint64_t> acked;
  Status failure;

  void Run(Store& store) {
    if (store.Spaces().ok() && store.Spaces()->empty())
      failure = store.AddSpace(SampleSpace()).status();
    for (std::uint64_t n = 1; n <= 12 && failure.ok(); ++n) {
      const auto seq = store.Commit(SampleTransaction(n));
      if (seq.ok()) {
        acked.push_back(n);
      } else {
        failure = seq.status();
      }
      if (failure.ok() && n == 6) failure = store.Flush();
      if (failure.ok() && n == 8) failure = store.PutChunk(1, 1, 0, std::string(20'000, 'x'));
      if (failure.ok() && n == 8) failure = store.PutManifest(1, "manifest");
      if (failure.ok() && n == 10) failure = store.DeleteSegment(1, 1);
    }
  }
};

std::uint64_t OperationsOfScript() {
  TempDir dir;
  EXPECT_TRUE(OpenOn(std::make_shared<FaultFs>(), dir / "lib").ok());
  const auto faults = std::make_shared<FaultFs>();
  auto store = OpenOn(faults, dir / "lib");
  EXPECT_TRUE(store.ok());
  const std::uint64_t before = faults->operations();
  Script script;
  script.Run(**store);
  EXPECT_TRUE(script.failure.ok()) << script.failure.message();
  return faults->operations() - before;
}

TEST(DiskFaults, AFaultAtAnyWriteLosesNothingAcknowledgedAndShowsNothingHalf) {
  const std::uint64_t operations = OperationsOfScript();
  ASSERT_GT(operations, 40u);
  // Each run begins with a copy of one empty library: making one takes longer than the run.
  TempDir empty;
  ESPY_ASSERT_OK(OpenOn(std::make_shared<FaultFs>(), empty / "lib"));
  int failures = 0, went_on = 0;
  for (const auto kind : {FaultFs::Kind::kNoSpace, FaultFs::Kind::kIoError}) {
    for (const bool sticky : {false, true}) {
      for (std::uint64_t n = 1; n <= operations; n += sticky ? 4 : 2) {
        SCOPED_TRACE((kind == FaultFs::Kind::kNoSpace ? "no space" : "I/O error") +
                     std::string(sticky ? " from" : " at") + " operation " + std::to_string(n));
        TempDir dir;
        fs::copy(empty / "lib", dir / "lib", fs::copy_options::recursive);
        const auto faults = std::make_shared<FaultFs>();
        auto opened = OpenOn(faults, dir / "lib");
        ESPY_ASSERT_OK(opened);
        faults->FailAt(n, kind, sticky);
        Script script;
        script.Run(**opened);
        if (!script.failure.ok()) {
          ++failures;
          EXPECT_EQ(script.failure.code(), StatusCode::kIoError) << script.failure.message();
          EXPECT_NE(script.failure.message().find("run it again"), std::string::npos)
              << script.failure.message();
          // What failed is not to be seen, not even in part; what was acknowledged is.
          const std::uint64_t next = script.acked.size() + 1;
          if (next <= 12) {
            std::vector<std::uint16_t> half;
            const Record absent = SampleRecord(next);
            EXPECT_EQ((*opened)->GetItem(absent.id).status().code(), StatusCode::kNotFound);
            EXPECT_EQ((*opened)->GetPath(absent.paths[0]).status().code(), StatusCode::kNotFound);
            EXPECT_EQ((*opened)->GetVector(1, absent.id, &half).code(), StatusCode::kNotFound);
          }
        }
        for (const std::uint64_t acked : script.acked) EXPECT_TRUE(Holds(**opened, acked));
        faults->Heal();
        // A full disk that has room again is enough to go on, unless the very first write after
        // opening or flushing failed, or a table; after other errors the library is opened again.
        const auto again = (*opened)->Commit(SampleTransaction(100));
        EXPECT_TRUE(again.ok() || again.status().code() == StatusCode::kIoError)
            << again.status().message();
        if (again.ok()) {
          ++went_on;
          script.acked.push_back(100);
        }
        opened->reset();
        opened = OpenOn(faults, dir / "lib");
        ESPY_ASSERT_OK(opened);
        for (const std::uint64_t acked : script.acked) EXPECT_TRUE(Holds(**opened, acked));
        ESPY_ASSERT_OK((*opened)->Commit(SampleTransaction(101)));
        EXPECT_TRUE(Holds(**opened, 101));
        if ((*opened)->Spaces()->empty())
          continue;  // then vectors have no space, which verify reports
        EXPECT_EQ(*(*opened)->Verify(false), std::vector<std::string>{});
      }
    }
  }
  EXPECT_GT(failures, 30);
  EXPECT_GT(went_on, 15);
}

TEST(DiskFaults, AFaultWhileOpeningIsAnErrorAndTheNextOpeningWorks) {
  TempDir dir;
  const auto faults = std::make_shared<FaultFs>();
  {
    auto store = OpenOn(faults, dir / "lib");
    ESPY_ASSERT_OK(store);
    Script script;
    script.Run(**store);
    ESPY_ASSERT_OK(script.failure);
  }
  int failed = 0;
  for (std::uint64_t n = 1; n <= 25; ++n) {
    faults->FailAt(n, FaultFs::Kind::kNoSpace, true);
    if (!OpenOn(faults, dir / "lib").ok()) ++failed;
    faults->Heal();
    auto store = OpenOn(faults, dir / "lib");
    ESPY_ASSERT_OK(store);
    for (std::uint64_t i = 1; i <= 12; ++i) ASSERT_TRUE(Holds(**store, i));
  }
  EXPECT_GT(failed, 3);
}

// A library with pictures in files and in the log, to be damaged.
class BitRotTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kPictures = 40;

  void SetUp() override {
    const auto faults = std::make_shared<FaultFs>();
    // No flush but the one below: none is on its way when the power goes.
    auto store = OpenOn(faults, dir_ / "whole", {}, /*write_buffer_bytes=*/0);
    ESPY_ASSERT_OK(store);
    ESPY_ASSERT_OK((*store)->AddSpace(SampleSpace()));
    for (std::uint64_t n = 1; n <= kPictures; ++n) {
      ESPY_ASSERT_OK((*store)->Commit(SampleTransaction(n)));
      if (n == kPictures / 2) ESPY_ASSERT_OK((*store)->Flush());
    }
    faults->Cut();  // so that closing leaves the log as it is
    store->reset();
  }

  // A fresh copy, and the files in it whose name ends so, with more than nothing in them.
  std::vector<std::string> Copy(std::string_view ending) {
    fs::remove_all(dir_ / "copy");
    fs::copy(dir_ / "whole", dir_ / "copy", fs::copy_options::recursive);
    std::vector<std::string> names;
    for (const auto& file : fs::directory_iterator(dir_ / "copy/db")) {
      const std::string name = file.path().filename().string();
      const bool matches =
          ending.starts_with('.') ? name.ends_with(ending) : name.starts_with(ending);
      if (matches && file.file_size() > 0) names.push_back(file.path().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  static void Flip(const std::string& path, std::uint64_t bit) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(bit / 8));
    char byte = 0;
    file.get(byte);
    byte = static_cast<char>(byte ^ (1 << bit % 8));
    file.seekp(static_cast<std::streamoff>(bit / 8));
    file.put(byte);
  }

  // The damaged copy says so at opening, or verifying finds it, or everything is as it was; a row
  // is never silently gone or wrong. Returns how it ended.
  enum class Outcome { kRefused, kFound, kHarmless };
  Outcome Judge() {
    auto store = Store::Open(dir_ / "copy", {});
    if (!store.ok()) {
      EXPECT_EQ(store.status().code(), StatusCode::kCorruption) << store.status().message();
      EXPECT_TRUE(store.status().message().find("espy verify") != std::string::npos ||
                  store.status().message().find("backup") != std::string::npos)
          << store.status().message();
      return Outcome::kRefused;
    }
    bool all_right = true;
    for (std::uint64_t n = 1; n <= kPictures; ++n) {
      const Record expected = SampleRecord(n);
      const auto record = (*store)->GetItem(expected.id);
      if (!record.ok()) {
        EXPECT_EQ(record.status().code(), StatusCode::kCorruption) << record.status().message();
        all_right = false;
      } else {
        Record found = *record;
        found.seq = 0;
        EXPECT_EQ(found, expected);
      }
      const auto thumbnail = (*store)->GetThumbnail(expected.id);
      if (thumbnail.ok()) {
        EXPECT_EQ(*thumbnail, SampleThumbnail(n));
      } else {
        EXPECT_EQ(thumbnail.status().code(), StatusCode::kCorruption)
            << thumbnail.status().message();
        all_right = false;
      }
      std::vector<std::uint16_t> half;
      const Status got = (*store)->GetVector(1, expected.id, &half);
      if (got.ok()) {
        EXPECT_EQ(half, SampleVector(n));
      } else {
        EXPECT_EQ(got.code(), StatusCode::kCorruption) << got.message();
        all_right = false;
      }
    }
    const auto findings = (*store)->Verify(false);
    const bool found = !findings.ok() || !findings->empty();
    EXPECT_TRUE(all_right || found) << "verify must find what reading does";
    return found ? Outcome::kFound : Outcome::kHarmless;
  }

  TempDir dir_;
};

TEST_F(BitRotTest, AFlippedBitInTheLogIsRefusedWithTheRemedy) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 60; ++i) {
    const std::string log = Copy(".log").back();
    const std::uint64_t bits = fs::file_size(log) * 8;
    const std::uint64_t bit = i % 3 == 0 ? bits - 1 - random() % (8 * 200) : random() % bits;
    SCOPED_TRACE("bit " + std::to_string(bit) + " of " + std::to_string(bits));
    Flip(log, bit);
    auto store = Store::Open(dir_ / "copy", {});
    ASSERT_EQ(store.status().code(), StatusCode::kCorruption);
    ASSERT_NE(store.status().message().find("espy verify --repair"), std::string::npos)
        << store.status().message();
    // A reader is no less careful.
    EXPECT_EQ(Store::Open(dir_ / "copy", {.read_only = true}).status().code(),
              StatusCode::kCorruption);
  }
}

TEST_F(BitRotTest, RecoveringTheTailKeepsAPrefixAndSaysWhatIsLost) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 20; ++i) {
    const std::string log = Copy(".log").back();
    Flip(log, random() % (fs::file_size(log) * 8));
    ASSERT_FALSE(Store::Open(dir_ / "copy", {}).ok());
    auto store = Store::Open(dir_ / "copy", {.recover_tail = true});
    ESPY_ASSERT_OK(store);
    const std::uint64_t last = (*store)->last_seq();
    ASSERT_TRUE((*store)->lost().has_value());
    EXPECT_EQ((*store)->lost()->first, last + 1);
    EXPECT_EQ((*store)->lost()->last, 2 * kPictures);
    EXPECT_GE(last, kPictures);  // what was flushed
    for (std::uint64_t n = 1; n <= last / 2; ++n) EXPECT_TRUE(Holds(**store, n));
    EXPECT_EQ((*store)->GetItem(SampleRecord(last / 2 + 1).id).status().code(),
              StatusCode::kNotFound);
    EXPECT_EQ(*(*store)->Verify(false), std::vector<std::string>{});
    ESPY_ASSERT_OK((*store)->Commit(SampleTransaction(90)));
    store->reset();
    store = Store::Open(dir_ / "copy", {});  // and all is well from then on
    ESPY_ASSERT_OK(store);
    EXPECT_TRUE(Holds(**store, 90));
    EXPECT_EQ((*store)->last_seq(), last + 2);
    EXPECT_TRUE(fs::exists(dir_ / "copy/damaged"));
  }
}

TEST_F(BitRotTest, ALogCutShortWhereItWasAcknowledgedIsRefused) {
  // A checksum cannot tell this from a crash in the midst of a write: the mark of what was
  // acknowledged does.
  for (const std::uint64_t cut : {1, 7, 100, 5000}) {
    const std::string log = Copy(".log").back();
    fs::resize_file(log, fs::file_size(log) - cut);
    const Status status = Store::Open(dir_ / "copy", {}).status();
    EXPECT_EQ(status.code(), StatusCode::kCorruption);
    EXPECT_NE(status.message().find("acknowledged"), std::string::npos) << status.message();
    ESPY_ASSERT_OK(Store::Open(dir_ / "copy", {.recover_tail = true}));
  }
  const std::string log = Copy(".log").back();
  fs::remove(log);
  EXPECT_EQ(Store::Open(dir_ / "copy", {}).status().code(), StatusCode::kCorruption);
}

TEST_F(BitRotTest, ATornTailThatWasNeverAcknowledgedIsDropped) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 24; ++i) {
    const std::string log = Copy(".log").back();
    // A record of the log's form whose bytes are not what its checksum says, as when the disk wrote
    // its first sector and not the rest; then bytes without a form.
    std::string tail("\x11\x22\x33\x44\x20\x00\x01", 7);
    if (i % 2 == 1) tail.clear();
    tail.resize(7 + 32 + random() % 600);
    for (std::size_t at = i % 2 == 0 ? 7 : 0; at < tail.size(); ++at) {
      tail[at] = static_cast<char>(random());
    }
    std::ofstream(log, std::ios::app | std::ios::binary) << tail;
    SCOPED_TRACE(i);
    ESPY_ASSERT_OK(Store::Open(dir_ / "copy", {.read_only = true}));
    auto store = Store::Open(dir_ / "copy", {});
    ESPY_ASSERT_OK(store);
    EXPECT_EQ((*store)->last_seq(), 2 * kPictures);
    EXPECT_FALSE((*store)->lost().has_value());
    ESPY_ASSERT_OK((*store)->Commit(SampleTransaction(90)));
    store->reset();
    store = Store::Open(dir_ / "copy", {});  // the torn log is behind it
    ESPY_ASSERT_OK(store);
    EXPECT_TRUE(Holds(**store, 90));
  }
}

// Without a mark of what was acknowledged nobody knows whether the damage is a crash's.
TEST_F(BitRotTest, ATornTailWithoutAMarkIsRefusedAndRepairLosesNothing) {
  const std::string log = Copy(".log").back();
  fs::remove(dir_ / "copy/ACKED");
  std::ofstream(log, std::ios::app | std::ios::binary)
      << std::string("\x11\x22\x33\x44\x20\x00\x01", 7) << std::string(90, 'x');
  const Status refused = Store::Open(dir_ / "copy", {}).status();
  EXPECT_EQ(refused.code(), StatusCode::kCorruption);
  EXPECT_NE(refused.message().find("espy verify --repair"), std::string::npos);
  const auto recovered = Store::Open(dir_ / "copy", {.recover_tail = true});
  ESPY_ASSERT_OK(recovered);
  EXPECT_FALSE((*recovered)->lost().has_value());
  EXPECT_EQ((*recovered)->last_seq(), 2 * kPictures);
}

// A library that was written without syncing has no mark: what it acknowledged is then not known
// from outside the log, and no damage in it may pass for a crash's.
TEST_F(BitRotTest, AWriterThatDoesNotSyncTakesTheMarkAway) {
  Copy(".log");
  const auto faults = std::make_shared<FaultFs>();
  auto store = OpenOn(faults, dir_ / "copy", {.sync = false});
  ESPY_ASSERT_OK(store);
  for (std::uint64_t n = 100; n < 110; ++n) ESPY_ASSERT_OK((*store)->Commit(SampleTransaction(n)));
  faults->Cut();
  store->reset();
  EXPECT_FALSE(fs::exists(dir_ / "copy/ACKED"));
  std::vector<std::string> logs;
  for (const auto& file : fs::directory_iterator(dir_ / "copy/db")) {
    if (file.path().extension() == ".log" && file.file_size() > 0) logs.push_back(file.path());
  }
  std::sort(logs.begin(), logs.end());
  Flip(logs.back(), fs::file_size(logs.back()) * 8 - 40);
  EXPECT_EQ(Store::Open(dir_ / "copy", {}).status().code(), StatusCode::kCorruption);
}

TEST_F(BitRotTest, AFlippedBitInATableOrBlobIsFoundAndNeverServed) {
  std::mt19937_64 random(5);
  int noticed = 0, total = 0;
  for (const char* ending : {".sst", ".blob"}) {
    for (int i = 0; i < 60; ++i) {
      const std::vector<std::string> files = Copy(ending);
      ASSERT_FALSE(files.empty());
      const std::string& file = files[random() % files.size()];
      const std::uint64_t bit = random() % (fs::file_size(file) * 8);
      SCOPED_TRACE(file + " bit " + std::to_string(bit));
      Flip(file, bit);
      noticed += Judge() != Outcome::kHarmless;
      ++total;
    }
  }
  EXPECT_EQ(noticed, total);  // every byte of every file is under its checksum
}

TEST_F(BitRotTest, AFlippedBitInTheManifestIsRefused) {
  const std::string manifest = Copy("MANIFEST").back();
  std::mt19937_64 random(6);
  for (std::uint64_t byte = 0; byte < fs::file_size(manifest); ++byte) {
    // The high bits of a length are the ones that RocksDB itself lets pass.
    for (const std::uint64_t bit : {byte * 8 + random() % 8, byte * 8 + 7}) {
      SCOPED_TRACE("bit " + std::to_string(bit));
      Flip(manifest, bit);
      for (const StoreOptions& options :
           {StoreOptions{.read_only = true}, StoreOptions{}, StoreOptions{.recover_tail = true}}) {
        const Status status = Store::Open(dir_ / "copy", options).status();
        ASSERT_EQ(status.code(), StatusCode::kCorruption) << status.message();
        EXPECT_NE(status.message().find("MANIFEST"), std::string::npos) << status.message();
        EXPECT_NE(status.message().find("backup"), std::string::npos) << status.message();
      }
      Flip(manifest, bit);
    }
  }
  EXPECT_EQ(Judge(), Outcome::kHarmless);
}

TEST_F(BitRotTest, AFlippedBitInCurrentIsRefusedOrHarmless) {
  std::mt19937_64 random(6);
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string file = Copy("CURRENT").back();
    const std::uint64_t bit = random() % (fs::file_size(file) * 8);
    SCOPED_TRACE("bit " + std::to_string(bit));
    Flip(file, bit);
    refused += Judge() == Outcome::kRefused;
  }
  EXPECT_GE(refused, 30);
}

// A MANIFEST that ends after any of its records reads as a whole one of an earlier time. Opened for
// writing, it would have the files removed that it does not name.
TEST_F(BitRotTest, AManifestCutAnywhereIsRefusedAndNothingIsRemoved) {
  const std::string manifest = Copy("MANIFEST").back();
  const auto files = [&] {
    std::set<std::string> names;
    for (const auto& file : fs::recursive_directory_iterator(dir_ / "copy")) {
      names.insert(file.path().string());
    }
    return names;
  };
  const std::set<std::string> before = files();
  const std::uint64_t size = fs::file_size(manifest);
  for (std::uint64_t keep = size; keep-- > 0;) {
    fs::resize_file(manifest, keep);
    for (const StoreOptions& options :
         {StoreOptions{.read_only = true}, StoreOptions{}, StoreOptions{.recover_tail = true}}) {
      const Status status = Store::Open(dir_ / "copy", options).status();
      ASSERT_EQ(status.code(), StatusCode::kCorruption) << keep << " of " << size;
      EXPECT_NE(status.message().find("MANIFEST"), std::string::npos) << status.message();
      EXPECT_NE(status.message().find("backup"), std::string::npos) << status.message();
    }
    ASSERT_EQ(files(), before) << keep << " of " << size;
  }
}

TEST_F(BitRotTest, ANoteAboutTheManifestThatIsDamagedOrAbsentMeansNothing) {
  for (int i = 0; i < 43; ++i) {
    Copy("MANIFEST");
    Flip(dir_ / "copy/GROWN", static_cast<std::uint64_t>(i) * 8 + i % 8);
    const auto store = Store::Open(dir_ / "copy", {.read_only = true});
    ESPY_ASSERT_OK(store);
    EXPECT_TRUE(Holds(**store, 1));
  }
  Copy("MANIFEST");
  fs::remove(dir_ / "copy/GROWN");
  ESPY_ASSERT_OK(Store::Open(dir_ / "copy", {}));
  EXPECT_TRUE(fs::exists(dir_ / "copy/GROWN"));
}

TEST_F(BitRotTest, AMissingFileIsRefused) {
  for (const char* ending : {".sst", ".blob", "MANIFEST", "CURRENT"}) {
    fs::remove(Copy(ending).front());
    auto store = Store::Open(dir_ / "copy", {});
    if (store.ok()) {
      EXPECT_FALSE((*store)->Verify(false)->empty()) << ending;
    } else {
      EXPECT_NE(store.status().code(), StatusCode::kNotFound) << ending;
    }
  }
}

}  // namespace
}  // namespace espy::storage
