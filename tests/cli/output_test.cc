// What people and programs read: escaped text, JSON, tables, progress.
#include "cli/output.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "cli/json.h"
#include "cli/progress_meter.h"
#include "cli/text.h"

namespace espy::cli {
namespace {

TEST(Text, OnlyWellFormedUtf8IsValid) {
  EXPECT_TRUE(IsValidUtf8("plain, é, 犬, 🐕"));
  EXPECT_FALSE(IsValidUtf8("\xff"));
  EXPECT_FALSE(IsValidUtf8("\xc0\xaf"));          // overlong
  EXPECT_FALSE(IsValidUtf8("\xed\xa0\x80"));      // a surrogate
  EXPECT_FALSE(IsValidUtf8("\xf4\x90\x80\x80"));  // above U+10FFFF
  EXPECT_FALSE(IsValidUtf8("\xe7\x8a"));          // cut short
}

TEST(Text, ATerminalNeverSeesControlsOddBytesOrReorderingMarks) {
  EXPECT_EQ(EscapeForTerminal("a\nb\tc\x1b[31m"), "a\\nb\\tc\\x1b[31m");
  EXPECT_EQ(EscapeForTerminal("a\xff\xc3(b"), "a\\xff\\xc3(b");
  EXPECT_EQ(EscapeForTerminal("x\u202egpj.exe"), "x\\u202egpj.exe");
  EXPECT_EQ(EscapeForTerminal("\u0085"), "\\x85");
  EXPECT_EQ(EscapeForTerminal("naïve 犬.jpg"), "naïve 犬.jpg");
}

TEST(Text, HtmlHoldsNoMarkupOfTheUsers) {
  EXPECT_EQ(EscapeHtml("<img src=x onerror=\"a('&')\">"),
            "&lt;img src=x onerror=&quot;a(&#39;&amp;&#39;)&quot;&gt;");
  EXPECT_EQ(EscapeHtml("a\xff\x01z"), "a\ufffd\ufffdz");
  EXPECT_EQ(FileUrl("/a b/\"ü%.jpg"), "file:///a%20b/%22%c3%bc%25.jpg");
}

TEST(Text, Base64IsThatOfRfc4648) {
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("f"), "Zg==");
  EXPECT_EQ(Base64("fo"), "Zm8=");
  EXPECT_EQ(Base64("foo"), "Zm9v");
  EXPECT_EQ(Base64("foob"), "Zm9vYg==");
  EXPECT_EQ(Base64(std::string("\xff\x00\xfe", 3)), "/wD+");
}

TEST(Text, NumbersReadAsPeopleWriteThem) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1000), "1.0 kB");
  EXPECT_EQ(FormatBytes(999'999), "1.0 MB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<std::uint64_t>::max()), "18447 PB");
  EXPECT_EQ(FormatDuration(0.25), "250 ms");
  EXPECT_EQ(FormatDuration(59.4), "59 s");
  EXPECT_EQ(FormatDuration(185), "3 min 5 s");
  EXPECT_EQ(FormatDuration(8040), "2 h 14 min");
  EXPECT_EQ(FormatDuration(-1), "?");
  EXPECT_EQ(FormatDate(1717175049), "2024-05-31 17:04:09");
  EXPECT_EQ(Plural(1, "item"), "1 item");
  EXPECT_EQ(Plural(2000, "item"), "2,000 items");
}

TEST(Text, ALongPathKeepsItsEnd) {
  EXPECT_EQ(ShortenLeft("short", 10), "short");
  EXPECT_EQ(ShortenLeft("/a/long/path.jpg", 9), "…path.jpg");
  EXPECT_EQ(DisplayWidth("犬.jpg"), 6);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);
}

TEST(TableFormat, ColumnsAlignAndLinesHaveNoTrailingSpace) {
  Table table({Table::Align::kRight, Table::Align::kLeft, Table::Align::kLeft});
  table.Add({"1", "a", "x"});
  table.Add({"10", "犬", ""});
  EXPECT_EQ(table.Format(), " 1  a   x\n10  犬\n");
}

Hit SampleHit() {
  Hit hit;
  hit.rank = 1;
  hit.id = 0x0123456789abcdef;
  hit.score = 0.31f;
  hit.parts.dense = 0.31f;
  hit.record.id = hit.id;
  hit.record.paths = {"/pics/a.jpg"};
  hit.record.width = 640;
  hit.record.height = 480;
  return hit;
}

TEST(JsonOutput, AHitHasTheKeysOfTheContractInTheirOrder) {
  EXPECT_EQ(
      ToLine(HitToJson(SampleHit(), "q7")),
      R"({"rank":1,"id":"0123456789abcdef","path":"/pics/a.jpg","score":0.31,"probability":null,)"
      R"("parts":{"dense":0.31,"text":0.0,"policy":0.0,"dense_rank":0,"text_rank":0,"match":null},)"
      R"("caption":"","tags":[],"width":640,)"
      R"("height":480,"query_id":"q7","stands_for":1,"cursor":null})");
}

TEST(JsonOutput, AProbabilityIsANumberWhenTheModelHasOne) {
  Hit hit = SampleHit();
  hit.probability = 0.94f;
  EXPECT_NE(ToLine(HitToJson(hit, "")).find(R"("probability":0.94,)"), std::string::npos);
}

TEST(JsonOutput, APathThatIsNotUtf8IsReplacedAndGivenAsBytesToo) {
  Hit hit = SampleHit();
  hit.record.paths = {"/p/\xff.jpg"};
  const std::string line = ToLine(HitToJson(hit, ""));
  EXPECT_NE(line.find("\"path\":\"/p/\ufffd.jpg\",\"path_bytes\":\"L3Av/y5qcGc=\""),
            std::string::npos)
      << line;
  const std::string record = ToLine(RecordToJson(hit.record));
  EXPECT_NE(record.find("\"paths_bytes\":[\"L3Av/y5qcGc=\"]"), std::string::npos) << record;
}

TEST(JsonOutput, ANewlineInAPathDoesNotEndTheLine) {
  Hit hit = SampleHit();
  hit.record.paths = {"/p/a\nb.jpg"};
  EXPECT_EQ(ToLine(HitToJson(hit, "")).find('\n'), std::string::npos);
}

TEST(JsonOutput, FloatsKeepTheirShortestForm) {
  EXPECT_EQ(ToLine(JsonNumber(0.1f)), "0.1");
  EXPECT_EQ(ToLine(JsonNumber(std::numeric_limits<float>::quiet_NaN())), "null");
}

TEST(JsonOutput, ARecordWithoutDateOrPlaceHasNulls) {
  Record record;
  record.modified_unix = 1717175049;
  const Json json = RecordToJson(record);
  EXPECT_TRUE(json["taken"].is_null());
  EXPECT_TRUE(json["latitude"].is_null());
  EXPECT_EQ(json["year"], 2024);
  EXPECT_EQ(json["month"], 5);
  EXPECT_EQ(json["path"], "");
  record.taken_unix = -1;  // the last second of 1969
  EXPECT_EQ(RecordToJson(record)["year"], 1969);
}

TEST(Progress, TheLineSaysHowFarHowFastAndHowLong) {
  ProgressLine line;
  line.what = "pictures";
  line.done = 312;
  line.total = 1032;
  line.failed = 2;
  line.per_second = 45.2;
  line.seconds_left = 16;
  EXPECT_EQ(FormatProgress(line), "312 / 1,032 pictures  30%  45.2/s  16 s left  2 failed");
}

TEST(Progress, BytesComeInTheirUnits) {
  ProgressLine line;
  line.what = "bytes";
  line.done = 120'000'000;
  line.total = 605'157'884;
  line.per_second = 11'200'000;
  line.seconds_left = 44;
  EXPECT_EQ(FormatProgress(line), "120 MB / 605 MB  19%  11 MB/s  44 s left");
}

TEST(Progress, WhatIsMadeWithoutCountingIsNamedAlone) {
  ProgressLine line;
  line.what = "segments";
  EXPECT_EQ(FormatProgress(line), "segments ...");
  line.done = 3;
  EXPECT_EQ(FormatProgress(line), "3 segments");
}

TEST(Progress, AGrowingTotalPromisesNothing) {
  ProgressLine line;
  line.what = "pictures";
  line.done = 5;
  line.total = 10;
  line.total_grows = true;
  line.seconds_left = 3;
  EXPECT_EQ(FormatProgress(line), "5 / 10+ pictures");
}

}  // namespace
}  // namespace espy::cli
