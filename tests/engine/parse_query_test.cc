#include <gtest/gtest.h>

#include "espy/query.h"
#include "tests/support/temp_dir.h"

namespace espy {
namespace {

using Kind = QueryTerm::Kind;

Query Parse(const std::vector<std::string>& arguments) {
  auto query = ParseQuery(arguments);
  EXPECT_TRUE(query.ok()) << query.status().message();
  return query.ok() ? *query : Query{};
}

TEST(ParseQuery, WordsWithoutAnOperatorAreOnePhrase) {
  const Query query = Parse({"dog", "on", "grass"});
  ASSERT_EQ(query.terms.size(), 1u);
  EXPECT_EQ(query.terms[0].text, "dog on grass");
  EXPECT_EQ(query.terms[0].weight, 1.0f);
}

TEST(ParseQuery, SumsDifferencesAndWeights) {
  const Query query = Parse({"2:snow", "-", "0.5:car", "+", "night", "sky"});
  ASSERT_EQ(query.terms.size(), 3u);
  EXPECT_EQ(query.terms[0].text, "snow");
  EXPECT_EQ(query.terms[0].weight, 2.0f);
  EXPECT_EQ(query.terms[1].text, "car");
  EXPECT_EQ(query.terms[1].weight, -0.5f);
  EXPECT_EQ(query.terms[2].text, "night sky");
  EXPECT_EQ(query.terms[2].weight, 1.0f);
}

TEST(ParseQuery, AnOperatorMayTouchItsTerm) {
  const Query query = Parse({"beach", "-people", "+0.5:sunset"});
  ASSERT_EQ(query.terms.size(), 3u);
  EXPECT_EQ(query.terms[1].text, "people");
  EXPECT_EQ(query.terms[1].weight, -1.0f);
  EXPECT_EQ(query.terms[2].weight, 0.5f);
}

TEST(ParseQuery, APictureIsAFileThatExistsOrAPathThatLooksLikeOne) {
  testing::TempDir dir;
  const std::string file = dir.Write("dog.jpg", "x");
  const Query query = Parse({file, "+", "night"});
  ASSERT_EQ(query.terms.size(), 2u);
  EXPECT_EQ(query.terms[0].kind, Kind::kPicture);
  EXPECT_EQ(query.terms[1].kind, Kind::kText);
  EXPECT_EQ(Parse({"./gone.jpg"}).terms[0].kind, Kind::kPicture);
  EXPECT_EQ(Parse({"gone.JPG"}).terms[0].kind, Kind::kPicture);
  EXPECT_EQ(Parse({"a photo.jpg"}).terms[0].kind, Kind::kText);
}

TEST(ParseQuery, AnIdNamesAnItem) {
  const Query query = Parse({"id:00000000000000ff"});
  ASSERT_EQ(query.terms.size(), 1u);
  EXPECT_EQ(query.terms[0].kind, Kind::kItem);
  EXPECT_EQ(query.terms[0].item, 255u);
}

TEST(ParseQuery, AColonWithoutAWeightIsPartOfThePhrase) {
  EXPECT_EQ(Parse({"note: dog"}).terms[0].text, "note: dog");
  EXPECT_EQ(Parse({"12:30 clock"}).terms[0].weight, 12.0f);
}

TEST(ParseQuery, WhatSaysNothingIsRefused) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {""},
                                                    {"a", "+"},
                                                    {"a", "+", "-", "b"},
                                                    {"2:"},
                                                    {"nan:a"},
                                                    {"inf:a"},
                                                    {"id:xyz"},
                                                    {"id:0000000000000000"},
                                                    {"  "}}) {
    auto query = ParseQuery(arguments);
    ASSERT_FALSE(query.ok());
    EXPECT_EQ(query.status().code(), StatusCode::kInvalidArgument);
  }
}

TEST(ItemId, FormatsAndParsesBothWays) {
  for (const ItemId id : {ItemId{1}, ItemId{0x7fffffffffffffff}, ItemId{0x00f3a1}}) {
    EXPECT_EQ(*ParseItemId(FormatItemId(id)), id);
  }
  EXPECT_FALSE(ParseItemId("ffffffffffffffff").ok()) << "ids have 63 bits";
  EXPECT_FALSE(ParseItemId("12").ok());
}

}  // namespace
}  // namespace espy
