#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/env.h"
#include "base/half.h"
#include "base/mapped_file.h"
#include "base/sha256.h"
#include "base/thread_pool.h"
#include "tests/support/temp_dir.h"

namespace espy {
namespace {

TEST(Coding, VarintsOfEveryLengthComeBack) {
  for (int bits = 0; bits < 64; ++bits) {
    const std::uint64_t value = (std::uint64_t{1} << bits) - (bits % 2);
    std::string bytes;
    PutVarint(&bytes, value);
    std::string_view in = bytes;
    std::uint64_t back = 0;
    ASSERT_TRUE(GetVarint(&in, &back));
    EXPECT_EQ(back, value);
    EXPECT_TRUE(in.empty());
    in = std::string_view(bytes).substr(0, bytes.size() - 1);
    EXPECT_FALSE(GetVarint(&in, &back)) << "a cut varint was read";
  }
}

TEST(Coding, AStringLongerThanItsBufferIsRefused) {
  std::string bytes;
  PutVarint(&bytes, ~std::uint64_t{0});
  bytes += "abc";
  std::string_view in = bytes;
  std::string text;
  EXPECT_FALSE(GetString(&in, &text));
  EXPECT_EQ(in.size(), bytes.size());
}

TEST(Coding, KeysSortAsNumbersDo) {
  std::string small, large;
  PutKey64(&small, 255);
  PutKey64(&large, 256);
  EXPECT_LT(small, large);
}

// Values from RFC 3720, appendix B.4.
TEST(Crc32c, AgreesWithRfc3720) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c("6789", Crc32c("12345")), 0xe3069283u);
}

// FIPS 180-2, appendix B.1.
TEST(Sha256, AgreesWithFips180) {
  const auto digest = Sha256("abc");
  EXPECT_EQ(ToHex(digest.data(), digest.size()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Half, EveryHalfComesBackAndVectorAgreesWithScalar) {
  std::vector<std::uint16_t> halves(65536), again(65536);
  std::vector<float> floats(65536);
  for (int i = 0; i < 65536; ++i) halves[i] = static_cast<std::uint16_t>(i);
  HalfToFloat(halves.data(), halves.size(), floats.data());
  FloatToHalf(floats.data(), floats.size(), again.data());
  for (int i = 0; i < 65536; ++i) {
    const float scalar = HalfToFloat(halves[i]);
    if (std::isnan(scalar)) {
      EXPECT_TRUE(std::isnan(floats[i]));
      continue;
    }
    EXPECT_EQ(scalar, floats[i]);
    EXPECT_EQ(again[i], halves[i]);
    EXPECT_EQ(FloatToHalf(scalar), halves[i]);
  }
}

TEST(Half, RoundsToNearestEvenBetweenNeighbours) {
  EXPECT_EQ(FloatToHalf(1.0f + 0x1p-11f), 0x3c00);             // half way: to even
  EXPECT_EQ(FloatToHalf(1.0f + 3 * 0x1p-11f), 0x3c02);         // half way: to even
  EXPECT_EQ(FloatToHalf(1.0f + 0x1p-11f + 0x1p-20f), 0x3c01);  // above half way
  EXPECT_EQ(FloatToHalf(65520.0f), 0x7c00);
  EXPECT_EQ(FloatToHalf(65519.9f), 0x7bff);
}

TEST(ThreadPool, EveryIndexRunsExactlyOnceUnderConcurrentLoops) {
  ThreadPool pool(4);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&pool] {
      for (int round = 0; round < 50; ++round) {
        std::vector<std::atomic<int>> hits(97);
        pool.ParallelFor(97, [&](std::int64_t i) { ++hits[i]; });
        for (const auto& hit : hits) ASSERT_EQ(hit.load(), 1);
      }
    });
  }
  for (auto& caller : callers) caller.join();
}

TEST(ThreadPool, LoopsAfterAPauseReachWorkersThatSleep) {
  // Workers that have gone to sleep are woken: two indices that wait for each other need two
  // threads.
  ThreadPool pool(2);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(round % 3));
    std::atomic<int> arrived{0};
    pool.ParallelFor(2, [&](std::int64_t) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
    });
    EXPECT_EQ(arrived.load(), 2);
  }
}

TEST(BoundedQueue, HoldsNoMoreThanItsCapacityAndLosesNothing) {
  BoundedQueue<int> queue(100);
  std::thread producer([&] {
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(queue.Push(i, i % 50 == 0 ? 500 : 10));
    queue.Close();
  });
  int expected = 0;
  while (auto value = queue.Pop()) EXPECT_EQ(*value, expected++);
  EXPECT_EQ(expected, 1000);
  EXPECT_FALSE(queue.Push(1, 1));
  producer.join();
}

TEST(Env, AFileLongerThanTheLimitIsRefusedUnread) {
  testing::TempDir dir;
  const std::string path = dir.Write("big", std::string(1001, 'x'));
  auto bytes = Env::Default()->ReadFile(path, 1000);
  EXPECT_EQ(bytes.status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Env::Default()->ReadFile(path, 1001)->size(), 1001u);
  EXPECT_EQ(Env::Default()->ReadFile(dir / "none", 1).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Env::Default()->ReadFile(dir.path(), 1000000).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(Env, AtomicWriteReplacesWhole) {
  testing::TempDir dir;
  const std::string path = dir.Write("f", "old");
  ESPY_ASSERT_OK(Env::Default()->WriteFileAtomically(path, "new content"));
  EXPECT_EQ(testing::ReadFileOrDie(path), "new content");
  EXPECT_EQ(Env::Default()->ListDirectory(dir.path())->size(), 1u);
}

TEST(Env, ExclusiveWriteJoinsThePiecesAndLeavesNothingBeside) {
  const testing::TempDir temp;
  const std::vector<std::string_view> pieces{"one ", "", "two"};
  temp.Write("file.new", "what a killed writer left, longer than what comes");
  ESPY_ASSERT_OK(Env::Default()->WriteFileExclusively(temp / "file", pieces));
  EXPECT_EQ(testing::ReadFileOrDie(temp / "file"), "one two");
  ESPY_ASSERT_OK(Env::Default()->WriteFileExclusively(temp / "file", {pieces.data(), 1}));
  EXPECT_EQ(testing::ReadFileOrDie(temp / "file"), "one ");
  EXPECT_EQ(*Env::Default()->ListDirectory(temp.path()), std::vector<std::string>{"file"});
}

TEST(Env, ExclusiveWriteLeavesTheFileToAnotherWriter) {
  const testing::TempDir temp;
  temp.Write("file", "old");
  temp.Write("file.new", "half");
  const int other = ::open((temp / "file.new").c_str(), O_RDWR);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  const std::vector<std::string_view> pieces{"mine"};
  const Status busy = Env::Default()->WriteFileExclusively(temp / "file", pieces);
  EXPECT_EQ(busy.code(), StatusCode::kUnavailable) << busy.message();
  EXPECT_EQ(testing::ReadFileOrDie(temp / "file"), "old");
  EXPECT_EQ(testing::ReadFileOrDie(temp / "file.new"), "half");
  ::close(other);  // as the system does for a process that is killed
  ESPY_ASSERT_OK(Env::Default()->WriteFileExclusively(temp / "file", pieces));
  EXPECT_EQ(testing::ReadFileOrDie(temp / "file"), "mine");
}

TEST(Env, ExclusiveWritesAtOnceLeaveOneWholeFile) {
  const testing::TempDir temp;
  constexpr int kWriters = 8;
  std::atomic<int> written = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      const std::string half(500'000, static_cast<char>('a' + i));
      const std::vector<std::string_view> pieces{half, half};
      for (int round = 0; round < 5; ++round) {
        const Status status = Env::Default()->WriteFileExclusively(temp / "file", pieces);
        if (status.ok()) ++written;
        EXPECT_TRUE(status.ok() || status.code() == StatusCode::kUnavailable) << status.message();
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_GE(written, 1);
  const std::string bytes = testing::ReadFileOrDie(temp / "file");
  EXPECT_EQ(bytes, std::string(1'000'000, bytes.at(0)));
  EXPECT_EQ(*Env::Default()->ListDirectory(temp.path()), std::vector<std::string>{"file"});
}

TEST(Env, AnExclusiveWriteThatFailsHalfWayKeepsTheOldFile) {
  const testing::TempDir temp;
  temp.Write("file", "old");
  // The system refuses the rest of the file, as a full disk does.
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit little{.rlim_cur = 5000, .rlim_max = old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
  const std::string large(4000, 'x');
  const std::vector<std::string_view> pieces{large, large};
  const Status status = Env::Default()->WriteFileExclusively(temp / "file", pieces);
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), StatusCode::kIoError) << status.message();
  EXPECT_EQ(testing::ReadFileOrDie(temp / "file"), "old");
  EXPECT_EQ(*Env::Default()->ListDirectory(temp.path()), std::vector<std::string>{"file"});
}

TEST(Env, TellsWhoMayWriteAFileAndHowMuchRoomThereIs) {
  const testing::TempDir temp;
  const std::string path = temp.Write("file", "x");
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  EXPECT_FALSE(Env::Default()->Stat(path)->others_may_write);
  EXPECT_EQ(Env::Default()->Stat(path)->owner, ::geteuid());
  for (const auto perms : {0664, 0646}) {
    std::filesystem::permissions(path, std::filesystem::perms(perms));
    EXPECT_TRUE(Env::Default()->Stat(path)->others_may_write);
  }
  ESPY_ASSERT_OK(Env::Default()->FreeBytes(temp.path()));
  EXPECT_FALSE(Env::Default()->FreeBytes(temp / "none").ok());
}

TEST(MappedFile, ForgottenPagesComeBackAndPopulatingChangesNothing) {
  const testing::TempDir temp;
  std::string bytes(300'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 4096);
  const auto file = MappedFile::Open(temp.Write("file", bytes));
  ESPY_ASSERT_OK(file);
  EXPECT_EQ((*file)->facts().size, bytes.size());
  const auto now = [&] { return std::string((*file)->bytes().begin(), (*file)->bytes().end()); };
  (*file)->Populate();
  EXPECT_EQ(now(), bytes);
  (*file)->Forget();
  EXPECT_EQ(now(), bytes);
  const auto empty = MappedFile::Open(temp.Write("empty", ""));
  ESPY_ASSERT_OK(empty);
  (*empty)->Populate();
  (*empty)->Forget();
}

TEST(MappedFile, ShowsTheBytesOfTheFile) {
  testing::TempDir dir;
  auto mapped = MappedFile::Open(dir.Write("f", "hello"));
  ESPY_ASSERT_OK(mapped);
  EXPECT_EQ((*mapped)->bytes().size(), 5u);
  EXPECT_EQ((*mapped)->bytes()[4], 'o');
  ESPY_ASSERT_OK(MappedFile::Open(dir.Write("empty", "")));
}

}  // namespace
}  // namespace espy
