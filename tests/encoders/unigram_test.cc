// The parts that a tokenizer.json of type Unigram is made of.
#include "encoders/tokenizers/unigram.h"

#include <gtest/gtest.h>

#include "encoders/tokenizers/chars_map.h"
#include "encoders/tokenizers/normalizer.h"
#include "encoders/tokenizers/text_pattern.h"
#include "encoders/tokenizers/unicode.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

using Ids = std::vector<std::int32_t>;

UnigramModel Model(const std::string& json) {
  const auto value = ParseJson(json, "test");
  EXPECT_TRUE(value.ok());
  const auto model = UnigramModel::Parse(*value, "test");
  EXPECT_TRUE(model.ok()) << model.status().message();
  return model.ok() ? *model : UnigramModel();
}

Ids Cut(const UnigramModel& model, std::string_view text) {
  Ids ids;
  model.Append(text, &ids);
  return ids;
}

TEST(UnigramModel, TheCutWithTheHighestSumWins) {
  const UnigramModel model = Model(
      R"({"unk_id":0,"vocab":[["<unk>",0],["a",-3],["b",-3],["ab",-5],["abc",-20],["c",-1],["bc",-2]]})");
  EXPECT_EQ(Cut(model, "ab"), (Ids{3}));
  EXPECT_EQ(Cut(model, "abc"), (Ids{1, 6}));  // -5 before -6 and -20
  EXPECT_EQ(Cut(model, ""), Ids{});
}

TEST(UnigramModel, OfEqualCutsTheFirstReachedWins) {
  const UnigramModel model =
      Model(R"({"unk_id":0,"vocab":[["<unk>",0],["a",-1],["b",-1],["c",-1],["ab",-2],["bc",-2]]})");
  EXPECT_EQ(Cut(model, "ab"), (Ids{4}));
  EXPECT_EQ(Cut(model, "abc"), (Ids{1, 5}));
}

TEST(UnigramModel, ARunOfUnknownsIsOne) {
  const UnigramModel model = Model(R"({"unk_id":0,"vocab":[["<unk>",0],["a",-1],["é",-1]]})");
  EXPECT_EQ(Cut(model, "xyz"), (Ids{0}));
  EXPECT_EQ(Cut(model, "xayé漢z"), (Ids{0, 1, 0, 2, 0}));
  EXPECT_EQ(Cut(model, "\xc3\xa8"), (Ids{0}));  // begins with the byte of another piece
}

TEST(UnigramModel, UnknownsAreWrittenInBytesWhereAllAreThere) {
  const UnigramModel model = Model(
      R"({"unk_id":0,"byte_fallback":true,"vocab":[["<unk>",0],["a",-1],["<0x78>",0],["<0x79>",0]]})");
  EXPECT_EQ(Cut(model, "axya"), (Ids{1, 2, 3, 1}));
  EXPECT_EQ(Cut(model, "axza"), (Ids{1, 0, 1}));
}

TEST(UnigramModel, OfTwoEqualPiecesTheLastCounts) {
  const UnigramModel model = Model(R"({"unk_id":0,"vocab":[["<unk>",0],["a",-1],["a",-2]]})");
  EXPECT_EQ(Cut(model, "a"), (Ids{2}));
}

std::string Replaced(const char* expression, const char* text, const char* content = "_") {
  const auto pattern = TextPattern::Parse(expression, "test");
  EXPECT_TRUE(pattern.ok()) << expression;
  return pattern.ok() ? pattern->Replace(text, content) : "";
}

TEST(TextPattern, ReplacesWhatPublishedNormalizersReplace) {
  EXPECT_EQ(Replaced(" {2,}", "a  b   c d"), "a_b_c d");
  EXPECT_EQ(Replaced(" {2}", "a   b"), "a_ b");
  EXPECT_EQ(Replaced("\\s+", "a \t\u3000b"), "a_b");
  EXPECT_EQ(Replaced("[!\"\\#\\$%\\&'\\(\\)\\*\\+,\\-\\./:;<=>\\?@\\[\\\\\\]\\^_`\\{\\|\\}\\~]",
                     "a-b^c]d\\e~", ""),
            "abcde");
  EXPECT_EQ(Replaced("\\A +| +\\z", "  a b  ", ""), "a b");
  EXPECT_EQ(Replaced("\\A▁", "▁a▁b", "▁▁"), "▁▁a▁b");
  EXPECT_EQ(Replaced("[^a-cé]", "xaébz", ""), "aéb");
  EXPECT_EQ(Replaced("[\\s\\n-]+", "a -\n b", "."), "a.b");
}

TEST(TextPattern, RefusesWhatItDoesNotKnow) {
  for (const char* expression : {"",      "|",           "ab",
                                 "a*",    "a?",          "a+?",
                                 "a++",   "(a)",         "(?=.)|(?<!^)$",
                                 ".",     "^a",          "a$",
                                 "\\w",   "\\1",         "\\p{L}",
                                 "a{",    "a{}",         "a{,2}",
                                 "a{0,}", "a{1,2}",      "a{1001}",
                                 "[",     "[]",          "[a",
                                 "[b-a]", "[[:alpha:]]", "[a&&b]",
                                 "[\\w]", "a|",          "\\",
                                 "\\b",   "a{2",         "\\A"}) {
    const auto pattern = TextPattern::Parse(expression, "file.json: normalizer");
    EXPECT_EQ(pattern.status().code(), StatusCode::kUnsupported) << expression;
    EXPECT_TRUE(pattern.status().message().starts_with("file.json: normalizer"));
  }
}

TEST(TextPattern, ALiteralIsReplacedAsItStands) {
  EXPECT_EQ(TextPattern::Literal("a.").Replace("a.ab", "x"), "xab");
}

Normalizer Parsed(const std::string& json) {
  const auto value = ParseJson(json, "test");
  EXPECT_TRUE(value.ok());
  const auto normalizer = Normalizer::Parse(*value, "test");
  EXPECT_TRUE(normalizer.ok()) << normalizer.status().message();
  return normalizer.ok() ? *normalizer : Normalizer();
}

TEST(Normalizer, StepsFollowOneAnother) {
  EXPECT_EQ(Parsed("null").Apply(" A "), " A ");
  EXPECT_EQ(Parsed(R"({"type":"Sequence","normalizers":[{"type":"Strip","strip_right":false},
      {"type":"Lowercase"},{"type":"Sequence","normalizers":[{"type":"NFC"}]},
      {"type":"Prepend","prepend":"_"}]})")
                .Apply("  E\xcc\x81 "),
            "_\xc3\xa9 ");
  EXPECT_EQ(Parsed(R"({"type":"Prepend","prepend":"_"})").Apply(""), "");
}

TEST(Normalizer, AnAnswerStaysWithinItsLimit) {
  std::string steps;
  for (int i = 0; i < 60; ++i) {
    steps +=
        (i > 0 ? "," : "") +
        std::string(R"({"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaaaaaaaa"})");
  }
  const std::string grown =
      Parsed(R"({"type":"Sequence","normalizers":[)" + steps + "]}").Apply("a");
  EXPECT_LE(grown.size(), 4 * kMaxTextBytes);
}

TEST(CharsMap, OffsetsThatLeadOutsideMapNothing) {
  // One unit: a trie whose first step leads far behind its end.
  const auto map = CharsMap::Parse("BAAAAP////8=", "test");
  ESPY_ASSERT_OK(map);
  EXPECT_EQ(map->Apply("abc \xe6\xbc\xa2"), "abc \xe6\xbc\xa2");
  EXPECT_EQ(CharsMap::Parse("", "test")->Apply("abc"), "abc");
  for (const char* bad : {"A", "AAAA", "AAA=", "BAAAAA==", "AQAAAAA=", "****", "AA=A"}) {
    EXPECT_EQ(CharsMap::Parse(bad, "test").status().code(), StatusCode::kCorruption) << bad;
  }
}

TEST(GraphemeClusters, MakeUpTheText) {
  const std::string text = "ae\xcc\x81\r\n\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9";
  const auto clusters = GraphemeClusters(text);
  ASSERT_EQ(clusters.size(), 4u);
  EXPECT_EQ(clusters[1], "e\xcc\x81");
  EXPECT_EQ(clusters[2], "\r\n");
  std::string joined;
  for (const std::string_view cluster : clusters) joined += cluster;
  EXPECT_EQ(joined, text);
  EXPECT_TRUE(GraphemeClusters("").empty());
}

}  // namespace
}  // namespace espy::encoders
