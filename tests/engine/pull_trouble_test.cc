// What a pull makes of servers and networks that do not do as they should.
#include <fstream>
#include <thread>

#include "encoders/hub_cache.h"
#include "tests/engine/pull_fixture.h"

namespace espy {
namespace {

namespace fs = std::filesystem;
using PullTroubleTest = testing::PullTest;
using testing::ReadFileOrDie;

void WriteFile(const std::string& path, const std::string& bytes) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST_F(PullTroubleTest, ABrokenTransferGoesOnWhereItBroke) {
  server_.Behave(R"({"rules": [{"match": "storage", "cut": 100000, "times": 2}]})");
  const PullReport report = MustPull();
  ExpectSame(report);
  EXPECT_EQ(FileOf(report, kWeights).fetched, kWeightBytes);  // no byte twice
  const auto requests = server_.Requests("storage", "");
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].range, "");
  EXPECT_EQ(requests[1].range, "bytes=100000-");
  EXPECT_EQ(requests[1].status, 206);
  EXPECT_EQ(requests[2].range, "bytes=200000-");
}

TEST_F(PullTroubleTest, AStoppedPullIsGoneOnWithLater) {
  server_.Behave(R"({"rules": [{"match": "storage", "delay_ms": 5}]})");
  std::stop_source stop;
  const auto stopped = hub::Pull(
      {.model = "clip-b32"}, around_,
      [&stop](const Progress& p) {
        if (p.done > 100'000) stop.request_stop();
      },
      stop.get_token());
  EXPECT_EQ(stopped.status().code(), StatusCode::kCancelled) << stopped.status().message();
  const std::uint64_t came = fs::file_size(Incomplete());
  EXPECT_GT(came, 90'000u);
  EXPECT_LT(came, kWeightBytes);
  EXPECT_EQ(encoders::FindSnapshot(cache(), {kRepository, ""}).status().code(),
            StatusCode::kNotFound);
  const auto planned = hub::Pull({.model = "clip-b32", .dry_run = true}, around_, {}, {});
  ESPY_ASSERT_OK(planned);
  EXPECT_EQ(FileOf(*planned, kWeights).fetched, kWeightBytes - came);
  EXPECT_TRUE(FileOf(*planned, kWeights).resumed);
  const PullReport report = MustPull();
  EXPECT_EQ(FileOf(report, kWeights).fetched, kWeightBytes - came);
  EXPECT_TRUE(FileOf(report, kWeights).resumed);
  EXPECT_FALSE(fs::exists(Incomplete()));
  ExpectSame(report);
}

TEST_F(PullTroubleTest, WhatAnotherToolBeganIsGoneOnWith) {
  WriteFile(Incomplete(), ReadFileOrDie(repository() + "/" + kWeights).substr(0, 200'000));
  const PullReport report = MustPull();
  EXPECT_EQ(FileOf(report, kWeights).fetched, kWeightBytes - 200'000);
  ExpectSame(report);
}

TEST_F(PullTroubleTest, AWrongBeginningIsFetchedAnew) {
  for (const std::size_t size :
       {std::size_t{1000}, std::size_t{kWeightBytes}, std::size_t{300'000}}) {
    WriteFile(Incomplete(), std::string(size, 'x'));
    fs::remove(WeightsBlob());
    const PullReport report = MustPull();
    ExpectSame(report);
    EXPECT_GE(FileOf(report, kWeights).fetched, kWeightBytes) << size;
  }
}

TEST_F(PullTroubleTest, AServerWithoutRangesIsAskedFromTheStart) {
  WriteFile(Incomplete(), ReadFileOrDie(repository() + "/" + kWeights).substr(0, 200'000));
  server_.Behave(R"({"no_ranges": true})");
  const PullReport report = MustPull();
  EXPECT_EQ(FileOf(report, kWeights).fetched, kWeightBytes);
  EXPECT_FALSE(FileOf(report, kWeights).resumed);
  ExpectSame(report);
}

TEST_F(PullTroubleTest, BytesOfAnotherHashAreRefusedAndNotKept) {
  server_.Behave(R"({"rules": [{"match": "storage", "flip": true, "times": 9}]})");
  ExpectFailure(StatusCode::kCorruption, "has not the hash");
  EXPECT_FALSE(fs::exists(WeightsBlob()));
  EXPECT_FALSE(fs::exists(Incomplete()));
  fs::remove_all(cache());
  server_.Behave(R"({"rules": [{"match": "resolve", "flip": true, "times": 9}]})");
  ExpectFailure(StatusCode::kCorruption, "has not the hash");  // a small file's, by git's hash
  server_.Behave("{}");
  ExpectSame(MustPull());
}

TEST_F(PullTroubleTest, MoreThanWasAnnouncedIsRefused) {
  server_.Behave(R"({"rules": [{"match": "storage", "more": 1}]})");
  ExpectFailure(StatusCode::kCorruption, "more came than its 245060 bytes");
  EXPECT_FALSE(fs::exists(WeightsBlob()));
  EXPECT_FALSE(fs::exists(Incomplete()));
  ExpectSame(MustPull());
}

TEST_F(PullTroubleTest, APageOfAnotherServerIsNoFile) {
  server_.Behave(
      R"({"no_ranges": true,
          "rules": [{"match": "config.json", "page": "<html>Log in</html>", "times": 99}]})");
  ExpectFailure(StatusCode::kUnavailable, "the answers end before its 480 bytes");
  server_.Behave(R"({"rules": [{"match": "api", "page": "<html>Please log in</html>"}]})");
  ExpectFailure(StatusCode::kCorruption, "api/models");
}

TEST_F(PullTroubleTest, AnAnswerThatEndsEarlyIsAskedForTheRest) {
  server_.Behave(R"({"rules": [{"match": "storage", "short": 70000, "times": 2}]})");
  const PullReport report = MustPull();
  ExpectSame(report);
  EXPECT_EQ(server_.Requests("storage", "").size(), 3u);
  server_.Behave(R"({"rules": [{"match": "vocab.json", "short": 0, "times": 999}]})");
  fs::remove_all(cache());
  ExpectFailure(StatusCode::kUnavailable, "the answers end before its 5381 bytes");
}

TEST_F(PullTroubleTest, ACompressedAnswerIsRefused) {
  server_.Behave(R"({"rules": [{"match": "config.json", "encoding": "gzip"}]})");
  ExpectFailure(StatusCode::kUnsupported, "gzip");
}

TEST_F(PullTroubleTest, ABusyServerIsAskedAgain) {
  server_.Behave(R"({"rules": [
      {"match": "hub GET /api", "status": 429, "headers": {"Retry-After": "0"}, "times": 2},
      {"match": "vocab.json", "status": 503, "times": 4},
      {"match": "storage", "status": 500},
      {"match": "storage", "status": 403}]})");
  ExpectSame(MustPull());
}

TEST_F(PullTroubleTest, ABusyServerIsGivenUpAfterAWhile) {
  server_.Behave(R"({"rules": [{"match": "vocab.json", "status": 503, "times": 99}]})");
  ExpectFailure(StatusCode::kUnavailable, "try again later");
  EXPECT_EQ(server_.Requests("hub", "vocab.json").size(), 5u);
  server_.Behave(R"({"rules": [{"match": "vocab.json", "status": 429, "times": 99}]})");
  ExpectFailure(StatusCode::kUnavailable, "too many requests");
  // One that asks for an hour is not waited for at all.
  server_.Behave(
      R"({"rules": [{"match": "vocab.json", "status": 429, "headers": {"Retry-After": "3600"}, "times": 9}]})");
  const std::size_t before = server_.Requests("hub", "vocab.json").size();
  ExpectFailure(StatusCode::kUnavailable, "too many requests");
  EXPECT_EQ(server_.Requests("hub", "vocab.json").size(), before + 1);
}

TEST_F(PullTroubleTest, ASilentServerIsAskedAgain) {
  around_.settings.stall_seconds = 1;
  server_.Behave(R"({"rules": [{"match": "storage", "delay_ms": 4000}]})");
  ExpectSame(MustPull());
  EXPECT_GE(server_.Requests("storage", "").size(), 1u);
}

TEST_F(PullTroubleTest, WaitingEndsWhenThePullIsStopped) {
  around_.patience.first_wait_s = 1000;
  around_.patience.longest_wait_s = 1000;
  around_.patience.longest_asked_s = 1000;
  server_.Behave(R"({"rules": [{"match": "vocab.json", "status": 503, "times": 99}]})");
  std::stop_source stop;
  std::jthread stopper([&] {
    while (server_.Requests("hub", "vocab.json").empty()) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_EQ(hub::Pull({.model = "clip-b32"}, around_, {}, stop.get_token()).status().code(),
            StatusCode::kCancelled);
}

TEST_F(PullTroubleTest, WithoutAListingOfHashesTheHeadersCount) {
  server_.Behave(R"({"no_blobs": true})");
  ExpectSame(MustPull());
  EXPECT_FALSE(server_.Requests("hub", kWeights).empty());
  fs::remove_all(cache());
  server_.Behave(R"({"no_blobs": true, "direct": true})");
  ExpectSame(MustPull());
  fs::remove_all(cache());
  server_.Behave(R"({"no_blobs": true, "no_hashes": true})");
  ExpectFailure(StatusCode::kUnsupported, "gives no checksum");
}

TEST_F(PullTroubleTest, AListingThatContradictsTheFilesIsRefused) {
  server_.Behave(R"({"lie": true})");
  ExpectFailure(StatusCode::kCorruption, "its hash is not what the repository's listing says");
}

TEST_F(PullTroubleTest, RedirectsLeadNowhereElse) {
  server_.Behave(R"({"redirect": "file:///etc/passwd"})");
  ExpectFailure(StatusCode::kUnsupported, "file:///etc/passwd");
  server_.Behave(R"({"redirect": "config.json"})");  // to itself
  ExpectFailure(StatusCode::kUnsupported, "is not followed");
}

TEST_F(PullTroubleTest, WhoMayNotHaveAModelLearnsWhy) {
  server_.Behave(
      R"({"gated": ["timm/vit_base_patch32_clip_224.openai"], "private": ["org/secret"]})");
  fs::create_directories(server_.Repository("org/secret"));
  ExpectFailure(StatusCode::kInvalidArgument, "accept the terms at " + server_.endpoint());
  ExpectFailure(StatusCode::kInvalidArgument, "HF_TOKEN");
  ExpectFailure(StatusCode::kNotFound, "or it is private; check the name, or log in", "org/secret");
  ExpectFailure(StatusCode::kNotFound, "has no such model", "org/nothing");
  around_.settings.token = "good";
  around_.settings.token_source = "/home/me/token";
  ExpectFailure(StatusCode::kInvalidArgument,
                "has not let the account of the token in /home/me/token in");
  ExpectFailure(StatusCode::kNotFound, "has no such model", "org/nothing");
  ExpectFailure(StatusCode::kUnsupported, "config.json", "org/secret");  // seen, and empty
  around_.settings.token = "stolen";
  ExpectFailure(StatusCode::kInvalidArgument,
                "the token in /home/me/token: " + server_.endpoint() + " does not know it");
}

TEST_F(PullTroubleTest, ARevisionThatIsNotThereIsNamed) {
  ExpectFailure(StatusCode::kNotFound, "has no revision v9", "clip-b32@v9");
  ExpectFailure(StatusCode::kInvalidArgument, "the revision \"../x\" can be none", "clip-b32@../x");
  ExpectFailure(StatusCode::kInvalidArgument, "is no name that the hub could have", "a/b/c");
}

TEST_F(PullTroubleTest, AModelThatIsNotReadIsRefusedBeforeItsWeightsAreFetched) {
  fs::rename(repository() + "/model.safetensors", repository() + "/pytorch_model.bin");
  ExpectFailure(StatusCode::kUnsupported, "in a pickle alone");
  fs::remove(repository() + "/pytorch_model.bin");
  ExpectFailure(StatusCode::kNotFound, "no weights as safetensors");
  fs::create_directories(server_.Repository("openai"));
  fs::copy(repository(), server_.Repository("openai/clip-vit-base-patch32"));
  WriteFile(server_.Repository("openai/clip-vit-base-patch32/pytorch_model.bin"), "x");
  ExpectFailure(StatusCode::kUnsupported, "`espy model pull clip-b32`",
                "openai/clip-vit-base-patch32");
  WriteFile(repository() + "/model.safetensors", std::string(50'000, 'x'));
  WriteFile(repository() + "/config.json", R"({"model_type": "bert"})");
  ExpectFailure(StatusCode::kUnsupported, "of type \"bert\"");
  EXPECT_TRUE(server_.Requests("storage", "").empty());
}

TEST_F(PullTroubleTest, AModelThatCannotBeUsedSaysSo) {
  fs::remove(repository() + "/vocab.json");
  ExpectFailure(StatusCode::kNotFound, "vocab.json");
}

TEST_F(PullTroubleTest, AFullDiskIsNoticedBefore) {
  around_.free_bytes = [](const hub::RepositoryCache&) { return Result<std::uint64_t>(100'000u); };
  ExpectFailure(StatusCode::kResourceExhausted, "set HF_HUB_CACHE to another disk");
  EXPECT_TRUE(server_.Requests("storage", "").empty());
  // Enough for what is still to come is enough.
  WriteFile(Incomplete(), ReadFileOrDie(repository() + "/" + kWeights).substr(0, 200'000));
  MustPull();
}

TEST_F(PullTroubleTest, ACacheThatCannotBeWrittenIsNamed) {
  WriteFile(cache(), "a file where a folder should be");
  ExpectFailure(StatusCode::kNotFound, cache());  // as the system says it: not a directory
}

}  // namespace
}  // namespace espy
