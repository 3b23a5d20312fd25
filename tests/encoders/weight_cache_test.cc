// The cache of packed weights as an encoder's user meets it: what is written where, what is
// trusted, and that a vector's bits never depend on it.
#include "encoders/weight_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/logging.h"
#include "encoders/encoder.h"
#include "encoders/panels/panel_file.h"
#include "encoders/panels/panel_places.h"
#include "kernels/packed_matrix.h"
#include "tests/encoders/tiny_model.h"
#include "tests/support/roomy_disk.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

namespace fs = std::filesystem;

constexpr Precision kPrecisions[] = {Precision::kFloat32, Precision::kBfloat16, Precision::kInt8};

// A disk that has no room left, by what it says or by what happens.
class FullDisk : public Env {
 public:
  explicit FullDisk(bool says_so) : says_so_(says_so) {}
  Result<std::uint64_t> FreeBytes(const std::string&) override {
    return says_so_ ? std::uint64_t{1000} : std::uint64_t{1} << 40;
  }
  Status WriteFileExclusively(const std::string& path, std::span<const std::string_view>) override {
    ++attempts;
    return IoStatus(path, ENOSPC);
  }
  std::atomic<int> attempts = 0;  // two towers write at once

 private:
  const bool says_so_;
};

class WeightCacheTest : public ::testing::Test {
 protected:
  WeightCacheTest() {
    for (const char* name : {"ESPY_CACHE_DIR", "ESPY_WEIGHT_CACHE", "ESPY_CACHE_MB"}) {
      ::unsetenv(name);
    }
    ::setenv("XDG_CACHE_HOME", (temp_ / "user").c_str(), 1);
    SetLogHook([this](LogLevel level, std::string_view text) {
      std::lock_guard lock(mutex_);
      (level == LogLevel::kWarning ? warnings_ : notes_) += std::string(text) + "\n";
    });
    WriteTinyClip(temp_, "model");
  }
  ~WeightCacheTest() override { SetLogHook(nullptr); }

  std::string model() const { return temp_ / "model"; }
  std::string beside() const { return model() + "/.espy-cache"; }

  WeightCacheOptions Keeping(WeightCache use = WeightCache::kByEnvironment) {
    return {.use = use, .worth_keeping = 1, .env = &disk_};
  }

  // A picture's vector and a text's, as a fresh process would get them.
  static std::vector<float> Start(const std::string& directory, const WeightCacheOptions& cache,
                                  Precision precision = Precision::kFloat32) {
    const auto encoder = Encoder::Load(directory, {.threads = 1,
                                                   .load_image = true,
                                                   .load_text = true,
                                                   .precision = precision,
                                                   .weight_cache = cache});
    EXPECT_TRUE(encoder.ok()) << encoder.status().message();
    if (!encoder.ok()) return {};
    std::vector<float> vectors(16);
    std::vector<float> pixels(3 * 16 * 16);
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      pixels[i] = static_cast<float>(i % 23) / 11 - 1;
    }
    const std::vector<std::string> texts{"a dog on the beach"};
    EXPECT_TRUE((*encoder)->EncodeImages(pixels.data(), 1, vectors.data()).ok());
    EXPECT_TRUE((*encoder)->EncodeTexts(texts, vectors.data() + 8).ok());
    return vectors;
  }
  std::vector<float> Start(Precision precision = Precision::kFloat32) {
    return Start(model(), Keeping(), precision);
  }
  std::vector<float> Without(Precision precision = Precision::kFloat32) {
    return Start(model(), Keeping(WeightCache::kOff), precision);
  }

  static std::vector<std::string> Files(const std::string& directory) {
    const auto names = Env::Default()->ListDirectory(directory);
    return names.ok() ? *names : std::vector<std::string>{};
  }
  static std::string FileOf(const std::string& tower, Precision precision) {
    return tower + "-" + std::string(PrecisionName(precision)) + "-" +
           kernels::PackedMatrix::CpuFamily() + ".panels";
  }
  std::string ImageFile() const { return beside() + "/" + FileOf("image", Precision::kFloat32); }
  static std::uint64_t Inode(const std::string& path) {
    const auto facts = Env::Default()->Stat(path);
    EXPECT_TRUE(facts.ok()) << path;
    return facts.ok() ? facts->inode : 0;
  }
  static void Overwrite(const std::string& path, const std::string& bytes) {
    fs::remove(path);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT, 0644);
    ASSERT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ::close(fd);
  }
  // The image tower's cache with one bit of its first matrix flipped between the sampled lines.
  void FlipUnsampledBit() {
    std::string bytes = testing::ReadFileOrDie(ImageFile());
    const auto file = ParsePanelFile(bytes, "file");
    ESPY_ASSERT_OK(file);
    const std::string_view matrix = file->matrices[0].bytes;
    ASSERT_GT(matrix.size(), 1000u);
    bytes[static_cast<std::size_t>(matrix.data() - bytes.data()) + 64 + 3] ^= 0x40;
    const auto again = ParsePanelFile(bytes, "file");
    ESPY_ASSERT_OK(again);
    ESPY_ASSERT_OK(CheckPanels(*again, false, "file"));
    Overwrite(ImageFile(), bytes);
  }

  testing::TempDir temp_;
  testing::RoomyDisk disk_;
  std::mutex mutex_;
  std::string warnings_, notes_;  // guarded by mutex_
};

TEST_F(WeightCacheTest, TheSecondStartHasTheSameBitsInEveryPrecision) {
  for (const Precision precision : kPrecisions) {
    const std::vector<float> without = Without(precision);
    EXPECT_FALSE(fs::exists(beside()));
    EXPECT_EQ(Start(precision), without);
    EXPECT_EQ(Files(beside()),
              (std::vector<std::string>{FileOf("image", precision), FileOf("text", precision)}));
    const std::uint64_t written = Inode(beside() + "/" + FileOf("text", precision));
    EXPECT_EQ(Start(precision), without);
    EXPECT_EQ(Start(model(), Keeping(WeightCache::kVerify), precision), without);
    EXPECT_EQ(Inode(beside() + "/" + FileOf("text", precision)), written) << "written again";
    fs::remove_all(beside());
  }
  EXPECT_EQ(warnings_, "");
}

// Which also shows that the mapped bytes are what the products are made with.
TEST_F(WeightCacheTest, VerifyingFindsTheBitThatASampleDoesNot) {
  const std::vector<float> sound = Start();
  FlipUnsampledBit();
  EXPECT_NE(Start(), sound) << "the cache was not used";
  EXPECT_EQ(warnings_, "");
  EXPECT_EQ(Start(model(), Keeping(WeightCache::kVerify)), sound);
  EXPECT_NE(warnings_.find(ImageFile() + ": the bytes of \"vision_model."), std::string::npos)
      << warnings_;
  EXPECT_EQ(Start(), sound) << "the damaged file was not replaced";
}

TEST_F(WeightCacheTest, TheEnvironmentTurnsItOffOrHasItVerified) {
  ::setenv("ESPY_WEIGHT_CACHE", "off", 1);
  const std::vector<float> sound = Start();
  EXPECT_FALSE(fs::exists(beside()));
  ::setenv("ESPY_WEIGHT_CACHE", "on", 1);
  Start();
  FlipUnsampledBit();
  ::setenv("ESPY_WEIGHT_CACHE", "off", 1);
  EXPECT_EQ(Start(), sound) << "read though it is off";
  ::setenv("ESPY_WEIGHT_CACHE", "verify", 1);
  EXPECT_EQ(Start(), sound);
  ::setenv("ESPY_WEIGHT_CACHE", "maybe", 1);
  EXPECT_EQ(Start(), sound);
  EXPECT_NE(warnings_.find("ESPY_WEIGHT_CACHE: \"maybe\""), std::string::npos);
}

TEST_F(WeightCacheTest, ASmallModelWritesNothing) {
  Start(model(), {.env = &disk_});
  EXPECT_FALSE(fs::exists(beside()));
}

TEST_F(WeightCacheTest, ADamagedFileIsNeverTrustedAndIsReplaced) {
  const std::vector<float> sound = Start();
  const std::string whole = testing::ReadFileOrDie(ImageFile());
  std::string zeros = whole;
  std::memset(zeros.data() + 4096, 0, zeros.size() - 4096);
  std::string flipped = whole;
  flipped[40] ^= 1;  // of the key
  std::string newer = whole;
  newer[8] = 2;
  for (const std::string& damaged :
       {std::string(), std::string("x"), std::string(5000, '\0'), whole.substr(0, 4096),
        whole.substr(0, whole.size() - 1), whole + "x", zeros, flipped, newer}) {
    warnings_.clear();
    Overwrite(ImageFile(), damaged);
    EXPECT_EQ(Start(), sound);
    EXPECT_NE(warnings_.find(ImageFile() + ": "), std::string::npos) << damaged.size();
    EXPECT_EQ(testing::ReadFileOrDie(ImageFile()), whole);
  }
  EXPECT_EQ(Files(beside()).size(), 2u);
}

TEST_F(WeightCacheTest, OtherWeightsUnderTheSameNamesArePackedAnew) {
  const std::vector<float> before = Start();
  std::vector<TinyTensor> tensors = TinyClipTensors();
  for (TinyTensor& tensor : tensors) {
    if (tensor.name == "visual_projection.weight") tensor.value = -0.3f;
  }
  fs::remove(model() + "/model.safetensors");
  temp_.Write("model/model.safetensors", TinySafetensors(tensors));
  const std::vector<float> after = Start();
  EXPECT_NE(after, before);
  EXPECT_EQ(after, Without());
  EXPECT_NE(notes_.find("made from other weights"), std::string::npos) << notes_;
  EXPECT_EQ(Start(), after);
}

// What space_id's samples might miss in a large file, its time tells.
TEST_F(WeightCacheTest, AFileOfAnotherTimeIsAnotherFile) {
  Start();
  const std::uint64_t written = Inode(ImageFile());
  fs::last_write_time(model() + "/model.safetensors",
                      fs::last_write_time(model() + "/model.safetensors") + std::chrono::hours(1));
  Start();
  EXPECT_NE(Inode(ImageFile()), written);
}

TEST_F(WeightCacheTest, AFileOfAnotherPrecisionOrTowerIsNotTakenForThisOne) {
  const std::vector<float> sound = Start();
  Start(Precision::kBfloat16);
  const std::string other = beside() + "/" + FileOf("image", Precision::kBfloat16);
  for (const std::string& wrong : {other, beside() + "/" + FileOf("text", Precision::kFloat32)}) {
    Overwrite(ImageFile(), testing::ReadFileOrDie(wrong));
    EXPECT_EQ(Start(), sound);
  }
}

TEST_F(WeightCacheTest, AFileForAnotherCpuFamilyIsNotUsed) {
  if (const char* directory = ::getenv("ESPY_TEST_MODEL")) {  // as the other CPU, below
    Start(directory, Keeping());
    return;
  }
  const std::string family = kernels::PackedMatrix::CpuFamily();
  if (family == "baseline") GTEST_SKIP() << "this CPU has no narrower family";
  const std::string command = "ESPY_CPU=baseline ESPY_TEST_MODEL='" + model() + "' '" +
                              fs::read_symlink("/proc/self/exe").string() +
                              "' --gtest_filter='*AFileForAnotherCpuFamilyIsNotUsed' > /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const std::string baseline = beside() + "/image-fp32-baseline.panels";
  const std::string foreign = testing::ReadFileOrDie(baseline);
  const std::vector<float> sound = Without();
  Overwrite(ImageFile(), foreign);
  EXPECT_EQ(Start(), sound);
  EXPECT_NE(testing::ReadFileOrDie(ImageFile()), foreign);
  EXPECT_EQ(testing::ReadFileOrDie(baseline), foreign) << "the other CPU's file is its own";
}

TEST_F(WeightCacheTest, ManyAtOnceLeaveWholeFilesAndAgree) {
  const std::vector<float> sound = Without();
  for (int round = 0; round < 5; ++round) {
    fs::remove_all(beside());
    std::vector<std::thread> starts;
    std::vector<std::vector<float>> vectors(6);
    for (std::vector<float>& out : vectors) {
      starts.emplace_back([&out, this] { out = Start(); });
    }
    for (std::thread& start : starts) start.join();
    for (const std::vector<float>& out : vectors) EXPECT_EQ(out, sound);
    EXPECT_EQ(Files(beside()).size(), 2u) << "something is left beside the files";
    EXPECT_EQ(Start(model(), Keeping(WeightCache::kVerify)), sound);
  }
  EXPECT_EQ(warnings_, "");
}

TEST_F(WeightCacheTest, WhatAKilledWriterLeftIsWrittenOver) {
  fs::create_directories(beside());
  Overwrite(ImageFile() + ".new", std::string(100'000, 'h'));
  const std::vector<float> sound = Start();
  EXPECT_EQ(Files(beside()).size(), 2u);
  EXPECT_EQ(Start(model(), Keeping(WeightCache::kVerify)), sound);
  EXPECT_EQ(warnings_, "");
}

TEST_F(WeightCacheTest, AFileThatAnotherProcessIsWritingIsLeftToIt) {
  fs::create_directories(beside());
  Overwrite(ImageFile() + ".new", "half");
  const int other = ::open((ImageFile() + ".new").c_str(), O_RDWR);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  EXPECT_EQ(Start(), Without());
  EXPECT_EQ(testing::ReadFileOrDie(ImageFile() + ".new"), "half");
  EXPECT_FALSE(fs::exists(ImageFile()));
  EXPECT_FALSE(fs::exists(temp_ / "user")) << "written a second time elsewhere";
  EXPECT_EQ(warnings_, "");
  ::close(other);
}

// A file where the folder should be keeps the superuser out too, whom permissions do not.
TEST_F(WeightCacheTest, AModelThatCannotBeWrittenBesideHasItsCacheInTheUsersFolder) {
  const std::string in_the_way = temp_.Write("model/.espy-cache", "in the way");
  const std::vector<float> sound = Start();
  const std::string root = temp_ / "user/espy/weights";
  ASSERT_EQ(Files(root).size(), 1u);
  EXPECT_EQ(Files(root)[0].find("model-"), 0u);
  const std::string folder = root + "/" + Files(root)[0];
  EXPECT_EQ(Files(folder).size(), 2u);
  const std::string file = folder + "/" + FileOf("image", Precision::kFloat32);
  const std::uint64_t written = Inode(file);
  EXPECT_EQ(Start(), sound);
  EXPECT_EQ(Inode(file), written);
  EXPECT_EQ(testing::ReadFileOrDie(in_the_way), "in the way");
  EXPECT_EQ(warnings_, "");
}

TEST_F(WeightCacheTest, NothingIsWrittenBesideTheLinksOfADownloadCache) {
  fs::create_directories(temp_ / "snapshot");
  for (const std::string& name : Files(model())) {
    fs::create_symlink(model() + "/" + name, temp_ / ("snapshot/" + name));
  }
  const std::vector<float> vectors = Start(temp_ / "snapshot", Keeping());
  EXPECT_EQ(vectors, Without());
  EXPECT_FALSE(fs::exists(temp_ / "snapshot/.espy-cache"));
  EXPECT_FALSE(fs::exists(beside()));
  EXPECT_EQ(Files(temp_ / "user/espy/weights").size(), 1u);
}

TEST_F(WeightCacheTest, TheFolderOfTheEnvironmentIsTheOnlyOne) {
  ::setenv("ESPY_CACHE_DIR", (temp_ / "chosen").c_str(), 1);
  EXPECT_EQ(Start(), Without());
  EXPECT_FALSE(fs::exists(beside()));
  EXPECT_FALSE(fs::exists(temp_ / "user"));
  EXPECT_EQ(Files(temp_ / "chosen/weights").size(), 1u);
  // Models of one name are told apart by where they lie.
  WriteTinyClip(temp_, "elsewhere/model");
  Start(temp_ / "elsewhere/model", Keeping());
  EXPECT_EQ(Files(temp_ / "chosen/weights").size(), 2u);
}

TEST_F(WeightCacheTest, AFullDiskIsToldAndCostsNothingElse) {
  const std::vector<float> sound = Without();
  for (const bool says_so : {true, false}) {
    warnings_.clear();
    FullDisk full(says_so);
    EXPECT_EQ(Start(model(), {.worth_keeping = 1, .env = &full}), sound);
    EXPECT_EQ(full.attempts > 0, !says_so) << "a disk known to be full is not tried";
    EXPECT_NE(warnings_.find("packed weights are not kept"), std::string::npos) << warnings_;
    EXPECT_NE(warnings_.find(says_so ? "nearly full" : "No space left"), std::string::npos)
        << warnings_;
    EXPECT_FALSE(fs::exists(beside())) << "an empty folder is left";
  }
}

TEST_F(WeightCacheTest, AFileThatOthersMayWriteIsNotUsed) {
  const std::vector<float> sound = Start();
  FlipUnsampledBit();
  fs::permissions(ImageFile(), fs::perms(0646));
  EXPECT_EQ(Start(), sound);
  EXPECT_NE(notes_.find("another user may write it"), std::string::npos) << notes_;
  EXPECT_FALSE(Env::Default()->Stat(ImageFile())->others_may_write) << "not replaced";
  if (::geteuid() != 0) return;  // only the superuser can give a file away
  FlipUnsampledBit();
  ASSERT_EQ(::chown(ImageFile().c_str(), 12345, 12345), 0);
  EXPECT_EQ(Start(), sound);
}

class PanelRootTest : public WeightCacheTest {
 protected:
  PanelRootTest() { ::setenv("ESPY_CACHE_DIR", (temp_ / "chosen").c_str(), 1); }
  std::string root() const { return temp_ / "chosen/weights"; }
  // The folder of the caches of a fresh model.
  std::string Fill(const std::string& name) {
    WriteTinyClip(temp_, name);
    Start(temp_ / name, Keeping());
    for (const std::string& folder : Files(root())) {
      if (folder.find(name + "-") == 0) return root() + "/" + folder;
    }
    ADD_FAILURE() << "no cache of " << name;
    return root();
  }
  static void Age(const std::string& path, int days) {
    fs::last_write_time(path, fs::last_write_time(path) - std::chrono::hours(24 * days));
  }
};

TEST_F(PanelRootTest, CachesOfModelsThatAreGoneAreRemoved) {
  const std::string gone = Fill("gone"), kept = Fill("kept");
  Overwrite(gone + "/" + FileOf("image", Precision::kInt8), "not a cache");
  Overwrite(kept + "/notes.txt", "not ours");
  Overwrite(kept + "/" + FileOf("text", Precision::kInt8) + ".new", "of a killed writer");
  Age(kept + "/" + FileOf("text", Precision::kInt8) + ".new", 2);
  Overwrite(kept + "/" + FileOf("text", Precision::kBfloat16) + ".new", "being written");
  fs::remove_all(temp_ / "gone");
  Fill("third");  // writing one sweeps
  EXPECT_FALSE(fs::exists(gone));
  EXPECT_EQ(Files(kept),
            (std::vector<std::string>{FileOf("image", Precision::kFloat32), "notes.txt",
                                      FileOf("text", Precision::kBfloat16) + ".new",
                                      FileOf("text", Precision::kFloat32)}));
}

TEST_F(PanelRootTest, BeyondTheLimitTheLeastRecentlyUsedGoFirst) {
  const std::string a = Fill("a"), b = Fill("b"), c = Fill("c");
  for (const std::string& folder : {a, b, c}) {
    for (const std::string& name : Files(folder)) Age(folder + "/" + name, folder == b ? 9 : 5);
  }
  Start(temp_ / "a", Keeping());  // used today
  std::uint64_t bytes = 0;
  for (const std::string& name : Files(a)) bytes += fs::file_size(a + "/" + name);
  SweepPanelRoot(root(), "", 2 * bytes, &disk_);
  EXPECT_TRUE(fs::exists(a) && fs::exists(c));
  EXPECT_FALSE(fs::exists(b));
  SweepPanelRoot(root(), "", bytes, &disk_);
  EXPECT_TRUE(fs::exists(a));
  EXPECT_FALSE(fs::exists(c));
  const std::string keep = a + "/" + FileOf("image", Precision::kFloat32);
  SweepPanelRoot(root(), keep, 0, &disk_);
  EXPECT_EQ(Files(a), std::vector<std::string>{FileOf("image", Precision::kFloat32)});
}

TEST_F(PanelRootTest, TheLimitComesFromTheEnvironment) {
  EXPECT_EQ(PanelRootLimit(), std::uint64_t{16} << 30);
  for (const char* nonsense : {"", "x", "12x", "-1", "99999999999999999999", "99999999999999"}) {
    ::setenv("ESPY_CACHE_MB", nonsense, 1);
    EXPECT_EQ(PanelRootLimit(), std::uint64_t{16} << 30) << nonsense;
  }
  ::setenv("ESPY_CACHE_MB", "100", 1);
  EXPECT_EQ(PanelRootLimit(), std::uint64_t{100} << 20);
  const std::string one = Fill("one");
  ::setenv("ESPY_CACHE_MB", "0", 1);
  WriteTinyClip(temp_, "two");
  Start(temp_ / "two", Keeping());
  EXPECT_FALSE(fs::exists(one));
}

}  // namespace
}  // namespace espy::encoders
