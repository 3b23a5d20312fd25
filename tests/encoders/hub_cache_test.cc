#include "encoders/hub_cache.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "encoders/encoder.h"
#include "encoders/known_models.h"
#include "encoders/model_store.h"
#include "tests/encoders/tiny_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/variable.h"

namespace espy::encoders {
namespace {

namespace fs = std::filesystem;
using testing::Variable;

const std::string kOne(40, 'a');
const std::string kTwo = "ab" + std::string(38, 'c');

TEST(ParseHubName, TakesShortNamesRepositoriesAndAddresses) {
  struct Case {
    const char *text, *repository, *revision;
  };
  for (const Case& c : {
           Case{"clip-b32", "timm/vit_base_patch32_clip_224.openai", ""},
           Case{"clip-b32@v1.0", "timm/vit_base_patch32_clip_224.openai", "v1.0"},
           Case{"google/siglip-base-patch16-224", "google/siglip-base-patch16-224", ""},
           Case{"org/name@refs/pr/3", "org/name", "refs/pr/3"},
           Case{"gpt2", "gpt2", ""},
           Case{"https://huggingface.co/org/name", "org/name", ""},
           Case{"https://huggingface.co/org/name/", "org/name", ""},
           Case{"https://huggingface.co/org/name/tree/dev", "org/name", "dev"},
       }) {
    const auto name = ParseHubName(c.text);
    ESPY_ASSERT_OK(name);
    EXPECT_EQ(name->repository, c.repository) << c.text;
    EXPECT_EQ(name->revision, c.revision) << c.text;
  }
}

TEST(ParseHubName, RefusesWhatCouldLeadElsewhere) {
  for (const char* text : {"",
                           "@",
                           "/",
                           "a/b/c",
                           "../x",
                           "a/..",
                           "a/../b",
                           ".a",
                           "a/.b",
                           "-a",
                           "a-",
                           "a--b",
                           "a b",
                           "a\nb",
                           "a/b.git",
                           "a//b",
                           "a/b@",
                           "a/b@../x",
                           "a/b@x..y",
                           "a/b@/x",
                           "a/b@x/",
                           "a/b@.x",
                           "a/b@x/.y",
                           "a/b@x y",
                           "a/b@-x",
                           "a/b@x@y",
                           "http://huggingface.co/a/b",
                           "https://example.org/a/b",
                           "https://huggingface.co/a/b/blob/main/x",
                           "\xff"}) {
    EXPECT_EQ(ParseHubName(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(ParseHubName(std::string(97, 'a')).ok());
  EXPECT_TRUE(ParseHubName(std::string(96, 'a')).ok());
  EXPECT_FALSE(ParseHubName("a/b@" + std::string(201, 'a')).ok());
}

TEST(HubCacheDirectory, FollowsTheHubsVariables) {
  const Variable new_name("HF_HUB_CACHE"), old_name("HUGGINGFACE_HUB_CACHE"), hf_home("HF_HOME"),
      xdg("XDG_CACHE_HOME"), home("HOME", "/home/me");
  EXPECT_EQ(HubCacheDirectory(), "/home/me/.cache/huggingface/hub");
  const Variable cache_home("XDG_CACHE_HOME", "/var/cache/me");
  EXPECT_EQ(HubCacheDirectory(), "/var/cache/me/huggingface/hub");
  const Variable hf("HF_HOME", "~/hf");
  EXPECT_EQ(HubHome(), "/home/me/hf");
  EXPECT_EQ(HubCacheDirectory(), "/home/me/hf/hub");
  const Variable old("HUGGINGFACE_HUB_CACHE", "/old");
  EXPECT_EQ(HubCacheDirectory(), "/old");
  const Variable now("HF_HUB_CACHE", "/new");
  EXPECT_EQ(HubCacheDirectory(), "/new");
  EXPECT_EQ(HubHome(), "/home/me/hf");
}

TEST(HubCacheDirectory, IsNoneWithoutAHome) {
  const Variable new_name("HF_HUB_CACHE"), old_name("HUGGINGFACE_HUB_CACHE"), hf_home("HF_HOME"),
      xdg("XDG_CACHE_HOME"), home("HOME");
  EXPECT_EQ(HubCacheDirectory(), "");
  EXPECT_EQ(FindSnapshot("", {"org/name", ""}).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(ListSnapshots("").empty());
}

class HubCacheTest : public ::testing::Test {
 protected:
  void Snapshot(const std::string& repository, const std::string& commit) {
    WriteTinyClip(temp_, Path(repository, commit));
  }
  void Ref(const std::string& repository, const std::string& revision, const std::string& commit) {
    temp_.Write("hub/" + HubFolder(repository) + "/refs/" + revision, commit);
  }
  static std::string Path(const std::string& repository, const std::string& commit) {
    return "hub/" + HubFolder(repository) + "/snapshots/" + commit;
  }
  std::string Directory(const std::string& repository, const std::string& commit) const {
    return temp_ / Path(repository, commit);
  }
  std::string Find(const std::string& repository, const std::string& revision = "") const {
    const auto found = FindSnapshot(cache_, {repository, revision});
    return found.ok() ? fs::path(*found).filename().string() : "";
  }

  const testing::TempDir temp_;
  const std::string cache_ = temp_ / "hub";
  const Variable hub_cache_{"HF_HUB_CACHE", cache_};
};

TEST_F(HubCacheTest, ARefNamesItsSnapshot) {
  Snapshot("org/name", kOne);
  Snapshot("org/name", kTwo);
  Ref("org/name", "main", kOne);
  Ref("org/name", "refs/pr/3", kTwo + "\n");
  EXPECT_EQ(Find("org/name"), kOne);
  EXPECT_EQ(Find("org/name", "main"), kOne);
  EXPECT_EQ(Find("org/name", "refs/pr/3"), kTwo);
  EXPECT_EQ(Find("org/name", kTwo), kTwo);
  EXPECT_EQ(Find("org/name", kTwo.substr(0, 7)), kTwo);
  EXPECT_EQ(Find("org/name", kTwo.substr(0, 6)), "");  // shorter than git would say
  EXPECT_EQ(Find("org/name", "v9"), "");
  EXPECT_EQ(Find("org/other"), "");
  EXPECT_EQ(NameOfSnapshot(cache_, Directory("org/name", kOne)), "org/name");
  EXPECT_EQ(NameOfSnapshot(cache_, Directory("org/name", kTwo)), "org/name@" + kTwo);
  EXPECT_EQ(NameOfSnapshot(cache_, temp_ / "hub"), "");
  EXPECT_EQ(NameOfSnapshot("/elsewhere", Directory("org/name", kOne)), "org/name@" + kOne);
}

TEST_F(HubCacheTest, WithoutARefTheOnlyWholeSnapshotIsMeant) {
  Snapshot("org/name", kOne);
  EXPECT_EQ(Find("org/name"), kOne);
  // As a tool leaves it that has only looked at a newer configuration.
  temp_.Write(Path("org/name", kTwo) + "/config.json", "{}");
  Ref("org/name", "main", kTwo);
  EXPECT_EQ(Find("org/name"), kOne);
  Snapshot("org/name", kTwo);
  EXPECT_EQ(Find("org/name"), kTwo);
  Ref("org/name", "main", "broken");
  EXPECT_EQ(Find("org/name"), "");  // two, and neither is meant
}

TEST_F(HubCacheTest, ASnapshotThatLacksAFileIsNoModel) {
  Snapshot("org/name", kOne);
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"}) {
    const fs::path file = Directory("org/name", kOne) + "/" + name;
    ASSERT_TRUE(fs::exists(file)) << file;
    fs::rename(file, temp_ / "kept");
    EXPECT_EQ(Find("org/name"), "") << name;
    EXPECT_TRUE(ListSnapshots(cache_).empty()) << name;
    fs::rename(temp_ / "kept", file);
    EXPECT_EQ(Find("org/name"), kOne) << name;
  }
  // A link whose blob was removed.
  const fs::path weights = Directory("org/name", kOne) + "/model.safetensors";
  fs::remove(weights);
  fs::create_symlink("../../blobs/gone", weights);
  EXPECT_EQ(Find("org/name"), "");
}

TEST_F(HubCacheTest, OnlyEncodersAreListed) {
  Snapshot("org/clip", kOne);
  Snapshot("org/bert", kOne);
  temp_.Write(Path("org/bert", kOne) + "/config.json", R"({"model_type": "bert"})");
  Snapshot("org/broken", kOne);
  temp_.Write(Path("org/broken", kOne) + "/config.json", "{");
  temp_.Write("hub/models--org--notes/README.md", "");
  temp_.Write("hub/datasets--org--clip/refs/main", kOne);
  EXPECT_EQ(ListSnapshots(cache_), std::vector<std::string>{Directory("org/clip", kOne)});
  const Variable models("ESPY_MODELS", "");
  bool listed = false;
  for (const EncoderInfo& info : ListEncoders()) listed = listed || info.name == "org/clip";
  EXPECT_TRUE(listed);
}

TEST_F(HubCacheTest, AnInstalledModelCountsBeforeTheCache) {
  const std::string repository(FindKnownModel("clip-b32")->repository);
  Snapshot(repository, kOne);
  EXPECT_EQ(*ResolveModel("clip-b32"), Directory(repository, kOne));
  const auto info = DescribeEncoder(Directory(repository, kOne));
  ESPY_ASSERT_OK(info);
  EXPECT_EQ(info->name, "clip-b32");
  WriteTinyClip(temp_, "own/clip-b32");
  const Variable models("ESPY_MODELS", temp_ / "own");
  EXPECT_EQ(*ResolveModel("clip-b32"), fs::canonical(temp_ / "own").string() + "/clip-b32");
}

TEST_F(HubCacheTest, WhatIsNotHereIsSaidWithHowToGetIt) {
  const auto says = [](const std::string& name, const char* text) {
    const Status status = ResolveModel(name).status();
    EXPECT_EQ(status.code(), StatusCode::kNotFound) << name;
    EXPECT_NE(status.message().find(text), std::string::npos) << status.message();
  };
  says("siglip-b16-224", "`espy model pull siglip-b16-224`");
  says("siglip-b16-224@v2", "`espy model pull siglip-b16-224@v2`");
  says("google/siglip-base-patch16-224", "`espy model pull siglip-b16-224`");
  says("org/name", "`espy model pull org/name`");
  says("no-such-name", "there are: ");
}

TEST(KnownModels, EachNameAndRepositoryIsOneOfTheHubsAndComesOnce) {
  ASSERT_GE(KnownModels().size(), 10u);
  for (const KnownModel& model : KnownModels()) {
    EXPECT_EQ(FindKnownModel(model.name), &model) << model.name;
    EXPECT_EQ(FindKnownRepository(model.repository), &model) << model.name;
    const auto parsed = ParseHubName(model.repository);
    ESPY_ASSERT_OK(parsed);
    EXPECT_EQ(parsed->repository, model.repository);
    EXPECT_EQ(model.name.find_first_of("/@ "), model.name.npos);
    EXPECT_FALSE(model.licence.empty());
    EXPECT_GT(model.dimension, 0);
    EXPECT_GT(model.megabytes, 100u);
  }
  EXPECT_EQ(FindKnownModel(""), nullptr);
  EXPECT_EQ(FindKnownPublisher(""), nullptr);
  EXPECT_EQ(FindKnownPublisher("openai/clip-vit-base-patch32"), FindKnownModel("clip-b32"));
}

TEST(KnownModels, ThePageListsThem) {
  const std::string page = testing::ReadFileOrDie(ESPY_SOURCE_DIR "/docs/MODELS.md");
  for (const KnownModel& model : KnownModels()) {
    const std::string row = "| " + std::string(model.name) + " | " + std::string(model.repository) +
                            " | " + std::to_string(model.dimension) + " | ";
    const std::size_t at = page.find(row);
    ASSERT_NE(at, page.npos) << row;
    const std::string line = page.substr(at, page.find('\n', at) - at);
    EXPECT_TRUE(line.ends_with("| " + std::string(model.licence) + " |")) << line;
  }
}

}  // namespace
}  // namespace espy::encoders
