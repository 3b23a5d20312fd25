#include "imaging/raw_stream.h"

#include <gtest/gtest.h>

#include <string>

namespace espy::imaging {
namespace {

TEST(RawStream, ReadsSeeksAndEndsWhereTheBytesEnd) {
  const std::string bytes = "abcdef";
  RawStream stream(bytes);
  char to[16] = {};
  EXPECT_EQ(stream.read(to, 1, 4), 4);
  EXPECT_EQ(std::string(to, 4), "abcd");
  EXPECT_EQ(stream.tell(), 4);
  EXPECT_EQ(stream.read(to, 1, 100), 2);
  EXPECT_EQ(stream.eof(), 1);
  EXPECT_EQ(stream.get_char(), -1);
  EXPECT_EQ(stream.read(to, 1, 1), 0);
  EXPECT_EQ(stream.seek(-2, SEEK_END), 0);
  EXPECT_EQ(stream.get_char(), 'e');
  stream.seek(-1, SEEK_CUR);
  EXPECT_EQ(stream.get_char(), 'e');
}

TEST(RawStream, OffsetsThatLieStopAtTheEnds) {
  const std::string bytes = "abc";
  RawStream stream(bytes);
  for (const INT64 far : {static_cast<INT64>(INT64_MAX), INT64{4}, INT64{1} << 40}) {
    for (const int whence : {SEEK_SET, SEEK_CUR, SEEK_END}) {
      stream.seek(1, SEEK_SET);
      stream.seek(far, whence);
      EXPECT_EQ(stream.tell(), 3);
      stream.seek(1, SEEK_SET);
      stream.seek(-far, whence);
      EXPECT_EQ(stream.tell(), 0);
      stream.seek(INT64_MIN, whence);
      EXPECT_EQ(stream.tell(), 0);
    }
  }
  char to[8];
  EXPECT_EQ(stream.read(to, SIZE_MAX / 2, 8), 1);
}

TEST(RawStream, TextIsReadWithinItsBounds) {
  const std::string bytes = "12 345\nline two\nend";
  RawStream stream(bytes);
  int number = 0;
  EXPECT_EQ(stream.scanf_one("%d", &number), 1);
  EXPECT_EQ(number, 12);
  EXPECT_EQ(stream.scanf_one("%d", &number), 1);
  EXPECT_EQ(number, 345);
  char line[6];
  stream.get_char();  // the end of the line
  EXPECT_STREQ(stream.gets(line, sizeof(line)), "line ");
  char rest[32];
  EXPECT_STREQ(stream.gets(rest, sizeof(rest)), "two\n");
  EXPECT_STREQ(stream.gets(rest, sizeof(rest)), "end");
  EXPECT_EQ(stream.gets(rest, sizeof(rest)), nullptr);
  EXPECT_LE(stream.scanf_one("%d", &number), 0);
}

TEST(RawStream, ACountOfCallsEndsALoopThatBelievesTheFile) {
  RawStream stream("x");
  std::int64_t calls = 0;
  EXPECT_THROW(
      {
        for (;;) {
          stream.seek(0, SEEK_SET);
          ++calls;
        }
      },
      LibRaw_exceptions);
  EXPECT_EQ(calls, RawStream::kMostCalls);
}

}  // namespace
}  // namespace espy::imaging
