// What a pull brings, and what it leaves alone.
#include <fstream>
#include <set>
#include <thread>

#include "encoders/hub_cache.h"
#include "encoders/model_store.h"
#include "espy/model.h"
#include "tests/engine/pull_fixture.h"

namespace espy {
namespace {

namespace fs = std::filesystem;
using testing::PullTest;
using testing::ReadFileOrDie;

void WriteFile(const std::string& path, const std::string& bytes) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST_F(PullTest, AModelIsUsableByItsShortNameAfterwards) {
  const PullReport report = MustPull();
  EXPECT_EQ(report.name, "clip-b32");
  EXPECT_EQ(report.repository, kRepository);
  EXPECT_EQ(report.revision, "main");
  EXPECT_EQ(report.licence, "mit");
  EXPECT_EQ(report.fetched, report.bytes);
  ExpectSame(report);
  const auto resolved = encoders::ResolveModel("clip-b32");
  ESPY_ASSERT_OK(resolved);
  EXPECT_EQ(*resolved, report.directory);
  const auto model = DescribeModel("clip-b32");
  ESPY_ASSERT_OK(model);
  EXPECT_TRUE(model->installed);
  EXPECT_EQ(model->name, "clip-b32");
  EXPECT_EQ(model->dimension, 16);
  EXPECT_EQ(model->repository, kRepository);
  EXPECT_EQ(*encoders::ResolveModel(kRepository), report.directory);
  bool listed = false;
  for (const ModelDescription& each : ListModels()) listed = listed || each.name == "clip-b32";
  EXPECT_TRUE(listed);
}

TEST_F(PullTest, TheCacheIsLaidOutAsTheHubsLibraryHasIt) {
  const PullReport report = MustPull();
  EXPECT_EQ(ReadFileOrDie(folder() + "/refs/main"), report.commit);
  EXPECT_EQ(report.directory, folder() + "/snapshots/" + report.commit);
  // Large files by SHA-256, small ones by git's hash.
  EXPECT_EQ(fs::read_symlink(report.directory + "/" + kWeights),
            "../../blobs/" + HashOf(ReadFileOrDie(repository() + "/" + kWeights)));
  EXPECT_EQ(fs::read_symlink(report.directory + "/config.json"),
            "../../blobs/" + HashOf(ReadFileOrDie(repository() + "/config.json"), 40));
  for (const auto& entry : fs::directory_iterator(folder() + "/blobs")) {
    EXPECT_EQ(entry.path().extension(), "") << entry.path() << " was left over";
    EXPECT_TRUE(fs::exists(cache() + "/.locks/" + fs::path(folder()).filename().string() + "/" +
                           entry.path().filename().string() + ".lock"));
  }
}

TEST_F(PullTest, ASecondPullFetchesNothing) {
  const PullReport first = MustPull();
  const std::size_t before = server_.Requests().size();
  const PullReport second = MustPull();
  EXPECT_EQ(second.fetched, 0u);
  EXPECT_EQ(second.bytes, first.bytes);
  EXPECT_EQ(second.directory, first.directory);
  EXPECT_EQ(server_.Requests().size(), before + 1);  // the listing
}

TEST_F(PullTest, OnlyWhatIsReadIsFetched) {
  for (const char* name : {"README.md", "pytorch_model.bin", "tf_model.h5", "onnx/model.onnx",
                           "open_clip_config.json", "open_clip_model.safetensors"}) {
    WriteFile(repository() + "/" + name, std::string(20'000, 'x'));
  }
  const PullReport report = MustPull();
  std::set<std::string> names;
  for (const PulledFile& file : report.files) names.insert(file.name);
  EXPECT_EQ(names, (std::set<std::string>{"config.json", "preprocessor_config.json", "merges.txt",
                                          "vocab.json", "model.safetensors"}));
  EXPECT_EQ(server_.Requests("storage", "").size(), 1u);
}

TEST_F(PullTest, WeightsInSeveralFilesAreFetchedByTheirIndex) {
  fs::rename(repository() + "/model.safetensors", repository() + "/model-1.safetensors");
  std::string small = R"({"extra":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  small.resize(64, ' ');
  WriteFile(repository() + "/model-2.safetensors",
            std::string("\x40\0\0\0\0\0\0\0", 8) + small + "abcd");
  WriteFile(repository() + "/other.safetensors", "not named");
  WriteFile(
      repository() + "/model.safetensors.index.json",
      R"({"weight_map":{"logit_scale":"model-1.safetensors","extra":"model-2.safetensors"}})");
  const PullReport report = MustPull();
  ExpectSame(report);
  EXPECT_EQ(FileOf(report, "model-1.safetensors").bytes, kWeightBytes);
  EXPECT_EQ(FileOf(report, "model-2.safetensors").bytes, 76u);
  EXPECT_FALSE(fs::exists(report.directory + "/other.safetensors"));
}

TEST_F(PullTest, TheTokenGoesToTheHubAndNotWhereItRedirects) {
  around_.settings.token = "good";
  around_.settings.token_source = "HF_TOKEN";
  server_.Behave(R"({"redirect": "relative"})");
  MustPull();
  const auto hub = server_.Requests("hub", "");
  const auto storage = server_.Requests("storage", "");
  ASSERT_FALSE(hub.empty());
  ASSERT_EQ(storage.size(), 1u);
  for (const auto& request : hub) EXPECT_EQ(request.authorization, "Bearer good") << request.path;
  EXPECT_EQ(storage[0].authorization, "");
  bool redirected = false;
  for (const auto& request : hub) redirected = redirected || request.path.starts_with("/cache/");
  EXPECT_TRUE(redirected);
}

TEST_F(PullTest, ARevisionHasItsOwnNameAndLeavesMainAlone) {
  testing::WriteTinyModel(server_.Repository(std::string(kRepository) + "@v1"), 2);
  const PullReport main = MustPull();
  const PullReport tagged = MustPull("clip-b32@v1");
  EXPECT_NE(tagged.commit, main.commit);
  EXPECT_EQ(tagged.revision, "v1");
  EXPECT_EQ(tagged.name, "clip-b32@" + tagged.commit);
  EXPECT_EQ(ReadFileOrDie(folder() + "/refs/v1"), tagged.commit);
  EXPECT_EQ(*encoders::ResolveModel("clip-b32"), main.directory);
  EXPECT_EQ(*encoders::ResolveModel("clip-b32@v1"), tagged.directory);
  EXPECT_EQ(*encoders::ResolveModel(tagged.name), tagged.directory);
  EXPECT_EQ(*encoders::ResolveModel("clip-b32@" + tagged.commit.substr(0, 10)), tagged.directory);
  // By commit: no ref is needed.
  const PullReport again = MustPull(std::string(kRepository) + "@" + tagged.commit);
  EXPECT_EQ(again.directory, tagged.directory);
  EXPECT_EQ(again.fetched, 0u);
}

TEST_F(PullTest, ANameMeansWhatWasHereUntilTheNewerIsWhole) {
  const PullReport first = MustPull();
  testing::WriteTinyModel(repository(), 2);
  server_.Behave(R"({"rules": [{"match": "storage", "status": 500, "times": 99}]})");
  ExpectFailure(StatusCode::kUnavailable, "try again later");
  EXPECT_EQ(*encoders::ResolveModel("clip-b32"), first.directory);
  server_.Behave("{}");
  const PullReport second = MustPull();
  EXPECT_NE(second.commit, first.commit);
  EXPECT_EQ(FileOf(second, "vocab.json").fetched, 0u);  // the same bytes in both
  EXPECT_EQ(*encoders::ResolveModel("clip-b32"), second.directory);
  EXPECT_TRUE(fs::exists(first.directory));
}

TEST_F(PullTest, ADryRunSaysHowMuchAndWritesNothing) {
  const auto report = hub::Pull({.model = "clip-b32", .dry_run = true}, around_, {}, {});
  ESPY_ASSERT_OK(report);
  EXPECT_EQ(report->fetched, report->bytes);
  EXPECT_EQ(FileOf(*report, kWeights).fetched, kWeightBytes);
  EXPECT_FALSE(fs::exists(cache()));
  EXPECT_TRUE(server_.Requests("storage", "").empty());
}

TEST_F(PullTest, WhatIsDamagedIsFoundAndFetchedAgainWhenAsked) {
  const PullReport first = MustPull();
  {
    std::fstream blob(WeightsBlob(), std::ios::in | std::ios::out | std::ios::binary);
    blob.seekg(200'000);
    const int byte = blob.get();
    blob.seekp(200'000);
    blob.put(static_cast<char>(byte ^ 1));
  }
  EXPECT_EQ(MustPull().fetched, 0u);  // of the right length: taken at its word
  const auto verified = hub::Pull({.model = "clip-b32", .verify = true}, around_, {}, {});
  ESPY_ASSERT_OK(verified);
  EXPECT_EQ(verified->fetched, kWeightBytes);
  ExpectSame(*verified);
  // One that is too short is noticed without being asked.
  fs::resize_file(WeightsBlob(), 100);
  EXPECT_EQ(MustPull().fetched, kWeightBytes);
  ExpectSame(first);
}

TEST_F(PullTest, FilesWithoutLinksAreTakenAsTheyAre) {
  // As caches look on file systems that have none.
  const PullReport first = MustPull();
  for (const PulledFile& file : first.files) {
    const fs::path path = first.directory + "/" + file.name;
    const fs::path blob = fs::canonical(path);
    fs::remove(path);
    fs::rename(blob, path);
  }
  EXPECT_EQ(MustPull().fetched, 0u);
  ExpectSame(first);
}

TEST_F(PullTest, ManyPullsAtOnceFetchEachFileOnce) {
  server_.Behave(R"({"rules": [{"match": "storage", "delay_ms": 1}]})");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([this] { ExpectSame(MustPull()); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(server_.Requests("storage", "").size(), 1u);
}

TEST_F(PullTest, ProgressCountsTheBytesToTheirEnd) {
  std::vector<Progress> seen;
  const auto report = hub::Pull({.model = "clip-b32"}, around_,
                                [&seen](const Progress& p) { seen.push_back(p); }, {});
  ESPY_ASSERT_OK(report);
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().what, "bytes");
  EXPECT_EQ(seen.back().done, report->bytes);
  EXPECT_EQ(seen.back().total, report->bytes);
}

TEST_F(PullTest, OfflineTakesWhatIsHere) {
  around_.settings.offline = true;
  ExpectFailure(StatusCode::kUnavailable, "HF_HUB_OFFLINE");
  EXPECT_TRUE(server_.Requests().empty());
  around_.settings.offline = false;
  const PullReport first = MustPull();
  const std::size_t before = server_.Requests().size();
  around_.settings.offline = true;
  const PullReport second = MustPull();
  EXPECT_EQ(second.directory, first.directory);
  EXPECT_NE(second.offline, "");
  EXPECT_EQ(server_.Requests().size(), before);
}

TEST_F(PullTest, WithoutAConnectionWhatIsHereIsTaken) {
  const PullReport first = MustPull();
  around_.settings.endpoint = "http://127.0.0.1:1";
  const PullReport second = MustPull();
  EXPECT_EQ(second.directory, first.directory);
  EXPECT_NE(second.offline.find("127.0.0.1:1"), std::string::npos) << second.offline;
  ExpectFailure(StatusCode::kUnavailable, "check the connection", "clip-b16");
}

}  // namespace
}  // namespace espy
