#include "text/query.h"

#include <gtest/gtest.h>

#include "text/plan.h"

namespace espy::text {
namespace {

std::string Show(const Clause& c) {
  std::string shown;
  if (c.occur == Clause::Occur::kMust) shown += '+';
  if (c.occur == Clause::Occur::kMustNot) shown += '-';
  if (c.column != kAnyColumn) shown += std::string(kColumnNames[c.column]) + ":";
  shown += c.kind == Clause::Kind::kWord ? c.text : "<" + c.text + ">";
  if (c.kind == Clause::Kind::kPrefix) shown += '*';
  if (c.edits >= 0) shown += "~" + std::to_string(c.edits);
  return shown;
}

std::string Show(std::string_view text) {
  const auto query = ParseTextQuery(text);
  EXPECT_TRUE(query.ok());
  std::string shown;
  for (const Clause& clause : query->clauses) shown += (shown.empty() ? "" : " ") + Show(clause);
  return shown;
}

TEST(TextQueryTest, ReadsTheLanguage) {
  EXPECT_EQ(Show("red car"), "red car");
  EXPECT_EQ(Show("+red -car"), "+red -car");
  EXPECT_EQ(Show("\"red car\" dog"), "<red car> dog");
  EXPECT_EQ(Show("re* \"red ca\"*"), "<re>* <red ca>*");
  EXPECT_EQ(Show("recieve~ car~2 a~1"), "recieve~1 car~2 a~1");
  EXPECT_EQ(Show("tag:beach -caption:\"red car\" tags:x* name:img folder:2023"),
            "tag:beach -caption:<red car> tag:<x>* name:img folder:2023");
}

TEST(TextQueryTest, WhatHasNoMeaningIsText) {
  EXPECT_EQ(Show("12:30 http://a.b/c"), "12:30 http://a.b/c");
  EXPECT_EQ(Show("a - b + c"), "a - b + c");  // signs alone hold no word, and the plan drops them
  EXPECT_EQ(Show("\"open"), "<open>");
  EXPECT_EQ(Show("tag: beach"), "tag: beach");
  EXPECT_EQ(Show("   "), "");
  EXPECT_EQ(Show("\"\" \"\""), "");
  EXPECT_EQ(Show("*** ~ ~1"), "");
}

TEST(TextQueryTest, HasLimits) {
  EXPECT_EQ(ParseTextQuery(std::string(kMaxQueryBytes + 1, 'a')).status().code(),
            StatusCode::kResourceExhausted);
  std::string many;
  for (std::size_t i = 0; i <= kMaxClauses; ++i) many += "a ";
  EXPECT_EQ(ParseTextQuery(many).status().code(), StatusCode::kResourceExhausted);
  many.resize(2 * kMaxClauses);
  EXPECT_TRUE(ParseTextQuery(many).ok());
}

}  // namespace
}  // namespace espy::text
