// A log's whole part is found by its own form, whatever follows it.
#include "storage/log_tail.h"

#include <gtest/gtest.h>

#include <random>

#include "base/crc32c.h"

namespace espy::storage {
namespace {

constexpr std::size_t kBlock = 32'768;

std::string Fragment(char type, const std::string& payload) {
  const std::uint32_t crc = Crc32c(std::string(1, type) + payload);
  const std::uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  std::string out;
  for (int i = 0; i < 4; ++i) out += static_cast<char>(masked >> (8 * i));
  out += static_cast<char>(payload.size());
  out += static_cast<char>(payload.size() >> 8);
  return out + type + payload;
}

// A record as RocksDB writes it: in as many fragments as the blocks ask for.
void Append(std::string* log, const std::string& record) {
  std::size_t at = 0;
  do {
    std::size_t left = kBlock - log->size() % kBlock;
    if (left < 7) {
      log->append(left, '\0');
      left = kBlock;
    }
    const std::size_t size = std::min(record.size() - at, left - 7);
    const bool first = at == 0, last = at + size == record.size();
    const int type = first ? (last ? 1 : 2) : (last ? 4 : 3);
    *log += Fragment(static_cast<char>(type), record.substr(at, size));
    at += size;
  } while (at < record.size());
}

class LogTailTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::mt19937_64 random(1);
    for (int i = 0; i < 12; ++i) {
      ends_.push_back(log_.size());
      Append(&log_, std::string(i % 3 == 2 ? 40'000 + random() % 60'000 : random() % 900, 'x'));
    }
  }
  // The last end of a record at or before `size`.
  std::uint64_t EndBefore(std::uint64_t size) const {
    std::uint64_t end = 0;
    for (const std::uint64_t e : ends_) end = e <= size ? e : end;
    return log_.size() <= size ? log_.size() : end;
  }
  std::string log_;
  std::vector<std::uint64_t> ends_;
};

TEST_F(LogTailTest, AWholeLogIsWhole) {
  const LogTail tail = InspectLog(log_);
  EXPECT_EQ(tail.whole, log_.size());
  EXPECT_FALSE(tail.damaged);
  EXPECT_EQ(InspectLog("").whole, 0u);
}

TEST_F(LogTailTest, OneThatWasCutShortIsNotDamaged) {
  for (std::size_t size = 0; size < log_.size(); size += 97) {
    const LogTail tail = InspectLog(std::string_view(log_).substr(0, size));
    ASSERT_FALSE(tail.damaged) << size;
    // A block's padding may stand between a record's end and the next one's beginning.
    ASSERT_LE(tail.whole, size);
    ASSERT_GE(tail.whole + 7, EndBefore(size)) << size;
  }
}

TEST_F(LogTailTest, DamageEndsTheWholePart) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 300; ++i) {
    std::string log = log_;
    const std::size_t at = random() % log.size();
    log[at] = static_cast<char>(log[at] ^ (1 << random() % 8));
    const LogTail tail = InspectLog(log);
    ASSERT_LE(tail.whole, at) << at;
    ASSERT_FALSE(InspectLog(std::string_view(log).substr(0, tail.whole)).damaged);
    ASSERT_TRUE(!tail.damaged || at >= ends_[9] || tail.more) << at;
  }
}

TEST_F(LogTailTest, ATornEndHasNothingBehindIt) {
  std::string log = log_;
  Append(&log, std::string(700, 'y'));
  std::fill(log.end() - 512, log.end(), '\0');
  LogTail tail = InspectLog(log);
  EXPECT_TRUE(tail.damaged);
  EXPECT_FALSE(tail.more);
  EXPECT_EQ(tail.whole, log_.size());
  Append(&log, "z");
  EXPECT_TRUE(InspectLog(log).more);
}

}  // namespace
}  // namespace espy::storage
