// A hub of one tiny model, a cache and an impatient client, for tests of pulling.
#ifndef ESPY_TESTS_ENGINE_PULL_FIXTURE_H_
#define ESPY_TESTS_ENGINE_PULL_FIXTURE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "engine/hub/blob_file.h"
#include "engine/hub/pull.h"
#include "tests/support/hub_server.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/support/variable.h"

namespace espy::testing {

class PullTest : public ::testing::Test {
 protected:
  static constexpr char kRepository[] = "timm/vit_base_patch32_clip_224.openai";  // clip-b32's
  static constexpr char kWeights[] = "model.safetensors";
  static constexpr std::uint64_t kWeightBytes = 245060;

  PullTest() {
    around_.settings.endpoint = server_.endpoint();
    around_.settings.cache = cache();
    around_.patience.first_wait_s = 0.01;
    around_.patience.longest_wait_s = 0.02;
    WriteTinyModel(repository());
  }

  std::string cache() const { return temp_ / "hub"; }
  std::string folder() const { return cache() + "/models--timm--vit_base_patch32_clip_224.openai"; }
  std::string repository() const { return server_.Repository(kRepository); }

  Result<PullReport> Pull(const std::string& name = "clip-b32") {
    return hub::Pull({.model = name}, around_, {}, {});
  }
  PullReport MustPull(const std::string& name = "clip-b32") {
    const Result<PullReport> report = Pull(name);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : PullReport{};
  }
  void ExpectFailure(StatusCode code, std::string_view says, const std::string& name = "clip-b32") {
    const Result<PullReport> report = Pull(name);
    EXPECT_EQ(report.status().code(), code) << report.status().message();
    EXPECT_NE(report.status().message().find(says), std::string::npos) << report.status().message();
    EXPECT_EQ(report.status().message().find('\n'), std::string::npos) << report.status().message();
  }

  // Every file of the snapshot has the bytes of the repository's.
  void ExpectSame(const PullReport& report) const {
    EXPECT_FALSE(report.files.empty());
    for (const PulledFile& file : report.files) {
      EXPECT_EQ(ReadFileOrDie(report.directory + "/" + file.name),
                ReadFileOrDie(repository() + "/" + file.name))
          << file.name;
    }
  }
  static const PulledFile& FileOf(const PullReport& report, std::string_view name) {
    for (const PulledFile& file : report.files) {
      if (file.name == name) return file;
    }
    ADD_FAILURE() << name << " is not in the report";
    static const PulledFile kNone;
    return kNone;
  }

  static std::string HashOf(const std::string& bytes, std::size_t digits = 64) {
    hub::ContentHash hash(digits, bytes.size());
    hash.Update(bytes);
    return hash.Finish();
  }
  std::string WeightsBlob() const {
    return folder() + "/blobs/" + HashOf(ReadFileOrDie(repository() + "/" + kWeights));
  }
  // What came of the weights before a pull ended.
  std::string Incomplete() const { return WeightsBlob() + ".incomplete"; }

  HubServer server_;
  TempDir temp_;
  Variable hub_cache_{"HF_HUB_CACHE", cache()};  // where ResolveModel looks
  Variable http_proxy_{"http_proxy"};
  Variable all_proxy_{"all_proxy"};
  Variable all_proxy_in_capitals_{"ALL_PROXY"};
  hub::Surroundings around_;
};

}  // namespace espy::testing

#endif  // ESPY_TESTS_ENGINE_PULL_FIXTURE_H_
