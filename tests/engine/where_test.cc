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
  r.caption = "A dog on a beach";
  r.fields = {{"rating", std::int64_t{4}},
              {"sharp", true},
              {"weight", 2.5},
              {"due", Date{kJune}},
              {"client", std::string("Zoo of Berlin")},
              {"width", std::string("wide")}};
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

TEST(Where, TextIsSearchedWithoutRegardToCase) {
  EXPECT_TRUE(Matches("caption contains dog"));
  EXPECT_TRUE(Matches("caption CONTAINS 'A BEACH'"));
  EXPECT_FALSE(Matches("caption contains cat"));
  EXPECT_TRUE(Matches("not path contains screens"));
}

TEST(Where, HasAsksWhetherThereIsAValue) {
  EXPECT_TRUE(Matches("has caption and has taken and has place and has tag and has field.rating"));
  Record bare;
  bare.id = 1;
  EXPECT_FALSE(
      Matches("has caption or has taken or has place or has tag or has field.rating", bare));
  EXPECT_TRUE(Matches("has width", bare)) << "every picture has a width";
}

TEST(Where, APlaceIsNearAPointOrInABox) {
  EXPECT_TRUE(Matches("place near -33.9,18.5 10"));
  EXPECT_TRUE(Matches("place near -33.9,18.5 9.3km")) << "a tenth of a degree there is 9.23 km";
  EXPECT_FALSE(Matches("place near -33.9,18.5 9.2"));
  EXPECT_TRUE(Matches("place within -34,18,-33,19"));
  EXPECT_FALSE(Matches("place within -34,19,-33,20"));
  EXPECT_TRUE(Matches("place within -34,170,-33,20")) << "a box over the 180th meridian";
  Record r = MakeRecord();
  r.place = Place{0, 179.99};
  EXPECT_TRUE(Matches("place near 0,-179.99 3", r)) << "as the crow flies, not by degrees";
  EXPECT_TRUE(Matches("place within -1,179,1,-179", r));
  r.place.reset();
  EXPECT_FALSE(Matches("place within -90,-180,90,180", r));
  EXPECT_FALSE(Matches("place near 0,0 100000", r));
}

TEST(Where, UserFieldsAreComparedAsTheirTypes) {
  EXPECT_TRUE(Matches("field.rating >= 4 and field.rating < 5"));
  EXPECT_FALSE(Matches("field.rating = 5"));
  EXPECT_TRUE(Matches("field.sharp = true and field.sharp != false"));
  EXPECT_TRUE(Matches("field.weight > 2 and field.weight = 2.5"));
  EXPECT_TRUE(Matches("field.due = 2021-06 and field.due >= 2021-06-05T12:00"));
  EXPECT_FALSE(Matches("field.due = 2021-06-05T12:01"));
  EXPECT_TRUE(Matches("field.client ~ 'zoo*' and field.client contains berlin"));
  EXPECT_TRUE(Matches("field.width = wide and width = 4000"));
  EXPECT_TRUE(Matches("field.nothing != 1"));
  EXPECT_FALSE(Matches("field.nothing = 1"));
  EXPECT_FALSE(Matches("field.rating = wide"));
}

TEST(Where, AKnownUserFieldNeedsNoPrefixAndAValueOfItsType) {
  const UserFields known = {{"rating", UserFieldType::kInteger}, {"sharp", UserFieldType::kBoolean},
                            {"due", UserFieldType::kDate},       {"client", UserFieldType::kText},
                            {"width", UserFieldType::kText},     {"mixed", std::nullopt}};
  const auto says = [&](const std::string& expression) {
    auto filter = Parse(expression, &known);
    if (filter.ok()) return std::string((*filter)->Matches(MakeRecord()) ? "yes" : "no");
    return filter.status().message();
  };
  EXPECT_EQ(says("rating >= 4 and sharp = yes and client contains zoo"), "yes");
  EXPECT_EQ(says("width > 3000"), "yes") << "a record's own field comes first";
  EXPECT_EQ(says("field.width = wide"), "yes");
  EXPECT_EQ(says("mixed = 1 or mixed = text"), "no");
  EXPECT_EQ(says("rating = high"),
            "--where: `rating` is a number, not `high`; give one, as in rating > 10");
  EXPECT_NE(says("sharp = 3").find("is a boolean, not `3`; give true or false"), std::string::npos);
  EXPECT_NE(says("field.due = soon").find("is a date, not `soon`"), std::string::npos);
  EXPECT_NE(says("rating ~ 4*").find("is an integer, which ~ cannot match"), std::string::npos);
  EXPECT_NE(says("stars = 3").find("your own are client, due, mixed, rating"), std::string::npos);
  EXPECT_NE(says("field.stars = 3").find("there is no field `field.stars`"), std::string::npos);
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
  for (const Case& c : {Case{"colour = red", "the fields are added, camera"},
                        Case{"width = wide", "`width` is a number, not `wide`"},
                        Case{"width ~ 4*", "which ~ cannot match"},
                        Case{"taken = soon", "is a time, not"},
                        Case{"taken = 2020-13", "is a time, not"},
                        Case{"width", "expected one of ="},
                        Case{"width =", "expected a value"},
                        Case{"", "expected a field but found the end"},
                        Case{"(width = 1", "expected `)`"},
                        Case{"width = 1 height = 2", "expected `and`"},
                        Case{"tag = \"beach", "has no closing"},
                        Case{"width = 1 and", "expected a field"},
                        Case{"width ! 1", "expected"},
                        Case{"place near 91,0 1", "is no point"},
                        Case{"place near 1,2,3 1", "is no point"},
                        Case{"place near 1,2 far", "is no distance"},
                        Case{"place near 1,2", "expected a value"},
                        Case{"place within 1,2,3", "is no box"},
                        Case{"place within 2,0,1,0", "is no box"},
                        Case{"place = 1", "place near LAT,LON KM"},
                        Case{"has", "there is no field `has`"},
                        Case{"has colour", "there is no field `colour`"},
                        Case{"taken = 2020-05-17T25:00", "is a time, not"}}) {
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
