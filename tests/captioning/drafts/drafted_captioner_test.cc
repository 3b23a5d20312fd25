// Captions from a directory with heads beside the model, and from captions of similar pictures.
#include "captioning/drafts/drafted_captioner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/captioning/golden_model.h"

namespace espy::captioning {
namespace {

class DraftedCaptionerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteGoldenModel(golden_, directory_);
    WriteGoldenTokenizer(directory_);
    auto loaded = Captioner::Load(directory_.path(), {.precision = Precision::kFloat32});
    ESPY_ASSERT_OK(loaded);
    captioner_ = std::move(*loaded);
    pictures_ = std::make_unique<GoldenPictures>(captioner_->config().vision);
    width_ = captioner_->config().text.width;
  }

  std::vector<parity::FormulaTensor> Heads() const {
    const float scale = 1 / std::sqrt(static_cast<float>(width_));
    return {{"0.0.linear.weight", {width_, width_}, scale},
            {"0.0.linear.bias", {width_}, 0.1f},
            {"1.0.linear.weight", {width_, width_}, scale},
            {"1.0.linear.bias", {width_}, 0.1f}};
  }
  // A module whose one layer has the shapes of the decoder's.
  std::vector<parity::FormulaTensor> Module() const {
    std::vector<parity::FormulaTensor> tensors = {{"hnorm.weight", {width_}, 0.1f, 1.0f},
                                                  {"enorm.weight", {width_}, 0.1f, 1.0f},
                                                  {"eh_proj.weight", {width_, 2 * width_}, 0.1f}};
    const std::string layer = "text_decoder.bert.encoder.layer.0.";
    for (const json& t : golden_["tensors"]) {
      const std::string name = t[0];
      if (!name.starts_with(layer)) continue;
      tensors.push_back({"layer.0." + name.substr(layer.size()), t[1], t[2], t[3]});
    }
    return tensors;
  }
  void Write(const std::string& file, const std::vector<parity::FormulaTensor>& tensors) const {
    directory_.Write(file, parity::FormulaSafetensors(tensors, "F16"));
  }

  std::vector<Caption> Plain(const CaptionOptions& options) const {
    auto captions = captioner_->CaptionPictures(pictures_->views, options);
    EXPECT_TRUE(captions.ok()) << testing::Why(captions);
    return std::move(*captions);
  }
  // Plain's captions, in as many steps or fewer; returns how many steps were saved.
  std::int64_t ExpectTheSame(DraftedCaptioner* drafted, const CaptionOptions& options,
                             const std::vector<std::vector<std::string>>& similar = {}) const {
    const std::vector<Caption> plain = Plain(options);
    const auto captions = drafted->CaptionPictures(pictures_->views, options, similar);
    EXPECT_TRUE(captions.ok()) << testing::Why(captions);
    std::int64_t saved = 0;
    for (std::size_t i = 0; captions.ok() && i < plain.size(); ++i) {
      EXPECT_EQ((*captions)[i].text, plain[i].text);
      EXPECT_EQ((*captions)[i].tokens, plain[i].tokens);
      EXPECT_EQ((*captions)[i].log_probability, plain[i].log_probability);
      EXPECT_LE((*captions)[i].steps, plain[i].steps);
      saved += plain[i].steps - (*captions)[i].steps;
    }
    return saved;
  }

  const json& golden_ = GoldenNamed("captions", "base");
  testing::TempDir directory_;
  std::unique_ptr<Captioner> captioner_;
  std::unique_ptr<GoldenPictures> pictures_;
  std::int64_t width_ = 0;
};

TEST_F(DraftedCaptionerTest, CaptionsAreTheSameWithEveryKindOfDrafts) {
  for (const bool heads : {false, true}) {
    for (const bool module : {false, true}) {
      if (heads) Write(kMedusaFile, Heads());
      if (module) Write(kMtpFile, Module());
      const auto drafted = DraftedCaptioner::Load(captioner_.get(), {.always = true});
      ESPY_ASSERT_OK(drafted);
      EXPECT_EQ((*drafted)->has_heads(), heads || module);
      CaptionOptions options;
      ExpectTheSame(drafted->get(), options);
      options.prompt = "a dog and";
      options.sample = true;
      options.seed = 4;
      ExpectTheSame(drafted->get(), options);
      if (heads) {
        EXPECT_GT((*drafted)->counters().drafted_rows, 0);
        EXPECT_EQ(std::remove((directory_ / kMedusaFile).c_str()), 0);
      }
      if (module) {
        EXPECT_EQ(std::remove((directory_ / kMtpFile).c_str()), 0);
      }
    }
  }
}

TEST_F(DraftedCaptionerTest, TheCaptionOfASimilarPictureSavesItsSteps) {
  CaptionOptions options;
  options.max_length = 14;
  for (const std::string prompt : {"", "a dog"}) {
    options.prompt = prompt;
    for (const bool strip : {false, true}) {
      options.strip_prompt = strip;
      std::vector<std::vector<std::string>> similar;
      for (const Caption& caption : Plain(options)) {
        similar.push_back({"something else", caption.text});
      }
      const auto drafted = DraftedCaptioner::Load(captioner_.get(), {.always = true});
      ESPY_ASSERT_OK(drafted);
      EXPECT_GT(ExpectTheSame(drafted->get(), options, similar), 3)
          << "prompt '" << prompt << "', stripped " << strip;
    }
  }
}

TEST_F(DraftedCaptionerTest, SimilarCaptionsOfAnyTextDoNoHarm) {
  const auto drafted = DraftedCaptioner::Load(captioner_.get(), {.always = true});
  ESPY_ASSERT_OK(drafted);
  std::string long_text;
  for (int i = 0; i < 5000; ++i) long_text += "dog ";
  const std::vector<std::vector<std::string>> similar = {
      {"", " ", "\xff\xfe\x01", long_text}, {}, std::vector<std::string>(500, "a dog")};
  ExpectTheSame(drafted->get(), {}, similar);
}

TEST_F(DraftedCaptionerTest, PicturesOfAnySizeAreFittedAsWithoutDrafts) {
  Write(kMedusaFile, Heads());
  const auto drafted = DraftedCaptioner::Load(captioner_.get(), {.always = true});
  ESPY_ASSERT_OK(drafted);
  std::vector<imaging::Image> images;
  for (const std::int32_t side : {20, 50, 33}) {
    imaging::Image image{.width = side, .height = side + 7};
    for (std::int32_t i = 0; i < side * (side + 7) * 3; ++i) {
      image.pixels.push_back(static_cast<std::uint8_t>(i * side));
    }
    images.push_back(std::move(image));
  }
  std::vector<imaging::PixelView> views;
  // More than are captioned at once.
  for (int i = 0; i < 18; ++i) {
    const imaging::Image& image = images[static_cast<std::size_t>(i % 3)];
    views.push_back({&image, {image.width, image.height}});
  }
  CaptionOptions options;
  options.sample = true;
  const auto plain = captioner_->CaptionPixels(views, options);
  ESPY_ASSERT_OK(plain);
  const auto captions = (*drafted)->CaptionPixels(
      views, options, std::vector<std::vector<std::string>>(18, {"a dog"}));
  ESPY_ASSERT_OK(captions);
  ASSERT_EQ(captions->size(), plain->size());
  for (std::size_t i = 0; i < plain->size(); ++i) {
    EXPECT_EQ((*captions)[i].tokens, (*plain)[i].tokens) << i;
  }
  EXPECT_GT((*drafted)->counters().drafted_rows, 0);
}

TEST_F(DraftedCaptionerTest, AFileOfAnotherModelIsRefusedByName) {
  directory_.Write(kMedusaFile,
                   parity::FormulaSafetensors({{"0.0.linear.weight", {7, 7}, 1.0f}}, "F32"));
  auto drafted = DraftedCaptioner::Load(captioner_.get());
  ASSERT_FALSE(drafted.ok());
  EXPECT_EQ(drafted.status().code(), StatusCode::kCorruption);
  EXPECT_NE(drafted.status().message().find("medusa_heads.safetensors"), std::string::npos);
  EXPECT_NE(drafted.status().message().find("0.0.linear.weight"), std::string::npos);
  directory_.Write(kMedusaFile, "nothing of the kind");
  drafted = DraftedCaptioner::Load(captioner_.get());
  ASSERT_FALSE(drafted.ok());
  EXPECT_NE(drafted.status().message().find("medusa_heads.safetensors"), std::string::npos);
}

}  // namespace
}  // namespace espy::captioning
