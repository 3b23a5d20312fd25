// Match scores and cosines against what transformers gives for the same weights, pictures and texts
// (goldens.json).
#include <gtest/gtest.h>

#include <numeric>

#include "captioning/matcher.h"
#include "tests/captioning/golden_model.h"

namespace espy::captioning {
namespace {

// The promise is 1e-4; in FP32 what is measured is 2e-6.
constexpr double kTolerance = 1e-4;

class MatchParity : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Transformers, MatchParity, ::testing::ValuesIn(CaseNames("matches")),
                         [](const auto& golden) { return golden.param; });

struct Scores {
  std::vector<Match> matches;   // [texts, pictures]
  std::vector<double> cosines;  // the same
};

Scores ScoresOf(const Matcher& matcher, const std::vector<std::vector<std::int32_t>>& texts) {
  const GoldenPictures pictures(matcher.config().vision);
  auto seen = matcher.Look(pictures.views);
  EXPECT_TRUE(seen.ok()) << seen.status().message();
  Scores scores;
  auto matches = matcher.MatchAllTokens(texts, *seen);
  EXPECT_TRUE(matches.ok()) << matches.status().message();
  scores.matches = *matches;
  auto vectors = matcher.TokenVectors(texts);
  EXPECT_TRUE(vectors.ok()) << vectors.status().message();
  const auto n = static_cast<std::size_t>(matcher.config().projection);
  for (std::size_t t = 0; t < texts.size(); ++t) {
    for (const SeenPicture& picture : *seen) {
      scores.cosines.push_back(
          std::inner_product(picture.vector.begin(), picture.vector.end(),
                             vectors->begin() + static_cast<std::ptrdiff_t>(t * n), 0.0));
    }
  }
  return scores;
}

TEST_P(MatchParity, ScoresAreTransformers) {
  const json& golden = GoldenNamed("matches", GetParam());
  testing::TempDir directory;
  WriteGoldenModel(golden, directory);
  WriteGoldenTokenizer(directory);
  const auto texts = golden["texts"].get<std::vector<std::vector<std::int32_t>>>();
  const auto matcher = Matcher::Load(directory.path(), {{.precision = Precision::kFloat32}});
  ESPY_ASSERT_OK(matcher);
  const Scores scores = ScoresOf(**matcher, texts);
  std::size_t at = 0;
  for (std::size_t t = 0; t < texts.size(); ++t) {
    for (std::size_t p = 0; p < kGoldenPictures; ++p, ++at) {
      EXPECT_NEAR(scores.matches[at].probability, golden["matches"][t][p].get<double>(),
                  kTolerance);
      EXPECT_NEAR(scores.matches[at].logit, golden["logits"][t][p][1].get<double>(), kTolerance);
      EXPECT_NEAR(scores.cosines[at], golden["cosines"][t][p].get<double>(), kTolerance);
    }
  }
}

// BF16 keeps 8 bits of every number that is multiplied, INT8 about 7 of the largest of a row: the
// logits of these narrow models move by some hundredths and tenths.
TEST_P(MatchParity, LowerPrecisionsStayNear) {
  const json& golden = GoldenNamed("matches", GetParam());
  testing::TempDir directory;
  WriteGoldenModel(golden, directory);
  WriteGoldenTokenizer(directory);
  const auto texts = golden["texts"].get<std::vector<std::vector<std::int32_t>>>();
  for (const auto& [precision, tolerance] :
       {std::pair(Precision::kBfloat16, 0.05), std::pair(Precision::kInt8, 0.15)}) {
    const auto matcher = Matcher::Load(directory.path(), {{.precision = precision}});
    ESPY_ASSERT_OK(matcher);
    const Scores scores = ScoresOf(**matcher, texts);
    for (std::size_t at = 0; at < scores.matches.size(); ++at) {
      const std::size_t t = at / kGoldenPictures, p = at % kGoldenPictures;
      EXPECT_NEAR(scores.matches[at].probability, golden["matches"][t][p].get<double>(), tolerance);
      EXPECT_NEAR(scores.cosines[at], golden["cosines"][t][p].get<double>(), tolerance);
    }
  }
}

TEST_P(MatchParity, AScoreDoesNotDependOnTheOthers) {
  const json& golden = GoldenNamed("matches", GetParam());
  testing::TempDir directory;
  WriteGoldenModel(golden, directory);
  WriteGoldenTokenizer(directory);
  const auto texts = golden["texts"].get<std::vector<std::vector<std::int32_t>>>();
  const auto matcher = Matcher::Load(directory.path(), {{.threads = 2}});
  const auto single = Matcher::Load(directory.path(), {{.threads = 1}});
  ESPY_ASSERT_OK(matcher);
  ESPY_ASSERT_OK(single);
  const Scores all = ScoresOf(**matcher, texts);
  for (std::size_t t = 0; t < texts.size(); ++t) {
    const Scores one = ScoresOf(**single, {texts[t]});
    for (std::size_t p = 0; p < kGoldenPictures; ++p) {
      EXPECT_EQ(one.matches[p].logit, all.matches[t * kGoldenPictures + p].logit);
      EXPECT_EQ(one.cosines[p], all.cosines[t * kGoldenPictures + p]);
    }
  }
}

TEST(Matcher, CutsTextsAndBeginsThemAsAsked) {
  const json& golden = GoldenNamed("matches", "match_base");
  testing::TempDir directory;
  WriteGoldenModel(golden, directory);
  WriteGoldenTokenizer(directory);
  const std::int32_t enc = golden["config"]["text_config"]["bos_token_id"].get<std::int32_t>() + 1;
  const auto plain = Matcher::Load(directory.path());
  ESPY_ASSERT_OK(plain);
  const std::string text = "a dog and a cat and a dog";
  const std::vector<std::int32_t> ids = (*plain)->Tokens(text);
  EXPECT_EQ(ids.size(), 10u);
  MatcherOptions options;
  options.max_tokens = 5;
  options.begin_with_enc = true;
  const auto cut = Matcher::Load(directory.path(), options);
  ESPY_ASSERT_OK(cut);
  EXPECT_EQ((*cut)->Tokens(text), (std::vector<std::int32_t>{enc, ids[1], ids[2], ids[3], ids[9]}));
  options.max_tokens = 41;
  const auto too_long = Matcher::Load(directory.path(), options);
  EXPECT_EQ(too_long.status().code(), StatusCode::kInvalidArgument);
  const std::vector<std::vector<std::int32_t>> wrong{{240}};
  EXPECT_EQ((*plain)->TokenVectors(wrong).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace espy::captioning
