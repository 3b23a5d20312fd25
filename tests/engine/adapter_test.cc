// train adapter: a library's tags teach its phrases, and only where that is shown.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/engine/fixture.h"
#include "tests/engine/made_library.h"

namespace espy::testing {
namespace {

constexpr std::size_t kDimension = 16;  // of the tiny model
constexpr int kNames = 6, kEach = 25;

class AdapterTest : public LibraryTest {
 protected:
  // Pictures in groups, each tagged with a name that the model knows nothing of; with `shown` false
  // the tags are dealt out whatever the picture shows.
  void Fill(Library* library, bool shown) const {
    MadeVectors vectors(5, kDimension, kNames);
    std::vector<std::vector<float>> rows;
    std::vector<ImportItem> items(kNames * kEach);
    for (std::size_t i = 0; i < items.size(); ++i) {
      rows.push_back(vectors.Near(i % kNames));
      items[i].record.paths = {"/made/" + std::to_string(i) + ".jpg"};
      const std::size_t name = shown ? i % kNames : (i * 7 + i / 13) % kNames;
      items[i].record.tags = {"name" + std::to_string(name)};
    }
    for (std::size_t i = 0; i < items.size(); ++i) items[i].vector = rows[i];
    const auto report = library->Import(items, {.space = model()});
    ASSERT_TRUE(report.ok()) << report.status().message();
  }

  // The share of the ten best for a name that carry it.
  static double Precision(Library* library, bool adapter) {
    double right = 0;
    for (int name = 0; name < kNames; ++name) {
      const std::string tag = "name" + std::to_string(name);
      SearchOptions options;
      options.adapter = adapter;
      const auto result = library->Search(*ParseQuery({tag}), options);
      EXPECT_TRUE(result.ok()) << result.status().message();
      for (const Hit& hit : result->hits) right += hit.record.tags[0] == tag ? 0.1 : 0;
    }
    return right / kNames;
  }
};

AdapterOptions Options() {
  AdapterOptions options;
  options.steps = 250;
  return options;
}

TEST_F(AdapterTest, SearchesFindWhatIsTaggedOnceItIsTrained) {
  auto library = Open();
  Fill(library.get(), true);
  const double before = Precision(library.get(), true);
  const auto seq = library->Info()->seq;
  const auto vector = library->Vector(library->List("", 1)->front().id);
  AdapterOptions options = Options();
  options.plot = dir_ / "loss.svg";
  const auto report = library->TrainAdapter(options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_TRUE(report->kept);
  EXPECT_GT(report->after, report->before + 0.2);
  EXPECT_GT(report->gain_low, 0);
  EXPECT_EQ(report->texts, std::uint64_t{kNames});
  EXPECT_EQ(report->pairs + report->held_out, std::uint64_t{kNames * kEach});
  EXPECT_GT(Precision(library.get(), true), before + 0.3);
  EXPECT_EQ(Precision(library.get(), false), before) << "it is switched off by a flag";
  EXPECT_EQ(ReadFileOrDie(options.plot).rfind("<svg", 0), 0u);
  EXPECT_FALSE(std::filesystem::exists(library_path() + "/adapter.checkpoint"));

  // Stored vectors and the log are what they were.
  EXPECT_EQ(library->Info()->seq, seq);
  EXPECT_EQ(*library->Vector(library->List("", 1)->front().id), *vector);
  const AdapterInfo info = library->Info()->spaces[0].adapter;
  EXPECT_GT(info.trained_unix, 0);
  EXPECT_NEAR(info.after, report->after, 1e-6);
  ExpectSound(library.get());

  // It is part of the library: after opening again, for readers, and in a backup.
  const double with = Precision(library.get(), true);
  ASSERT_TRUE(library->Backup({.directory = dir_ / "backup"}).ok());
  library.reset();
  auto reader = Open(/*read_only=*/true);
  EXPECT_EQ(Precision(reader.get(), true), with);
  EXPECT_EQ(reader->TrainAdapter(Options()).status().code(), StatusCode::kInvalidArgument);
  reader.reset();
  library = Open();
  ASSERT_TRUE(library->RemoveAdapter().ok());
  EXPECT_EQ(Precision(library.get(), true), before);
  EXPECT_EQ(library->Info()->spaces[0].adapter.trained_unix, 0);
  EXPECT_EQ(library->RemoveAdapter().code(), StatusCode::kNotFound);
  library.reset();
  ASSERT_TRUE(RestoreBackup({.directory = dir_ / "backup", .library = dir_ / "restored"}).ok());
  auto restored = Library::Open(dir_ / "restored", {.model = model()});
  ASSERT_TRUE(restored.ok()) << restored.status().message();
  EXPECT_EQ(Precision(restored->get(), true), with);
}

TEST_F(AdapterTest, WhatTagsDoNotShowIsNotKept) {
  auto library = Open();
  Fill(library.get(), false);
  const double before = Precision(library.get(), true);
  const auto report = library->TrainAdapter(Options());
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_FALSE(report->better);
  EXPECT_FALSE(report->kept);
  EXPECT_EQ(Precision(library.get(), true), before);
  EXPECT_EQ(library->Info()->spaces[0].adapter.trained_unix, 0);
}

TEST_F(AdapterTest, ADryRunJudgesAndKeepsNothing) {
  auto library = Open();
  Fill(library.get(), true);
  AdapterOptions options = Options();
  options.dry_run = true;
  const auto report = library->TrainAdapter(options);
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->better);
  EXPECT_FALSE(report->kept);
  EXPECT_EQ(library->Info()->spaces[0].adapter.trained_unix, 0);
}

TEST_F(AdapterTest, StoppedItGoesOnAndEndsWithTheSameAnswers) {
  auto library = Open();
  Fill(library.get(), true);
  std::stop_source source;
  const auto stopped = library->TrainAdapter(
      Options(),
      [&](const Progress& p) {
        if (p.done == 60) source.request_stop();
      },
      source.get_token());
  EXPECT_EQ(stopped.status().code(), StatusCode::kCancelled);
  EXPECT_TRUE(std::filesystem::exists(library_path() + "/adapter.checkpoint"));
  EXPECT_EQ(library->Info()->spaces[0].adapter.trained_unix, 0);
  library.reset();
  library = Open();
  const auto resumed = library->TrainAdapter(Options());
  ASSERT_TRUE(resumed.ok()) << resumed.status().message();
  EXPECT_EQ(resumed->resumed_from, 60);
  const auto whole = library->TrainAdapter(Options());
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->resumed_from, 0);
  EXPECT_EQ(whole->after, resumed->after);
  EXPECT_EQ(whole->drift, resumed->drift);
}

TEST_F(AdapterTest, TooFewTagsAreSaid) {
  MakePictures(3);
  auto library = Open();
  Ingest(library.get());
  const auto report = library->TrainAdapter();
  EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(report.status().message().find("too few"), std::string::npos);
}

TEST_F(AdapterTest, ADroppedSpaceTakesItsAdapterWithIt) {
  auto library = Open();
  Fill(library.get(), true);
  ASSERT_TRUE(library->TrainAdapter(Options())->kept);
  WriteTinyModel(dir_ / "other", 2);
  ASSERT_TRUE(library->UseModel(dir_ / "other", {.allow_missing = true}).ok());
  const auto info = library->Info();
  ASSERT_EQ(info->spaces.size(), 2u);
  EXPECT_EQ(info->spaces[1].adapter.trained_unix, 0);  // an adapter is of one space
  EXPECT_GT(info->spaces[0].adapter.trained_unix, 0);
  ASSERT_TRUE(library->DropSpace("1").ok());
  EXPECT_EQ(library->Info()->spaces.size(), 1u);
  ExpectSound(library.get());
}

// Another training of heads is tested in tests/training; here, what the public call refuses.
TEST(TrainDraftHeadsTest, WrongOptionsAndFilesAreNamed) {
  const TempDir dir;
  const auto says = [&](const DraftHeadOptions& options) {
    return TrainDraftHeads(options).status().message();
  };
  DraftHeadOptions options;
  EXPECT_NE(says(options).find("wants the captioner's directory"), std::string::npos);
  options.model = dir.path();
  EXPECT_NE(says(options).find("wants a file"), std::string::npos);
  options.data = dir / "said.safetensors";
  options.heads = 17;
  EXPECT_NE(says(options).find("--heads 17"), std::string::npos);
  options.heads = 3;
  options.precision = "fp8";
  EXPECT_NE(says(options).find("fp8"), std::string::npos);
  options.precision = "fp16";
  EXPECT_NE(says(options).find("config.json"), std::string::npos);
}

}  // namespace
}  // namespace espy::testing
