// Captions of a library: who is captioned, what is stored, what is found by it, and what a stop
// leaves.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "tests/captioning/tiny_captioner.h"
#include "tests/engine/fixture.h"

namespace espy {
namespace {

class CaptionTest : public testing::LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    testing::WriteTinyCaptioner(captioner());
    MakePictures(kPictures);
    library_ = Open();
    Ingest(library_.get());
  }
  std::string captioner() const { return dir_ / "captioner"; }
  CaptionOptions Options() const {
    CaptionOptions options;
    options.model = captioner();
    options.min_confidence = 0;
    return options;
  }
  CaptionReport Caption(const CaptionOptions& options) {
    auto report = library_->Caption(options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : CaptionReport{};
  }
  std::vector<Record> Records(const std::string& where = "") {
    auto records = library_->List(where);
    EXPECT_TRUE(records.ok()) << records.status().message();
    return records.ok() ? *records : std::vector<Record>{};
  }

  static constexpr int kPictures = 11;  // more than a batch
  std::unique_ptr<Library> library_;
};

TEST_F(CaptionTest, EveryPictureGetsOneAndKeepsItOverAReopening) {
  const CaptionReport report = Caption(Options());
  EXPECT_EQ(report.items, 11u);
  EXPECT_EQ(report.captioned, 11u);
  EXPECT_EQ(report.failed, 0u);
  EXPECT_EQ(report.model, "captioner");
  EXPECT_EQ(report.model_id.size(), 32u);
  std::vector<Record> records = Records();
  ASSERT_EQ(records.size(), 11u);
  for (const Record& record : records) {
    ASSERT_TRUE(record.generated_caption);
    const GeneratedCaption& caption = *record.generated_caption;
    EXPECT_FALSE(caption.text.empty());
    EXPECT_EQ(caption.model, "captioner");
    EXPECT_EQ(caption.model_id, report.model_id);
    EXPECT_GT(caption.confidence, 0);
    EXPECT_LE(caption.confidence, 1);
    EXPECT_NE(caption.cosine, 0);
    EXPECT_LE(std::abs(caption.cosine), 1.001f);
    EXPECT_TRUE(caption.searched);
    EXPECT_EQ(SearchedCaption(record), caption.text);
    EXPECT_EQ(record.caption, "");
  }
  ExpectSound(library_.get());
  library_.reset();
  library_ = Open(/*read_only=*/true);
  EXPECT_EQ(Records(), records);
}

TEST_F(CaptionTest, IsTheSameWhateverTheBatch) {
  Caption(Options());
  const std::vector<Record> before = Records();
  CaptionOptions again = Options();
  again.force = true;
  again.batch_size = 1;
  EXPECT_EQ(Caption(again).captioned, 11u);
  const std::vector<Record> after = Records();
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].generated_caption, after[i].generated_caption);
  }
}

TEST_F(CaptionTest, WhatHasThisModelsCaptionIsLeftAloneAndAnotherModelsIsReplaced) {
  Caption(Options());
  const CaptionReport again = Caption(Options());
  EXPECT_EQ(again.already, 11u);
  EXPECT_EQ(again.captioned, 0u);
  testing::WriteTinyCaptioner(dir_ / "other", false, "name");
  CaptionOptions other = Options();
  other.model = dir_ / "other";
  const CaptionReport replaced = Caption(other);
  EXPECT_EQ(replaced.captioned, 11u);
  EXPECT_NE(replaced.model_id, again.model_id);
  for (const Record& record : Records()) {
    EXPECT_EQ(record.generated_caption->model, "other");
    EXPECT_EQ(record.generated_caption->model_id, replaced.model_id);
    EXPECT_EQ(record.generated_caption->text.find("word"), std::string::npos);
    // Without image-text matching: the tokens' mean probability.
    EXPECT_GT(record.generated_caption->confidence, 0);
    EXPECT_LT(record.generated_caption->confidence, 1);
  }
}

TEST_F(CaptionTest, APersonsWordsAreNeverTouchedAndOutrank) {
  const Record first = Records().front();
  ASSERT_TRUE(library_->SetCaption(first.id, "Rex at the lake").ok());
  const CaptionReport report = Caption(Options());
  EXPECT_EQ(report.by_hand, 1u);
  EXPECT_EQ(report.captioned, 10u);
  EXPECT_EQ(library_->Get(first.id)->caption, "Rex at the lake");
  EXPECT_FALSE(library_->Get(first.id)->generated_caption);
  CaptionOptions force = Options();
  force.force = true;
  EXPECT_EQ(Caption(force).by_hand, 1u);
  EXPECT_EQ(library_->Get(first.id)->caption, "Rex at the lake");

  // Written after the model has spoken: it stands before the model's.
  const Record second = Records().back();
  ASSERT_TRUE(second.generated_caption);
  ASSERT_TRUE(library_->SetCaption(second.id, "a boat").ok());
  EXPECT_EQ(SearchedCaption(*library_->Get(second.id)), "a boat");
  ASSERT_EQ(Records("caption = \"a boat\"").size(), 1u);
  ASSERT_TRUE(library_->SetCaption(second.id, "").ok());
  EXPECT_EQ(SearchedCaption(*library_->Get(second.id)), second.generated_caption->text);
  EXPECT_EQ(library_->SetCaption(second.id, std::string(5000, 'x')).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(CaptionTest, IsFoundByItsWordsWhenItIsSureEnough) {
  Caption(Options());
  const Record record = Records().front();
  const std::string text = record.generated_caption->text;
  SearchOptions words;
  words.k = 100;
  words.text = '"' + text + '"';
  const auto finds = [&] {
    const auto result = library_->Search({}, words);
    EXPECT_TRUE(result.ok()) << result.status().message();
    std::set<ItemId> ids;
    if (result.ok()) {
      for (const Hit& hit : result->hits) ids.insert(hit.id);
    }
    return ids.contains(record.id);
  };
  EXPECT_TRUE(finds());
  EXPECT_FALSE(Records("caption = \"" + text + "\"").empty());
  CaptionOptions strict = Options();
  strict.force = true;
  strict.min_confidence = 1;
  const CaptionReport report = Caption(strict);
  EXPECT_EQ(report.unsure, report.captioned);
  EXPECT_EQ(library_->Get(record.id)->generated_caption->text, text);  // stored all the same
  EXPECT_FALSE(finds());
  EXPECT_TRUE(Records("caption = \"" + text + "\"").empty());
}

// The model's own file says how its matcher's two numbers count, and from where on it is sure.
TEST_F(CaptionTest, ConfidenceIsAsTheModelsFileSays) {
  const auto write = [&](const std::string& json) {
    std::ofstream(captioner() + "/confidence.json") << json;
  };
  const auto confidences = [&](const CaptionOptions& options) {
    Caption(options);
    std::vector<float> all;
    for (const Record& record : Records()) all.push_back(record.generated_caption->confidence);
    return all;
  };
  CaptionOptions options = Options();
  options.force = true;
  options.min_confidence.reset();
  write(R"({"matching": 0, "cosine": 0, "bias": 2, "threshold": 0.9})");
  for (const float sure : confidences(options)) EXPECT_NEAR(sure, 1 / (1 + std::exp(-2.0)), 1e-6);
  EXPECT_EQ(Caption(options).unsure, 11u);  // 0.88
  options.min_confidence = 0.8;
  EXPECT_EQ(Caption(options).unsure, 0u);
  write(R"({"matching": 1, "cosine": 0})");
  const auto by_matching = confidences(options);
  write(R"({"matching": 0, "cosine": 1})");
  const auto by_cosine = confidences(options);
  write(R"({"matching": 1, "cosine": 1})");
  const auto by_both = confidences(options);
  const auto odds = [](float p) { return std::log(p / (1 - p)); };
  for (std::size_t i = 0; i < by_both.size(); ++i) {
    EXPECT_NE(by_cosine[i], by_matching[i]);
    EXPECT_NEAR(odds(by_both[i]), odds(by_matching[i]) + odds(by_cosine[i]), 1e-4);
  }
  write(R"({"matching": "much"})");
  const auto refused = library_->Caption(options);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("confidence.json: matching"), std::string::npos)
      << refused.status().message();
}

// While a picture is taken in its pixels are at hand: the caption is the one of a run of its own.
TEST_F(CaptionTest, AnIngestCaptionsWhatItTakes) {
  Caption(Options());
  std::map<std::string, GeneratedCaption> alone;
  for (const Record& record : Records()) alone[record.paths[0]] = *record.generated_caption;
  OpenOptions open;
  open.create_if_missing = true;
  open.model = model();
  open.threads = 1;
  auto other = Library::Open(dir_ / "other", open);
  ASSERT_TRUE(other.ok()) << other.status().message();
  IngestOptions options;
  options.paths = {pictures()};
  options.caption = Options();
  const auto taken = (*other)->Ingest(options);
  ASSERT_TRUE(taken.ok()) << taken.status().message();
  EXPECT_EQ(taken->added, 11u);
  EXPECT_EQ(taken->captioned, 11u);
  EXPECT_EQ(taken->unsure, 0u);
  const auto records = (*other)->List("");
  ASSERT_TRUE(records.ok());
  ASSERT_EQ(records->size(), 11u);
  for (const Record& record : *records) EXPECT_EQ(record.generated_caption, alone[record.paths[0]]);
  // Nothing is left to do, and no file is asked for.
  std::filesystem::remove_all(pictures());
  const auto after = (*other)->Caption(Options());
  ASSERT_TRUE(after.ok()) << after.status().message();
  EXPECT_EQ(after->already, 11u);
  EXPECT_EQ(after->captioned + after->failed, 0u);
}

TEST_F(CaptionTest, AnIngestWithoutItsCaptionerTakesNothing) {
  IngestOptions options;
  options.paths = {pictures()};
  options.caption.emplace().model = dir_ / "nowhere";
  EXPECT_EQ(library_->Ingest(options).status().code(), StatusCode::kNotFound);
  options.caption = Options();
  options.caption->min_confidence = 2;
  EXPECT_EQ(library_->Ingest(options).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(CaptionTest, OnlyWhatPassesTheFilterIsCaptioned) {
  CaptionOptions options = Options();
  options.where = "name = \"p3.bmp\"";
  options.dry_run = true;
  EXPECT_EQ(Caption(options).captioned, 1u);
  EXPECT_FALSE(Records(options.where).front().generated_caption);
  options.dry_run = false;
  const CaptionReport report = Caption(options);
  EXPECT_EQ(report.items, 1u);
  EXPECT_EQ(report.captioned, 1u);
  options.where = "no such field = 3";
  EXPECT_FALSE(library_->Caption(options).ok());
}

TEST_F(CaptionTest, APictureThatIsGoneIsCaptionedByItsThumbnail) {
  std::filesystem::remove(pictures() + "/" + Name(0));
  const CaptionReport report = Caption(Options());
  EXPECT_EQ(report.captioned, 11u);
  EXPECT_EQ(report.by_thumbnail, 1u);
  CaptionOptions thumbnails = Options();
  thumbnails.force = true;
  thumbnails.from_thumbnails = true;
  EXPECT_EQ(Caption(thumbnails).by_thumbnail, 11u);
}

TEST_F(CaptionTest, AnItemWithoutAnyPictureIsJournalledAndTheOthersAreCaptioned) {
  const std::vector<float> vector(16, 0.25f);
  ImportItem item;
  item.record.paths = {"/nowhere/x.jpg"};
  item.vector = vector;
  ASSERT_TRUE(library_->Import({&item, 1}).ok());
  const CaptionReport report = Caption(Options());
  EXPECT_EQ(report.captioned, 11u);
  EXPECT_EQ(report.failed, 1u);
  ASSERT_EQ(report.failures.size(), 1u);
  EXPECT_EQ(report.failures[0].path, "/nowhere/x.jpg");
  const auto failures = library_->Failures();
  ASSERT_TRUE(failures.ok());
  ASSERT_EQ(failures->size(), 1u);
  EXPECT_NE(failures->front().message.find("/nowhere/x.jpg: no caption"), std::string::npos)
      << failures->front().message;
  EXPECT_EQ(Caption(Options()).failed, 1u);  // tried again
  ExpectSound(library_.get());
}

TEST_F(CaptionTest, AStopKeepsWhatWasDoneAndTheNextRunGoesOn) {
  CaptionOptions options = Options();
  options.batch_size = 2;
  std::stop_source stop;
  auto report = library_->Caption(
      options,
      [&](const Progress& progress) {
        if (progress.done >= 4) stop.request_stop();
      },
      stop.get_token());
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_TRUE(report->cancelled);
  EXPECT_EQ(report->captioned, 4u);
  const CaptionReport rest = Caption(options);
  EXPECT_EQ(rest.already, 4u);
  EXPECT_EQ(rest.captioned, 7u);
  EXPECT_FALSE(rest.cancelled);
}

TEST_F(CaptionTest, ExportAndImportKeepIt) {
  Caption(Options());
  ExportOptions out;
  out.to = dir_ / "all.jsonl";
  ASSERT_TRUE(library_->Export(out).ok());
  const std::vector<Record> before = Records();
  library_.reset();
  std::filesystem::remove_all(library_path());
  library_ = Open();
  ImportFilesOptions in;
  in.files = {dir_ / "all.jsonl"};
  const auto imported = library_->ImportFiles(in);
  ASSERT_TRUE(imported.ok()) << imported.status().message();
  const std::vector<Record> after = Records();
  ASSERT_EQ(after.size(), before.size());
  std::multiset<std::string> texts, again;
  for (const Record& record : before) texts.insert(record.generated_caption->text);
  for (const Record& record : after) again.insert(record.generated_caption->text);
  EXPECT_EQ(texts, again);
}

TEST_F(CaptionTest, WrongModelsAndOptionsAreToldAndNothingChanges) {
  CaptionOptions options = Options();
  options.model = model();  // a CLIP
  const Status clip = library_->Caption(options).status();
  EXPECT_FALSE(clip.ok());
  EXPECT_NE(clip.message().find("config.json"), std::string::npos) << clip.message();
  options.model = dir_ / "nothing here";
  EXPECT_EQ(library_->Caption(options).status().code(), StatusCode::kNotFound);
  options = Options();
  options.min_confidence = 1.5;
  EXPECT_EQ(library_->Caption(options).status().code(), StatusCode::kInvalidArgument);
  options = Options();
  options.max_length = 4000;
  EXPECT_EQ(library_->Caption(options).status().code(), StatusCode::kInvalidArgument);
  options = Options();
  for (int i = 0; i < 60; ++i) options.prompt += "dog and cat ";
  EXPECT_FALSE(library_->Caption(options).ok());
  for (const Record& record : Records()) EXPECT_FALSE(record.generated_caption);
  library_.reset();
  library_ = Open(/*read_only=*/true);
  EXPECT_EQ(library_->Caption(Options()).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace espy
