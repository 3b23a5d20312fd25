#include "captioning/confidence.h"

#include <gtest/gtest.h>

#include <cmath>

namespace espy::captioning {
namespace {

TEST(Confidence, WithoutAFileIsTheSumThatBlipRanksBy) {
  const Confidence confidence;
  EXPECT_NEAR(confidence.Of(0.5, 0), 0.5, 1e-12);
  EXPECT_NEAR(confidence.Of(0.8, 0.4), 1 / (1 + std::exp(-(std::log(4.0) + 0.4))), 1e-12);
  EXPECT_EQ(confidence.threshold, 0.5);
}

TEST(Confidence, JoinsBothWhereTheyDisagree) {
  const auto confidence =
      ParseConfidence(R"({"matching": 0.5, "cosine": 8, "bias": -4, "threshold": 0.3})", "file");
  ASSERT_TRUE(confidence.ok()) << confidence.status().message();
  EXPECT_EQ(confidence->threshold, 0.3);
  const double head_says_yes = confidence->Of(0.9, 0.2), cosine_says_yes = confidence->Of(0.3, 0.7);
  EXPECT_NEAR(head_says_yes, 1 / (1 + std::exp(-(0.5 * std::log(9.0) + 1.6 - 4))), 1e-12);
  EXPECT_GT(cosine_says_yes, head_says_yes);
  EXPECT_GT(confidence->Of(0.9, 0.7), cosine_says_yes);
}

TEST(Confidence, IsANumberWhateverTheHeadSays) {
  const Confidence confidence;
  EXPECT_GE(confidence.Of(0, -1), 0);
  EXPECT_LT(confidence.Of(0, -1), 1e-6);
  EXPECT_LE(confidence.Of(1, 1), 1);
  EXPECT_GT(confidence.Of(1, 1), 1 - 1e-6);
}

TEST(Confidence, WrongFilesAreRefusedByName) {
  for (const char* json : {"", "[]", "{", R"({"matching": -1})", R"({"cosine": "much"})",
                           R"({"bias": 1e9})", R"({"threshold": 1.5})"}) {
    const auto confidence = ParseConfidence(json, "a/confidence.json");
    ASSERT_FALSE(confidence.ok()) << json;
    EXPECT_EQ(confidence.status().message().find("a/confidence.json"), 0u)
        << confidence.status().message();
  }
}

}  // namespace
}  // namespace espy::captioning
