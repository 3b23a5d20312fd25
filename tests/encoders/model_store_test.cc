#include "encoders/model_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/encoders/tiny_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/variable.h"

namespace espy::encoders {
namespace {

namespace fs = std::filesystem;

using testing::Variable;

void WriteTiny(const testing::TempDir& temp, const std::string& name,
               const std::vector<TinyTensor>& tensors = TinyClipTensors()) {
  WriteTinyClip(temp, name, tensors);
}

bool Contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

TEST(ModelDirectories, ListsThoseThatExistInOrderAndOnce) {
  const testing::TempDir temp;
  fs::create_directories(temp / "a");
  fs::create_directories(temp / "data/espy/models");
  const std::string a = fs::canonical(temp / "a").string();
  const std::string user = fs::canonical(temp / "data/espy/models").string();
  const Variable models("ESPY_MODELS", a + "::" + (temp / "none") + ":" + a);
  const Variable data("XDG_DATA_HOME", temp / "data");
  const std::vector<std::string> directories = ModelDirectories();
  ASSERT_GE(directories.size(), 2u);
  EXPECT_EQ(directories[0], a);
  EXPECT_EQ(directories[1], user);
  EXPECT_EQ(std::count(directories.begin(), directories.end(), a), 1);
  EXPECT_FALSE(Contains(directories, temp / "none"));
  EXPECT_TRUE(
      Contains(directories, fs::canonical(std::string(ESPY_SOURCE_DIR) + "/models").string()));
}

TEST(ModelDirectories, FallsBackToTheHomeDirectory) {
  const testing::TempDir temp;
  const Variable home("HOME", temp.path());
  const Variable data("XDG_DATA_HOME", "relative/is/ignored");
  EXPECT_EQ(UserModelDirectory(), temp.path() + "/.local/share/espy/models");
}

TEST(ResolveModel, FindsByDirectoryAndByName) {
  const testing::TempDir temp;
  temp.Write("first/one/config.json", "{}");
  temp.Write("second/one/config.json", "{}");
  temp.Write("second/two/config.json", "{}");
  temp.Write("second/empty/README.md", "");
  const Variable models("ESPY_MODELS", (temp / "first") + ":" + (temp / "second"));
  const auto by_directory = ResolveModel((temp / "second/one") + "/");
  ESPY_ASSERT_OK(by_directory);
  EXPECT_EQ(*by_directory, temp / "second/one");
  const auto by_name = ResolveModel("one");
  ESPY_ASSERT_OK(by_name);
  EXPECT_EQ(*by_name, fs::canonical(temp / "first").string() + "/one");
  const auto second = ResolveModel("two");
  ESPY_ASSERT_OK(second);
  const auto unknown = ResolveModel("three");
  EXPECT_EQ(unknown.status().code(), StatusCode::kNotFound);
  EXPECT_NE(unknown.status().message().find("one, two"), std::string::npos)
      << unknown.status().message();
  EXPECT_EQ(unknown.status().message().find("empty"), std::string::npos);
  EXPECT_EQ(ResolveModel("empty").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(ResolveModel("").status().code(), StatusCode::kInvalidArgument);
  for (const char* odd : {".", "..", "../first/one", "/"}) {
    EXPECT_EQ(ResolveModel(odd).status().code(), StatusCode::kNotFound) << odd;
  }
}

TEST(DescribeEncoder, SaysWhatTheFilesSay) {
  const testing::TempDir temp;
  WriteTiny(temp, "tiny");
  const auto info = DescribeEncoder(temp / "tiny");
  ESPY_ASSERT_OK(info);
  EXPECT_EQ(info->name, "tiny");
  EXPECT_EQ(info->directory, temp / "tiny");
  EXPECT_EQ(info->family, "clip");
  EXPECT_EQ(info->dimension, 8);
  EXPECT_EQ(info->context, 12);
  EXPECT_EQ(info->preprocess.width, 16);
  EXPECT_NEAR(info->logit_scale, 50.0f, 1e-3f);
  EXPECT_EQ(info->logit_bias, 0.0f);
  EXPECT_FALSE(info->sigmoid);
  const std::uint64_t layer = 4 * (kTinyWidth * kTinyWidth + kTinyWidth) + 4 * kTinyWidth +
                              2 * (2 * kTinyWidth * kTinyWidth) + 3 * kTinyWidth;
  EXPECT_EQ(info->text_parameters, kTinyVocabulary * kTinyWidth + 12 * kTinyWidth + 2 * kTinyWidth +
                                       8 * kTinyWidth + layer);
  EXPECT_EQ(info->image_parameters, kTinyWidth + kTinyWidth * 192 + 5 * kTinyWidth +
                                        4 * kTinyWidth + 8 * kTinyWidth + layer);
  EXPECT_EQ(info->weight_bytes, fs::file_size(temp / "tiny/model.safetensors"));
  EXPECT_EQ(info->space_id.size(), 32u);
}

TEST(DescribeEncoder, TakesTheBiasFromTheWeightsElseFromEspyJson) {
  const testing::TempDir temp;
  WriteTiny(temp, "tiny");
  temp.Write("tiny/espy.json", R"({"loss":"sigmoid","logit_bias":-9.5})");
  const auto given = DescribeEncoder(temp / "tiny");
  ESPY_ASSERT_OK(given);
  EXPECT_TRUE(given->sigmoid);
  EXPECT_EQ(given->logit_bias, -9.5f);
  std::vector<TinyTensor> tensors = TinyClipTensors();
  tensors.push_back({"logit_bias", {1}, -12});
  WriteTiny(temp, "tiny", tensors);
  const auto stored = DescribeEncoder(temp / "tiny");
  ESPY_ASSERT_OK(stored);
  EXPECT_EQ(stored->logit_bias, -12.0f);
}

TEST(DescribeEncoder, SpaceIdChangesWithWhatChangesVectorsAndWithNothingElse) {
  const testing::TempDir temp;
  WriteTiny(temp, "a");
  const auto a = DescribeEncoder(temp / "a");
  ESPY_ASSERT_OK(a);
  WriteTiny(temp, "b");
  temp.Write("b/README.md", "the same model elsewhere");
  temp.Write("b/espy.json", R"({"loss":"sigmoid"})");
  const auto b = DescribeEncoder(temp / "b");
  ESPY_ASSERT_OK(b);
  EXPECT_EQ(a->space_id, b->space_id);

  const auto after = [&](const std::string& file, const std::string& bytes) {
    WriteTiny(temp, "c");
    temp.Write("c/" + file, bytes);
    const auto info = DescribeEncoder(temp / "c");
    fs::remove_all(temp / "c");
    return info.ok() ? info->space_id : info.status().message();
  };
  EXPECT_EQ(after("README.md", ""), a->space_id);
  EXPECT_NE(after("config.json", std::string(kTinyClipConfig) + "\n"), a->space_id);
  EXPECT_NE(after("preprocessor_config.json", R"({"size":16,"crop_size":16})"), a->space_id);
  EXPECT_NE(after("merges.txt", "#version\n"), a->space_id);
  EXPECT_NE(after("tokenizer_config.json", "{}"), a->space_id);
  std::vector<TinyTensor> tensors = TinyClipTensors();
  tensors.back().value += 0.001f;
  EXPECT_NE(after("model.safetensors", TinySafetensors(tensors)), a->space_id);
}

TEST(DescribeEncoder, SpaceIdOfALargeFileSeesItsStartItsEndAndItsLength) {
  const testing::TempDir temp;
  std::vector<TinyTensor> tensors = TinyClipTensors();
  const auto id = [&](std::int64_t extra, float value) {
    std::vector<TinyTensor> changed = {{"first", {1024}, value}};
    changed.insert(changed.end(), tensors.begin(), tensors.end());
    changed.push_back({"middle", {100'000 + extra}, 1});
    changed.push_back({"last", {1024}, value});
    WriteTiny(temp, "large", changed);
    const auto info = DescribeEncoder(temp / "large");
    return info.ok() ? info->space_id : info.status().message();
  };
  const std::string plain = id(0, 1);
  EXPECT_EQ(plain.size(), 32u);
  EXPECT_EQ(plain, id(0, 1));
  EXPECT_NE(plain, id(1, 1));
  EXPECT_NE(plain, id(0, 2));
  std::string bytes = testing::ReadFileOrDie(temp / "large/model.safetensors");
  id(0, 1);
  bytes = testing::ReadFileOrDie(temp / "large/model.safetensors");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  temp.Write("large/model.safetensors", bytes);
  const auto end = DescribeEncoder(temp / "large");
  ESPY_ASSERT_OK(end);
  EXPECT_NE(plain, end->space_id);
}

TEST(DescribeEncoder, NamesWhatIsMissingAndWhatToDo) {
  const testing::TempDir temp;
  WriteTiny(temp, "tiny");
  const auto message_without_weights = [&](const char* other) {
    fs::remove(temp / "tiny/model.safetensors");
    if (*other != '\0') temp.Write(std::string("tiny/") + other, "x");
    const auto info = DescribeEncoder(temp / "tiny");
    if (*other != '\0') fs::remove(temp / (std::string("tiny/") + other));
    return info.status().message();
  };
  EXPECT_NE(message_without_weights("").find("tiny/model.safetensors: missing"), std::string::npos);
  EXPECT_NE(message_without_weights("pytorch_model.bin").find("save_pretrained"),
            std::string::npos);
  EXPECT_NE(message_without_weights("model.safetensors.index.json").find("index.json"),
            std::string::npos);
  EXPECT_NE(message_without_weights("open_clip_model.safetensors").find("open_clip_config.json"),
            std::string::npos);
  std::vector<TinyTensor> tensors = TinyClipTensors();
  tensors[0].value = 1e9f;
  temp.Write("tiny/model.safetensors", TinySafetensors(tensors));
  const auto scale = DescribeEncoder(temp / "tiny");
  EXPECT_EQ(scale.status().code(), StatusCode::kCorruption);
  EXPECT_NE(scale.status().message().find("logit_scale"), std::string::npos);
}

// The tiny model in two files.
void WriteTinyShards(const testing::TempDir& temp, const std::string& name, float value = 0) {
  WriteTiny(temp, name);
  fs::remove(temp / (name + "/model.safetensors"));
  std::vector<TinyTensor> tensors = TinyClipTensors();
  tensors.back().value += value;
  const auto middle = tensors.begin() + static_cast<std::ptrdiff_t>(tensors.size() / 2);
  const std::string shards[2] = {"model-00001-of-00002.safetensors",
                                 "model-00002-of-00002.safetensors"};
  temp.Write(name + "/" + shards[0], TinySafetensors({tensors.begin(), middle}));
  temp.Write(name + "/" + shards[1], TinySafetensors({middle, tensors.end()}));
  std::string map;
  for (auto tensor = tensors.begin(); tensor != tensors.end(); ++tensor) {
    map += (map.empty() ? "\"" : ",\"") + tensor->name + "\":\"" + shards[tensor < middle ? 0 : 1] +
           "\"";
  }
  temp.Write(name + "/model.safetensors.index.json", R"({"weight_map":{)" + map + "}}");
}

TEST(DescribeEncoder, ReadsWeightsInSeveralFiles) {
  const testing::TempDir temp;
  WriteTiny(temp, "whole");
  WriteTinyShards(temp, "tiny");
  const auto whole = DescribeEncoder(temp / "whole");
  const auto info = DescribeEncoder(temp / "tiny");
  ESPY_ASSERT_OK(info);
  EXPECT_EQ(info->image_parameters, whole->image_parameters);
  EXPECT_EQ(info->text_parameters, whole->text_parameters);
  EXPECT_EQ(info->logit_scale, whole->logit_scale);
  EXPECT_EQ(info->weight_bytes, fs::file_size(temp / "tiny/model-00001-of-00002.safetensors") +
                                    fs::file_size(temp / "tiny/model-00002-of-00002.safetensors"));
  // space_id sees the last file too.
  const std::string before = info->space_id;
  WriteTinyShards(temp, "tiny", 1.25f);
  const auto changed = DescribeEncoder(temp / "tiny");
  ESPY_ASSERT_OK(changed);
  EXPECT_NE(changed->space_id, before);
}

TEST(ListEncoders, GivesEachNameOnceAndLeavesOutTheBroken) {
  const testing::TempDir temp;
  WriteTiny(temp, "first/one");
  WriteTiny(temp, "second/one");
  WriteTiny(temp, "second/two");
  temp.Write("second/broken/config.json", "{");
  const Variable models("ESPY_MODELS", (temp / "first") + ":" + (temp / "second"));
  std::vector<std::string> found;
  for (const EncoderInfo& info : ListEncoders()) {
    if (info.directory.find("espy-test-") != std::string::npos) found.push_back(info.directory);
  }
  EXPECT_EQ(found, (std::vector<std::string>{fs::canonical(temp / "first/one").string(),
                                             fs::canonical(temp / "second/two").string()}));
}

class InstallModelTest : public ::testing::Test {
 protected:
  InstallModelTest() : models_("ESPY_MODELS", ""), data_("XDG_DATA_HOME", temp_ / "data") {
    WriteTiny(temp_, "tiny");
  }
  std::vector<std::string> Installed() const {
    std::vector<std::string> names;
    if (!fs::exists(temp_ / "data/espy/models")) return names;
    for (const auto& entry : fs::directory_iterator(temp_ / "data/espy/models")) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  const testing::TempDir temp_;
  const Variable models_, data_;
};

TEST_F(InstallModelTest, CopiesAModelThatLoads) {
  temp_.Write("tiny/LICENSE", "anyone may");
  temp_.Write("tiny/optimizer.pt", "not needed");
  const auto info = InstallModel(temp_ / "tiny", "mine-1.0");
  ESPY_ASSERT_OK(info);
  EXPECT_EQ(info->name, "mine-1.0");
  EXPECT_EQ(info->directory, temp_ / "data/espy/models/mine-1.0");
  EXPECT_EQ(Installed(), std::vector<std::string>{"mine-1.0"});
  EXPECT_EQ(testing::ReadFileOrDie(info->directory + "/LICENSE"), "anyone may");
  EXPECT_FALSE(fs::exists(info->directory + "/optimizer.pt"));
  const auto original = DescribeEncoder(temp_ / "tiny");
  ESPY_ASSERT_OK(original);
  EXPECT_EQ(info->space_id, original->space_id);
  const auto resolved = ResolveModel("mine-1.0");
  ESPY_ASSERT_OK(resolved);
  const auto encoder = Encoder::Load(*resolved, {.load_image = true, .load_text = true});
  ESPY_ASSERT_OK(encoder);
  const std::vector<std::string> texts = {"a dog"};
  float vector[8];
  ESPY_ASSERT_OK((*encoder)->EncodeTexts(texts, vector));
  double length = 0;
  for (const float x : vector) length += static_cast<double>(x) * x;
  EXPECT_NEAR(length, 1, 1e-5);
}

TEST_F(InstallModelTest, CopiesEveryFileOfTheWeights) {
  WriteTinyShards(temp_, "shards");
  const auto info = InstallModel(temp_ / "shards", "mine");
  ESPY_ASSERT_OK(info);
  for (const char* name : {"model.safetensors.index.json", "model-00001-of-00002.safetensors",
                           "model-00002-of-00002.safetensors"}) {
    EXPECT_TRUE(fs::exists(info->directory + "/" + name)) << name;
  }
  ESPY_ASSERT_OK(Encoder::Load(info->directory, {.load_image = true, .load_text = true}));
  fs::remove(temp_ / "shards/model-00002-of-00002.safetensors");
  const auto lacking = InstallModel(temp_ / "shards", "other");
  EXPECT_NE(lacking.status().message().find("model-00002-of-00002"), std::string::npos)
      << lacking.status().message();
}

TEST_F(InstallModelTest, CopiesTheFilesOfOpenClipsLayout) {
  fs::remove(temp_ / "tiny/config.json");
  fs::remove(temp_ / "tiny/model.safetensors");
  temp_.Write("tiny/open_clip_config.json", "{}");
  const Status status = InstallModel(temp_ / "tiny", "mine").status();
  EXPECT_NE(status.message().find("open_clip_config.json: model_cfg"), std::string::npos)
      << status.message();
  EXPECT_TRUE(Installed().empty());
}

TEST_F(InstallModelTest, FollowsLinksAsDownloadCachesHaveThem) {
  fs::create_directories(temp_ / "snapshot");
  for (const auto& entry : fs::directory_iterator(temp_ / "tiny")) {
    fs::create_symlink(entry.path(), (temp_ / "snapshot/") + entry.path().filename().string());
  }
  const auto info = InstallModel(temp_ / "snapshot", "");
  ESPY_ASSERT_OK(info);
  EXPECT_EQ(info->name, "snapshot");
  EXPECT_FALSE(fs::is_symlink(info->directory + "/model.safetensors"));
}

TEST_F(InstallModelTest, RefusesATakenName) {
  ESPY_ASSERT_OK(InstallModel(temp_ / "tiny", "mine"));
  const auto again = InstallModel(temp_ / "tiny", "mine");
  EXPECT_EQ(again.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(again.status().message().find("exists"), std::string::npos) << again.status().message();
  fs::create_directories(temp_ / "elsewhere/other");
  const Variable models("ESPY_MODELS", temp_ / "elsewhere");
  EXPECT_EQ(InstallModel(temp_ / "tiny", "other").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Installed(), std::vector<std::string>{"mine"});
}

TEST_F(InstallModelTest, RefusesNamesThatAreNone) {
  for (const std::string& name : {std::string("../x"), std::string("a/b"), std::string(".hidden"),
                                  std::string("-x"), std::string("a b"), std::string("\xc3\xa9"),
                                  std::string(101, 'a'), std::string("a\0b", 3)}) {
    EXPECT_EQ(InstallModel(temp_ / "tiny", name).status().code(), StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_TRUE(Installed().empty());
}

TEST_F(InstallModelTest, LeavesNothingBehindWhenTheModelIsBroken) {
  std::vector<TinyTensor> tensors = TinyClipTensors();
  tensors.erase(tensors.begin() + 8);  // a position embedding
  WriteTiny(temp_, "tiny", tensors);
  const auto info = InstallModel(temp_ / "tiny", "mine");
  ASSERT_FALSE(info.ok());
  EXPECT_NE(info.status().message().find("position_embedding"), std::string::npos)
      << info.status().message();
  EXPECT_TRUE(Installed().empty());
  fs::remove(temp_ / "tiny/tokenizer.json");
  WriteTiny(temp_, "whole");
  fs::remove(temp_ / "whole/tokenizer.json");
  EXPECT_FALSE(InstallModel(temp_ / "whole", "mine").ok());
  EXPECT_TRUE(Installed().empty());
}

}  // namespace
}  // namespace espy::encoders
