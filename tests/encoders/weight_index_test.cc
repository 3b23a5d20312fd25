#include "encoders/weight_index.h"

#include <gtest/gtest.h>

#include <map>

#include "encoders/model_files.h"
#include "tests/encoders/tiny_model.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

Status Refusal(const std::string& text) { return ParseWeightIndex(text, "there/index").status(); }

TEST(WeightIndex, ListsEachShardOnceInOrder) {
  const auto index = ParseWeightIndex(
      R"({"metadata":{"total_size":12},"weight_map":{"b":"m-2.safetensors","a":"m-1.safetensors",)"
      R"("c":"m-2.safetensors"}})",
      "index");
  ESPY_ASSERT_OK(index);
  EXPECT_EQ(index->shards, (std::vector<std::string>{"m-1.safetensors", "m-2.safetensors"}));
  EXPECT_EQ(index->shard_of.size(), 3u);
  EXPECT_EQ(index->shard_of.at("c"), "m-2.safetensors");
}

TEST(WeightIndex, RefusesWhatIsNoIndex) {
  for (const char* text :
       {"", "{", "[]", "{}", R"({"weight_map":[]})", R"({"weight_map":{}})",
        R"({"weight_map":{"a":7}})", R"({"weight_map":{"a":{"b":"c.safetensors"}}})",
        R"({"metadata":3,"weight_map":{"a":"b.safetensors"}})",
        R"({"weight_map":{"a":"x.safetensors","a":"y.safetensors"}})"}) {
    const Status status = Refusal(text);
    EXPECT_EQ(status.code(), StatusCode::kCorruption) << text;
    EXPECT_EQ(status.message().find("there/index"), 0u) << status.message();
  }
}

TEST(WeightIndex, AShardsNameCannotLeadOutOfTheFolder) {
  for (const std::string shard :
       {"../m.safetensors", "/etc/m.safetensors", "sub/m.safetensors", "sub\\\\m.safetensors", "..",
        ".safetensors", ".hidden.safetensors", "m.bin", "", "m.safetensors\\u0000",
        "m\\u0000.safetensors", "m\\n.safetensors"}) {
    const Status status = Refusal(R"({"weight_map":{"a":")" + shard + R"("}})");
    EXPECT_EQ(status.code(), StatusCode::kCorruption) << shard;
    EXPECT_NE(status.message().find("same folder"), std::string::npos) << status.message();
  }
  EXPECT_FALSE(
      Refusal(R"({"weight_map":{"a":")" + std::string(300, 'm') + R"(.safetensors"}})").ok());
}

TEST(WeightIndex, RefusesAThousandsOfFiles) {
  std::string text = R"({"weight_map":{)";
  for (int i = 0; i < 2000; ++i) {
    const std::string n = std::to_string(i);
    text += (i == 0 ? "\"" : ",\"") + n + R"(":"m)" + n + R"(.safetensors")";
  }
  EXPECT_EQ(Refusal(text + "}}").code(), StatusCode::kResourceExhausted);
}

// Two shards on a disk, and an index of the given map.
class Shards : public ::testing::Test {
 protected:
  Shards() {
    temp_.Write("a.safetensors", TinySafetensors({{"one", {2}, 1}, {"two", {3}, 2}}));
    temp_.Write("b.safetensors", TinySafetensors({{"three", {4}, 3}}));
  }
  Result<std::unique_ptr<Safetensors>> Open(const std::string& map) const {
    temp_.Write("model.safetensors.index.json", R"({"weight_map":)" + map + "}");
    return OpenWeights(temp_.path());
  }
  Status Refused(const std::string& map) const {
    const auto opened = Open(map);
    EXPECT_NE(opened.status().message().find("model.safetensors.index.json"), std::string::npos)
        << opened.status().message();
    return opened.status();
  }
  const testing::TempDir temp_;
  const std::string whole_ =
      R"({"one":"a.safetensors","two":"a.safetensors","three":"b.safetensors"})";
};

TEST_F(Shards, AreReadAsOneFile) {
  const auto weights = Open(whole_);
  ESPY_ASSERT_OK(weights);
  EXPECT_EQ((*weights)->Names(), (std::vector<std::string>{"one", "three", "two"}));
  EXPECT_EQ((*weights)->Find("three")->shape, std::vector<std::int64_t>{4});
  EXPECT_EQ((*weights)->Find("two")->bytes.size(), 12u);
  EXPECT_EQ((*weights)->path(), temp_ / "model.safetensors.index.json");
}

TEST_F(Shards, ATensorThatTheIndexLeavesOutIsThereAllTheSame) {
  const auto weights = Open(R"({"one":"a.safetensors","three":"b.safetensors"})");
  ESPY_ASSERT_OK(weights);
  EXPECT_NE((*weights)->Find("two"), nullptr);
}

TEST_F(Shards, AMissingShardIsNamed) {
  const Status status = Refused(R"({"one":"a.safetensors","three":"c.safetensors"})");
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_NE(status.message().find("\"c.safetensors\""), std::string::npos) << status.message();
}

TEST_F(Shards, ATensorMustBeWhereTheIndexHasIt) {
  for (const char* map : {R"({"one":"b.safetensors","two":"a.safetensors"})",
                          R"({"one":"a.safetensors","four":"b.safetensors"})"}) {
    const Status status = Refused(map);
    EXPECT_EQ(status.code(), StatusCode::kCorruption);
    EXPECT_NE(status.message().find("b.safetensors"), std::string::npos) << status.message();
  }
}

TEST_F(Shards, ATensorInTwoShardsIsRefused) {
  temp_.Write("b.safetensors", TinySafetensors({{"two", {3}, 2}, {"three", {4}, 3}}));
  const Status status = Refused(whole_);
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  EXPECT_NE(status.message().find("\"two\" is in both"), std::string::npos) << status.message();
}

TEST_F(Shards, ABrokenShardIsNamed) {
  temp_.Write("b.safetensors", "short");
  const auto opened = Open(whole_);
  EXPECT_EQ(opened.status().code(), StatusCode::kCorruption);
  EXPECT_EQ(opened.status().message().find(temp_ / "b.safetensors"), 0u)
      << opened.status().message();
}

TEST_F(Shards, OneWholeFileCountsBeforeAnIndex) {
  temp_.Write("model.safetensors", TinySafetensors({{"alone", {1}, 1}}));
  const auto weights = Open(whole_);
  ESPY_ASSERT_OK(weights);
  EXPECT_EQ((*weights)->Names(), std::vector<std::string>{"alone"});
}

}  // namespace
}  // namespace espy::encoders
