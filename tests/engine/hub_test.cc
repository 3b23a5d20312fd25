// The parts of a pull that need no server.
#include <gtest/gtest.h>

#include <filesystem>

#include "engine/hub/blob_file.h"
#include "engine/hub/choose.h"
#include "engine/hub/headers.h"
#include "engine/hub/listing.h"
#include "engine/hub/settings.h"
#include "engine/hub/url.h"
#include "tests/support/temp_dir.h"
#include "tests/support/variable.h"

namespace espy::hub {
namespace {

namespace fs = std::filesystem;
using testing::Variable;

constexpr char kCommit[] = "0123456789abcdef0123456789abcdef01234567";
const std::string kSha256(64, 'a');
const std::string kGit(40, 'b');

TEST(Headers, TheLastOfANameCountsInAnyCase) {
  Headers headers;
  headers.AddLine("ETag: \"a\"\r\n");
  headers.AddLine("etag:\"b\"\r\n");
  headers.AddLine("no colon\r\n");
  headers.AddLine(": no name\r\n");
  headers.AddLine("\r\n");
  EXPECT_EQ(*headers.Find("Etag"), "\"b\"");
  EXPECT_EQ(headers.Find("Other"), nullptr);
  headers.Clear();
  EXPECT_EQ(headers.Find("ETag"), nullptr);
}

TEST(Headers, AFloodIsCutOff) {
  Headers headers;
  for (int i = 0; i < 100'000; ++i) headers.AddLine("X-" + std::to_string(i) + ": y");
  EXPECT_NE(headers.Find("X-199"), nullptr);
  EXPECT_EQ(headers.Find("X-200"), nullptr);
  Headers large;
  large.AddLine("A: " + std::string(1 << 20, 'x'));
  EXPECT_EQ(large.Find("A"), nullptr);
}

TEST(Headers, StatusLinesOfEveryVersionAreRead) {
  EXPECT_EQ(ParseStatusLine("HTTP/1.1 302 Found\r\n"), 302);
  EXPECT_EQ(ParseStatusLine("HTTP/2 200\r\n"), 200);
  for (const char* line : {"HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 x00", "ETag: x", ""}) {
    EXPECT_FALSE(ParseStatusLine(line)) << line;
  }
}

TEST(Headers, EtagsBecomeNamesThatAreSafeInAPath) {
  EXPECT_EQ(NormalizeEtag("\"abc\""), "abc");
  EXPECT_EQ(NormalizeEtag("W/\"abc\""), "abc");
  EXPECT_EQ(NormalizeEtag("  abc-2 "), "abc-2");
  for (const char* odd : {"\"../../x\"", "\"a/b\"", "\".a\"", "\"\"", "", "\"a b\"", "\"a\\b\""}) {
    EXPECT_EQ(NormalizeEtag(odd), "") << odd;
  }
  EXPECT_EQ(NormalizeEtag(std::string(129, 'a')), "");
  Headers headers;
  headers.AddLine("ETag: \"own\"");
  headers.AddLine("Content-Length: 7");
  EXPECT_EQ(EtagOf(headers), "own");
  EXPECT_EQ(SizeOf(headers), 7u);
  headers.AddLine("X-Linked-Etag: \"of-the-file\"");
  headers.AddLine("X-Linked-Size: 1000");
  EXPECT_EQ(EtagOf(headers), "of-the-file");
  EXPECT_EQ(SizeOf(headers), 1000u);
}

TEST(Headers, RangesAreReadOrRefused) {
  EXPECT_EQ(ParseContentRange("bytes 100-199/1000")->first, 100u);
  EXPECT_EQ(ParseContentRange("bytes 100-199/1000")->total, 1000u);
  EXPECT_FALSE(ParseContentRange("bytes 100-199/*")->total);
  for (const char* odd : {"bytes */1000", "bytes 1/2-3", "items 1-2/3", "bytes 1-2/x", "bytes -2/3",
                          "", "bytes 99999999999999999999-2/3"}) {
    EXPECT_FALSE(ParseContentRange(odd)) << odd;
  }
}

TEST(Headers, AServerMayAskForPatienceInThreeWays) {
  const auto asked = [](const char* line) {
    Headers headers;
    headers.AddLine(line);
    return WaitAskedFor(headers, 1'700'000'000);
  };
  EXPECT_EQ(asked("Retry-After: 120"), 120.0);
  EXPECT_EQ(asked("Retry-After: Tue, 14 Nov 2023 22:13:30 GMT"), 10.0);
  EXPECT_EQ(asked("Retry-After: Tue, 14 Nov 2000 22:13:30 GMT"), 0.0);  // long past
  EXPECT_EQ(asked("RateLimit: \"api\";r=0;t=55"), 55.0);
  EXPECT_FALSE(asked("Retry-After: soon"));
  EXPECT_FALSE(asked("RateLimit: \"wait=3\""));
  EXPECT_FALSE(asked("Retry-After: -5"));
}

TEST(Url, OriginsAreComparedWithTheirPort) {
  EXPECT_EQ(OriginOf("https://Example.org/a?b"), "https://example.org:443");
  EXPECT_EQ(OriginOf("http://example.org"), "http://example.org:80");
  EXPECT_EQ(OriginOf("http://127.0.0.1:8080/x"), "http://127.0.0.1:8080");
  EXPECT_EQ(OriginOf("https://example.org@evil.example/"), "https://evil.example:443");
  for (const char* odd :
       {"ftp://example.org/", "file:///etc/passwd", "example.org", "", "https://"}) {
    EXPECT_EQ(OriginOf(odd), "") << odd;
  }
}

TEST(Url, RedirectsAreRelativeToWhereTheyComeFrom) {
  const std::string base = "https://hub.example/org/name/resolve/main/a.json";
  EXPECT_EQ(ResolveUrl(base, "/cache/a.json"), "https://hub.example/cache/a.json");
  EXPECT_EQ(ResolveUrl(base, "b.json"), "https://hub.example/org/name/resolve/main/b.json");
  EXPECT_EQ(ResolveUrl(base, "//cdn.example/x"), "https://cdn.example/x");
  EXPECT_EQ(ResolveUrl(base, "https://cdn.example/x?y=1&z"), "https://cdn.example/x?y=1&z");
  EXPECT_EQ(ResolveUrl(base, "file:///etc/passwd"), "");
}

TEST(Url, EncodesWhatIsNoPlainCharacter) {
  EXPECT_EQ(EncodeForUrl("refs/pr/3"), "refs%2Fpr%2F3");
  EXPECT_EQ(EncodeForUrl("org/na me", "/"), "org/na%20me");
  EXPECT_EQ(EncodeForUrl("a-b_c.d~e"), "a-b_c.d~e");
  EXPECT_EQ(EncodeForUrl("\xc3\xa9?#%"), "%C3%A9%3F%23%25");
}

std::string ListingOf(const std::string& siblings) {
  return std::string(R"({"sha":")") + kCommit + R"(","siblings":[)" + siblings + "]}";
}

TEST(ParseListing, GivesSizesAndHashes) {
  const auto listing = ParseListing(
      std::string(R"({"sha":")") + kCommit +
          R"(","cardData":{"license":"apache-2.0"},"unknown":[[[{}]]],"siblings":[)"
          R"({"rfilename":"model.safetensors","size":1000,"blobId":")" +
          kGit + R"(","lfs":{"sha256":")" + kSha256 + R"(","size":1000,"pointerSize":134}},)" +
          R"({"rfilename":"config.json","size":12,"blobId":")" + kGit + R"("},)" +
          R"({"rfilename":"onnx/model.onnx","size":1},{"rfilename":"merges.txt"}]})",
      "hub");
  ESPY_ASSERT_OK(listing);
  EXPECT_EQ(listing->commit, kCommit);
  EXPECT_EQ(listing->licence, "apache-2.0");
  ASSERT_EQ(listing->files.size(), 3u);
  EXPECT_EQ(listing->Find("model.safetensors")->size, 1000u);
  EXPECT_EQ(listing->Find("model.safetensors")->hash, kSha256);
  EXPECT_EQ(listing->Find("config.json")->hash, kGit);
  EXPECT_FALSE(listing->Find("merges.txt")->size);
  EXPECT_EQ(listing->Find("merges.txt")->hash, "");
  EXPECT_EQ(listing->Find("model.onnx"), nullptr);
}

TEST(ParseListing, RefusesWhatContradictsItself) {
  const std::string lfs = R"("lfs":{"sha256":")" + kGit + R"(","size":1})";
  for (const std::string& bad :
       {std::string("[]"), std::string("{}"), std::string("null"), std::string("{"),
        std::string(R"({"sha":"main","siblings":[]})"),
        std::string(R"({"sha":")") + kCommit + "\"}", ListingOf(R"({"rfilename":"a","size":-1})"),
        ListingOf(R"({"rfilename":"a","size":1.5})"),
        ListingOf(R"({"rfilename":"a","size":9223372036854775807})"),
        ListingOf(R"({"rfilename":"a","blobId":"../../x"})"),
        ListingOf(R"({"rfilename":"a","blobId":")" + kSha256 + "\"}"),
        ListingOf(R"({"rfilename":"a",)" + lfs + "}"),
        ListingOf(R"({"rfilename":"a"},{"rfilename":"a"})")}) {
    const Status status = ParseListing(bad, "https://hub.example/x").status();
    EXPECT_EQ(status.code(), StatusCode::kCorruption) << bad;
    EXPECT_TRUE(status.message().starts_with("https://hub.example/x")) << status.message();
  }
}

TEST(ParseListing, PassesOverNamesThatAreNoFilesOfTheRoot) {
  const auto listing = ParseListing(
      ListingOf(R"({"rfilename":"../x"},{"rfilename":".."},{"rfilename":"a\\b"},{"rfilename":""},)"
                R"({"rfilename":"a\u0000b"},{"rfilename":7},{},7,{"rfilename":"good"})"),
      "hub");
  ESPY_ASSERT_OK(listing);
  ASSERT_EQ(listing->files.size(), 1u);
  EXPECT_EQ(listing->files[0].name, "good");
}

Listing Files(const std::vector<std::string>& names) {
  std::string siblings;
  for (const std::string& name : names) {
    siblings += (siblings.empty() ? "" : ",") + std::string(R"({"rfilename":")") + name + "\"}";
  }
  return *ParseListing(ListingOf(siblings), "hub");
}

TEST(ChooseFiles, TakesTheLayoutThatTheDirectoryWouldBeReadIn) {
  const std::vector<std::string> both = {"config.json",
                                         "model.safetensors",
                                         "open_clip_config.json",
                                         "tokenizer.json",
                                         "open_clip_model.safetensors",
                                         "preprocessor_config.json",
                                         "pytorch_model.bin",
                                         "README.md"};
  const auto transformers = ChooseFiles(Files(both), "org/name", R"({"model_type":"clip"})");
  ESPY_ASSERT_OK(transformers);
  EXPECT_EQ(transformers->files,
            (std::vector<std::string>{"config.json", "preprocessor_config.json", "tokenizer.json",
                                      "model.safetensors"}));
  // timm's config.json is of its image tower.
  const auto timm = ChooseFiles(Files(both), "org/name", R"({"architecture":"vit_base"})");
  ESPY_ASSERT_OK(timm);
  EXPECT_EQ(timm->files,
            (std::vector<std::string>{"open_clip_config.json", "preprocessor_config.json",
                                      "tokenizer.json", "open_clip_model.safetensors"}));
  const auto no_weights =
      ChooseFiles(Files({"config.json", "open_clip_config.json", "open_clip_model.safetensors"}),
                  "org/name", R"({"model_type":"clip"})");
  ESPY_ASSERT_OK(no_weights);
  EXPECT_EQ(no_weights->files.front(), "open_clip_config.json");
}

TEST(ChooseFiles, AnIndexNamesMoreFiles) {
  const Listing listing =
      Files({"config.json", "model.safetensors.index.json", "m-1.safetensors", "m-2.safetensors"});
  auto choice = ChooseFiles(listing, "org/name", R"({"model_type":"siglip2"})");
  ESPY_ASSERT_OK(choice);
  EXPECT_EQ(choice->index, "model.safetensors.index.json");
  ESPY_ASSERT_OK(AddShards(listing, "org/name",
                           R"({"weight_map":{"a":"m-2.safetensors","b":"m-1.safetensors"}})",
                           &*choice));
  EXPECT_EQ(choice->files, (std::vector<std::string>{"config.json", "model.safetensors.index.json",
                                                     "m-1.safetensors", "m-2.safetensors"}));
  EXPECT_EQ(
      AddShards(listing, "org/name", R"({"weight_map":{"a":"m-3.safetensors"}})", &*choice).code(),
      StatusCode::kCorruption);
  EXPECT_FALSE(AddShards(listing, "org/name", R"({"weight_map":{"a":"../x"}})", &*choice).ok());
}

TEST(ChooseFiles, SaysWhatARepositoryIsInstead) {
  const auto says = [](const std::vector<std::string>& names, const char* config,
                       const char* text) {
    const Status status = ChooseFiles(Files(names), "org/name", config).status();
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(status.message().starts_with("org/name")) << status.message();
    EXPECT_NE(status.message().find(text), std::string::npos) << status.message();
  };
  says({"config.json", "model.safetensors"}, R"({"model_type":"llama"})", "of type \"llama\"");
  says({"config.json", "pytorch_model.bin"}, R"({"model_type":"clip"})", "@refs/pr/N");
  says({"config.json"}, R"({"model_type":"clip"})", "no weights as safetensors");
  says({"open_clip_config.json", "open_clip_pytorch_model.bin"}, "", "in a pickle alone");
  says({"weights.gguf"}, "", "neither a config.json");
  says({"config.json"}, "{", "config.json");
}

TEST(ContentHash, IsGitsForSmallFilesAndSha256ForLargeOnes) {
  ContentHash git(40, 6);
  git.Update("hel");
  git.Update("lo\n");
  EXPECT_EQ(git.Finish(), "ce013625030ba8dba906f756967f9e9ca394464a");  // git hash-object
  ContentHash sha256(64, 6);
  sha256.Update("hello\n");
  EXPECT_EQ(sha256.Finish(), "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
}

TEST(BlobFile, GoesOnWithWhatIsThereAndIsNamedWhenWhole) {
  const testing::TempDir temp;
  const RemoteFile remote{
      .name = "a",
      .size = 6,
      .hash = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"};
  temp.Write("part", "hel");
  {
    const auto file = BlobFile::Open(temp / "part", remote, {});
    ESPY_ASSERT_OK(file);
    EXPECT_EQ((*file)->written(), 3u);
    EXPECT_EQ((*file)->Append("lo\nx").code(), StatusCode::kCorruption);
    ESPY_ASSERT_OK((*file)->Append("lo\n"));
    EXPECT_TRUE((*file)->full());
    EXPECT_TRUE((*file)->Matches());
    ESPY_ASSERT_OK((*file)->Commit(temp / "whole"));
  }
  EXPECT_EQ(testing::ReadFileOrDie(temp / "whole"), "hello\n");
  EXPECT_FALSE(fs::exists(temp / "part"));
  EXPECT_TRUE(*HasContent(temp / "whole", remote, {}));
  temp.Write("whole", "hallo\n");
  EXPECT_FALSE(*HasContent(temp / "whole", remote, {}));
  temp.Write("long", "much longer");
  EXPECT_EQ((*BlobFile::Open(temp / "long", remote, {}))->written(), 0u);
  fs::create_symlink(temp / "whole", temp / "link");
  EXPECT_FALSE(BlobFile::Open(temp / "link", remote, {}).ok());  // another's file is not written to
}

class SettingsTest : public ::testing::Test {
 protected:
  const testing::TempDir temp_;
  const Variable home_{"HF_HOME", temp_.path()};
  const Variable cache_{"HF_HUB_CACHE"}, old_cache_{"HUGGINGFACE_HUB_CACHE"};
  const Variable endpoint_{"HF_ENDPOINT"}, token_{"HF_TOKEN"}, old_token_{"HUGGING_FACE_HUB_TOKEN"};
  const Variable path_{"HF_TOKEN_PATH"}, implicit_{"HF_HUB_DISABLE_IMPLICIT_TOKEN"};
  const Variable offline_{"HF_HUB_OFFLINE"}, other_offline_{"TRANSFORMERS_OFFLINE"};
  const Variable timeout_{"HF_HUB_DOWNLOAD_TIMEOUT"};
};

TEST_F(SettingsTest, DefaultsAreTheHubs) {
  const auto settings = ReadSettings();
  ESPY_ASSERT_OK(settings);
  EXPECT_EQ(settings->endpoint, "https://huggingface.co");
  EXPECT_EQ(settings->cache, temp_ / "hub");
  EXPECT_EQ(settings->token, "");
  EXPECT_FALSE(settings->offline);
}

TEST_F(SettingsTest, TheTokenComesFromTheVariableElseFromTheFile) {
  temp_.Write("token", "hf_file\n");
  EXPECT_EQ(ReadSettings()->token, "hf_file");
  EXPECT_EQ(ReadSettings()->token_source, temp_ / "token");
  temp_.Write("elsewhere", "hf_elsewhere");
  const Variable path("HF_TOKEN_PATH", temp_ / "elsewhere");
  EXPECT_EQ(ReadSettings()->token, "hf_elsewhere");
  const Variable token("HF_TOKEN", " hf_variable\r\n");
  EXPECT_EQ(ReadSettings()->token, "hf_variable");
  EXPECT_EQ(ReadSettings()->token_source, "HF_TOKEN");
  const Variable without("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
  EXPECT_EQ(ReadSettings()->token, "");
}

TEST_F(SettingsTest, ATokenThatWouldEndItsHeaderIsRefused) {
  const Variable token("HF_TOKEN", "hf_a\r\nX-Other: b");
  EXPECT_EQ(ReadSettings().status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadSettings().status().message().find("hf_a"), std::string::npos);  // a secret
}

TEST_F(SettingsTest, SwitchesAndAddressesAreRead) {
  const Variable endpoint("HF_ENDPOINT", "http://127.0.0.1:1/");
  const Variable timeout("HF_HUB_DOWNLOAD_TIMEOUT", "7");
  EXPECT_EQ(ReadSettings()->endpoint, "http://127.0.0.1:1");
  EXPECT_EQ(ReadSettings()->stall_seconds, 7);
  for (const char* on : {"1", "ON", "yes", "True"}) {
    const Variable offline("HF_HUB_OFFLINE", on);
    EXPECT_TRUE(ReadSettings()->offline) << on;
  }
  for (const char* off : {"", "0", "no", "2"}) {
    const Variable offline("HF_HUB_OFFLINE", off);
    EXPECT_FALSE(ReadSettings()->offline) << off;
  }
  const Variable wrong("HF_HUB_DOWNLOAD_TIMEOUT", "soon");
  EXPECT_EQ(ReadSettings().status().code(), StatusCode::kInvalidArgument);
  const Variable other("HF_ENDPOINT", "huggingface.co");
  EXPECT_EQ(ReadSettings().status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace espy::hub
