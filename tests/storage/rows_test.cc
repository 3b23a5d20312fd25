#include "storage/rows.h"

#include <gtest/gtest.h>

#include <random>

#include "storage/fields.h"
#include "storage/keys.h"
#include "tests/storage/sample.h"
#include "tests/support/temp_dir.h"

namespace espy::storage {
namespace {

using espy::testing::SampleRecord;

TEST(Rows, RecordsComeBackAsTheyWere) {
  for (std::uint64_t n = 1; n < 20; ++n) {
    Record record = SampleRecord(n);
    record.modified_unix = -static_cast<std::int64_t>(n);  // before 1970
    record.paths = {std::string("/not\xffutf8\0x", 11), "/b"};
    std::string value = EncodeRecord(record);
    SetRecordSeq(value.data(), n + 7);
    record.seq = n + 7;
    const Result<Record> parsed = ParseRecord(record.id, value);
    ESPY_ASSERT_OK(parsed);
    EXPECT_EQ(*parsed, record);
  }
}

TEST(Rows, OptionalFieldsKeepZeroApartFromAbsent) {
  Record record = SampleRecord(1);
  record.taken_unix = 0;
  record.place = Place{0, 0};
  const Result<Record> parsed = ParseRecord(record.id, EncodeRecord(record));
  ESPY_ASSERT_OK(parsed);
  EXPECT_TRUE(parsed->taken_unix.has_value());
  EXPECT_TRUE(parsed->place.has_value());
}

TEST(Rows, UnknownFieldsAreSkipped) {
  const Record record = SampleRecord(3);
  std::string value = EncodeRecord(record);
  PutBytesField(&value, 99, "from a later program");
  PutNumberField(&value, 100, 5);
  const Result<Record> parsed = ParseRecord(record.id, value);
  ESPY_ASSERT_OK(parsed);
  EXPECT_EQ(*parsed, record);
}

TEST(Rows, PixelsFromASourceOfALaterProgramAreThePicturesOwn) {
  Record record = SampleRecord(3);
  std::string value = EncodeRecord(record);
  PutNumberField(&value, 15, 200);
  const Result<Record> parsed = ParseRecord(record.id, value);
  ESPY_ASSERT_OK(parsed);
  EXPECT_EQ(parsed->pixels_from, PixelSource::kPicture);
}

TEST(Rows, ALaterVersionIsUnsupportedAndNotMisread) {
  std::string value = EncodePathRow({1, 2, 3, 4});
  value[0] = 2;
  EXPECT_EQ(ParsePathRow(value).status().code(), StatusCode::kUnsupported);
  value[0] = 0;
  EXPECT_EQ(ParsePathRow(value).status().code(), StatusCode::kCorruption);
}

TEST(Rows, EveryCutOfEveryRowIsRefusedOrHasFewerFields) {
  const Record record = SampleRecord(4);
  const std::string value = EncodeRecord(record);
  for (std::size_t length = 0; length < value.size(); ++length) {
    const Result<Record> parsed = ParseRecord(record.id, std::string_view(value).substr(0, length));
    EXPECT_FALSE(parsed.ok() && *parsed == record) << length;
  }
  const std::string chunk = EncodeSegmentHeader("bytes") + "bytes";
  for (std::size_t length = 0; length < chunk.size(); ++length) {
    EXPECT_FALSE(ParseSegmentValue(std::string_view(chunk).substr(0, length)).ok()) << length;
  }
}

TEST(Rows, EveryFlippedBitOfAChunkIsFound) {
  const std::string bytes = "the bytes of a chunk";
  const std::string value = EncodeSegmentHeader(bytes) + bytes;
  ESPY_ASSERT_OK(ParseSegmentValue(value));
  for (std::size_t bit = 0; bit < value.size() * 8; ++bit) {
    std::string flipped = value;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(ParseSegmentValue(flipped).ok()) << "bit " << bit;
  }
}

TEST(Rows, ParsersSurviveRandomBytes) {
  std::mt19937_64 random(20240601);
  std::vector<std::uint16_t> half;
  for (int i = 0; i < 20'000; ++i) {
    std::string value(random() % 60, '\0');
    for (char& c : value) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 32);
    if (!value.empty() && random() % 4 != 0) value[0] = 1;
    (void)ParseRecord(1, value);
    (void)ParsePathRow(value);
    (void)ParseFailure(value);
    (void)ParseLogEntry(1, value);
    (void)ParseSpace(1, value);
    (void)ParseVector(value, &half);
    (void)ParseSegmentValue(value);
  }
}

TEST(Rows, SmallRowsComeBackAsTheyWere) {
  const PathRow path{7, 1ULL << 40, -5, UINT64_MAX};
  EXPECT_EQ(*ParsePathRow(EncodePathRow(path)), path);
  const PathRow by_thumbnail{7, 1, 2, 3, true};
  EXPECT_EQ(*ParsePathRow(EncodePathRow(by_thumbnail)), by_thumbnail);
  const FailureRow failure{StatusCode::kUnsupported, "why", -1, 3, 9, 10};
  EXPECT_EQ(*ParseFailure(EncodeFailure(failure)), failure);
  const SpaceRow space{5, "m", "id", "/dir", 512};
  EXPECT_EQ(*ParseSpace(5, EncodeSpace(space)), space);
  const Result<LogEntry> entry =
      ParseLogEntry(9, EncodeLogEntry({0, ChangeKind::kPutVector, 8, 3}));
  ESPY_ASSERT_OK(entry);
  EXPECT_EQ(entry->seq, 9u);
  EXPECT_EQ(entry->kind, ChangeKind::kPutVector);
  EXPECT_EQ(entry->item, 8u);
  EXPECT_EQ(entry->space, 3u);
}

TEST(Keys, SortAsNumbersAndPrefixesEndWhereTheyShould) {
  EXPECT_LT(Key64(255), Key64(256));
  EXPECT_LT(VectorKey(1, UINT64_MAX), VectorKey(2, 0));
  EXPECT_EQ(PrefixEnd("ab"), "ac");
  EXPECT_EQ(PrefixEnd("a\xff"), "b");
  EXPECT_EQ(PrefixEnd("\xff\xff"), "");
  SpaceNumber space = 0;
  std::uint64_t segment = 0;
  std::uint32_t chunk = 0;
  ASSERT_TRUE(ParseChunkKey(ChunkKey(3, 4, 5), &space, &segment, &chunk));
  EXPECT_EQ(space, 3u);
  EXPECT_EQ(segment, 4u);
  EXPECT_EQ(chunk, 5u);
  EXPECT_FALSE(ParseChunkKey(ManifestKey(3), &space, &segment, &chunk));
}

}  // namespace
}  // namespace espy::storage
