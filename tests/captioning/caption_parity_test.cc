// Towers and captions against what transformers gives for the same weights, pictures and options
// (goldens.json).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "captioning/generate.h"
#include "tests/captioning/golden_model.h"

namespace espy::captioning {
namespace {

class CaptionParity : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Transformers, CaptionParity, ::testing::ValuesIn(CaseNames("captions")),
                         [](const auto& golden) { return golden.param; });

// The goldens are of FP64. A sum of n terms in FP32 is uncertain by about sqrt(n) * 2^-24 of its
// size, some 1e-6 at these widths, and each of up to ten layers adds as much again to rows of the
// order of 1; logits are sums over such rows of up to ten times that. A wrong formula shows as 1e-2
// and more.
constexpr double kRowTolerance = 5e-5;
constexpr double kLogitTolerance = 5e-4;

TEST_P(CaptionParity, TowersGiveTransformersNumbers) {
  const json& golden = GoldenNamed("captions", GetParam());
  const auto towers = OpenTowers(golden);
  ESPY_ASSERT_OK(towers);
  const GoldenTowers& t = **towers;
  // The first four columns of every row of the first picture.
  const std::int64_t width = t.vision.width();
  ASSERT_EQ(static_cast<std::int64_t>(golden["image"].size()), 4 * t.vision.tokens());
  for (std::int64_t row = 0; row < t.vision.tokens(); ++row) {
    for (std::int64_t c = 0; c < 4; ++c) {
      ASSERT_NEAR(t.image[static_cast<std::size_t>(row * width + c)],
                  golden["image"][static_cast<std::size_t>(4 * row + c)].get<double>(),
                  kRowTolerance);
    }
  }
  CrossCache cross = LookAt(t);
  KvCache cache = t.decoder->NewCache();
  cache.Add(0);
  DecoderOutput out;
  const std::vector<std::vector<std::int32_t>> start{{t.config.text.bos_id, 5, 17, 9}};
  ESPY_ASSERT_OK(ReadStarts(*t.decoder, start, &cache, &cross, &out));
  ASSERT_EQ(static_cast<std::int64_t>(golden["logits"].size()), t.config.text.vocabulary);
  for (std::size_t i = 0; i < golden["logits"].size(); ++i) {
    ASSERT_NEAR(out.logits[i], golden["logits"][i].get<double>(), kLogitTolerance) << i;
  }
}

GenerateOptions OptionsOf(const json& run) {
  GenerateOptions options;
  options.max_length = run["max_length"];
  options.min_length = run.value("min_length", 0);
  options.beams = run.value("num_beams", 1);
  options.length_penalty = run.value("length_penalty", 1.0f);
  options.repetition_penalty = run.value("repetition_penalty", 1.0f);
  if (run.contains("early_stopping")) {
    options.early_stopping = run["early_stopping"] == "never"
                                 ? GenerateOptions::EarlyStopping::kNever
                                 : GenerateOptions::EarlyStopping::kAtOnce;
  }
  return options;
}

TEST_P(CaptionParity, CaptionsAreTransformersTokenForToken) {
  const json& golden = GoldenNamed("captions", GetParam());
  const auto towers = OpenTowers(golden);
  ESPY_ASSERT_OK(towers);
  const GoldenTowers& t = **towers;
  CrossCache cross = LookAt(t);
  for (const json& run : golden["runs"]) {
    std::vector<std::int32_t> start{t.config.text.bos_id};
    for (const json& token : run.value("prompt", json::array())) start.push_back(token);
    const std::vector<std::vector<std::int32_t>> starts(kGoldenPictures, start);
    const auto captions = Generate(*t.decoder, &cross, starts, OptionsOf(run));
    ESPY_ASSERT_OK(captions);
    for (std::size_t p = 0; p < captions->size(); ++p) {
      const Generated& caption = (*captions)[p];
      EXPECT_EQ(caption.tokens, run["captions"][p].get<std::vector<std::int32_t>>())
          << "picture " << p << " of " << run.dump();
      EXPECT_LT(caption.log_probability, 0);
      if (run.contains("scores")) {
        EXPECT_NEAR(caption.score, run["scores"][p].get<double>(),
                    1e-4 * std::max(1.0, std::abs(run["scores"][p].get<double>())));
      }
    }
  }
}

}  // namespace
}  // namespace espy::captioning
