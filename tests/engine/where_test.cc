#include "engine/where/where.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/where/fields.h"
#include "engine/where/glob.h"
#include "tests/support/temp_dir.h"

namespace espy::where {
namespace {

// 2021-06-05 12:00:00 UTC.
constexpr std::int64_t kJune = 1622894400;

Record MakeRecord() {
  Record r;
  r.id = 7;
  r.paths = {"/pics/beach/Sunset.JPG", "/copies/a.jpg"};
  r.format = "jpeg";
  r.file_bytes = 2'500'000;
  r.width = 4000;
  r.height = 3000;
  r.taken_unix = kJune;
  r.modified_unix = kJune + 400 * 86400;
  r.camera = "Acme One";
  r.place = Place{-33.9, 18.4};
  r.tags = {"beach", "sea side"};
  return r;
}

bool Matches(const std::string& expression, const Record& record = MakeRecord()) {
  auto filter = Parse(expression);
  EXPECT_TRUE(filter.ok()) << filter.status().message();
  return filter.ok() && (*filter)->Matches(record);
}

TEST(Where, ComparesNumbersTimesAndText) {
  EXPECT_TRUE(Matches("width = 4000"));
  EXPECT_TRUE(Matches("width>=4000 and height<4k"));
  EXPECT_FALSE(Matches("width > 4000"));
  EXPECT_TRUE(Matches("file_bytes > 2M"));
  EXPECT_TRUE(Matches("latitude < -33.5"));
  EXPECT_TRUE(Matches("format = jpeg"));
  EXPECT_FALSE(Matches("format = JPEG"));
  EXPECT_TRUE(Matches("camera ~ 'acme*'"));
  EXPECT_TRUE(Matches("id = 0000000000000007"));
}

TEST(Where, ADateIsTheWholeDayMonthOrYear) {
  EXPECT_TRUE(Matches("taken = 2021"));
  EXPECT_TRUE(Matches("taken = 2021-06"));
  EXPECT_TRUE(Matches("taken = 2021-06-05"));
  EXPECT_FALSE(Matches("taken = 2021-06-04"));
  EXPECT_TRUE(Matches("taken <= 2021-06-05"));
  EXPECT_FALSE(Matches("taken < 2021-06-05"));
  EXPECT_FALSE(Matches("taken > 2021-06-05"));
  EXPECT_TRUE(Matches("taken > 2021-06-04 and taken < 2021-06-06"));
  EXPECT_TRUE(Matches("taken != 2020"));
  EXPECT_TRUE(Matches("year = 2021 and month = 6 and day = 5"));
  EXPECT_TRUE(Matches("taken >= 1622894400"));
}

TEST(Where, AFieldOfSeveralValuesMatchesWhenOneDoes) {
  EXPECT_TRUE(Matches("tag = beach"));
  EXPECT_TRUE(Matches("tag = \"sea side\""));
  EXPECT_FALSE(Matches("tag != beach")) << "!= must mean: none of them";
  EXPECT_TRUE(Matches("tag != city"));
  EXPECT_TRUE(Matches("path ~ \"*/beach/*\""));
  EXPECT_TRUE(Matches("name = a.jpg"));
  EXPECT_TRUE(Matches("folder = /copies"));
  EXPECT_FALSE(Matches("path !~ *.jpg"));
}

TEST(Where, AnAbsentValueMatchesOnlyTheNegativeForms) {
  Record bare;
  bare.id = 1;
  EXPECT_FALSE(Matches("taken = 2021", bare));
  EXPECT_FALSE(Matches("taken < 2021", bare));
  EXPECT_TRUE(Matches("taken != 2021", bare));
  EXPECT_FALSE(Matches("latitude > -90", bare));
  EXPECT_TRUE(Matches("tag != beach", bare));
  EXPECT_FALSE(Matches("tag ~ *", bare));
}

TEST(Where, AndBindsTighterThanOrAndNotTighterThanBoth) {
  EXPECT_TRUE(Matches("width = 1 and height = 1 or format = jpeg"));
  EXPECT_FALSE(Matches("width = 1 and (height = 1 or format = jpeg)"));
  EXPECT_TRUE(Matches("not width = 1 and format = jpeg"));
  EXPECT_FALSE(Matches("not (width = 4000 or width = 1)"));
  EXPECT_TRUE(Matches("NOT Not width = 4000 AND width = 4000"));
}

TEST(Where, WrongFieldsTypesAndSyntaxSayWhatIsRight) {
  struct Case {
    const char* expression;
    const char* says;
  };
  for (const Case& c :
       {Case{"colour = red", "the fields are added, camera"},
        Case{"width = wide", "`width` is a number, not `wide`"},
        Case{"width ~ 4*", "which ~ cannot match"}, Case{"taken = soon", "is a time, not"},
        Case{"taken = 2020-13", "is a time, not"}, Case{"width", "expected one of ="},
        Case{"width =", "expected a value"}, Case{"", "expected a field but found the end"},
        Case{"(width = 1", "expected `)`"}, Case{"width = 1 height = 2", "expected `and`"},
        Case{"tag = \"beach", "has no closing"}, Case{"width = 1 and", "expected a field"},
        Case{"width ! 1", "expected"}}) {
    auto filter = Parse(c.expression);
    ASSERT_FALSE(filter.ok()) << c.expression;
    EXPECT_EQ(filter.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(filter.status().message().find(c.says), std::string::npos)
        << c.expression << " -> " << filter.status().message();
  }
}

TEST(Where, DeepNestingAndLongExpressionsAreRefused) {
  const std::string deep(10'000, '(');
  EXPECT_FALSE(Parse(deep + "width = 1").ok());
  std::string nots;
  for (int i = 0; i < 5000; ++i) nots += "not ";
  EXPECT_FALSE(Parse(nots + "width = 1").ok());
  EXPECT_EQ(Parse(std::string(70'000, ' ')).status().code(), StatusCode::kResourceExhausted);
}

TEST(Glob, MatchesAsAShellDoes) {
  EXPECT_TRUE(GlobMatches("*.jpg", "a.jpg"));
  EXPECT_FALSE(GlobMatches("*.jpg", "a.jpg2"));
  EXPECT_TRUE(GlobMatches("a?c", "abc"));
  EXPECT_TRUE(GlobMatches("[a-c]x", "bx"));
  EXPECT_FALSE(GlobMatches("[!a-c]x", "bx"));
  EXPECT_TRUE(GlobMatches("[]]", "]"));
  EXPECT_TRUE(GlobMatches("\\*", "*"));
  EXPECT_FALSE(GlobMatches("\\*", "a"));
  EXPECT_TRUE(GlobMatches("[abc", "[abc"));
  EXPECT_TRUE(GlobMatches("**", ""));
  EXPECT_FALSE(GlobMatches("", "a"));
  EXPECT_TRUE(GlobMatches("ABC*", "abcd", true));
  EXPECT_TRUE(GlobMatches("*a*b*c*", "xxaxxbxxcxx"));
}

// Agrees with a definition that is obviously right and slow.
bool SlowMatch(std::string_view p, std::string_view t) {
  if (p.empty()) return t.empty();
  if (p[0] == '*') return SlowMatch(p.substr(1), t) || (!t.empty() && SlowMatch(p, t.substr(1)));
  return !t.empty() && (p[0] == '?' || p[0] == t[0]) && SlowMatch(p.substr(1), t.substr(1));
}

TEST(Glob, AgreesWithItsDefinitionOnRandomPatterns) {
  std::mt19937 random(20231);
  for (int round = 0; round < 20'000; ++round) {
    std::string pattern, text;
    for (unsigned n = random() % 7; n > 0; --n) pattern += "ab*?"[random() % 4];
    for (unsigned n = random() % 8; n > 0; --n) text += "ab"[random() % 2];
    ASSERT_EQ(GlobMatches(pattern, text), SlowMatch(pattern, text)) << pattern << " on " << text;
  }
}

}  // namespace
}  // namespace espy::where
