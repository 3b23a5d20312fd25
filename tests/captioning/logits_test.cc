// What is done to logits, against numbers worked out by hand or by transformers' rules written
// plainly.
#include "captioning/logits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace espy::captioning {
namespace {

TEST(Rules, PenaliseEachTokenOfTheTextOnceAndForbidAnEarlyEnd) {
  GenerateOptions options;
  options.repetition_penalty = 2;
  options.min_length = 4;
  std::vector<float> scores{4, -1, 3, 8};
  const std::vector<std::int32_t> text{0, 1, 0};
  ApplyRules(options, text, 3, scores);
  EXPECT_EQ(scores[0], 2);
  EXPECT_EQ(scores[1], -2);
  EXPECT_EQ(scores[2], 3);
  EXPECT_EQ(scores[3], -std::numeric_limits<float>::infinity());
  options.min_length = 3;
  scores = {4, -1, 3, 8};
  ApplyRules(options, text, 3, scores);
  EXPECT_EQ(scores[3], 8);
}

TEST(Choice, TheFirstOfEqualsIsMostLikely) {
  EXPECT_EQ(MostLikely(std::vector<float>{1, 5, 5, 2}), 1);
}

TEST(LogSum, IsThatOfDoubles) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 5);
  for (const std::size_t n : {1u, 7u, 256u, 257u, 3000u}) {
    std::vector<float> scores(n);
    double sum = 0;
    for (float& score : scores) sum += std::exp(static_cast<double>(score = 60 + normal(random)));
    EXPECT_NEAR(LogSum(scores), std::log(sum), 1e-5);
  }
}

TEST(Sampling, KeepsTheTopKAndTheirEqualsThenTheTopP) {
  GenerateOptions options;
  options.top_k = 2;
  // Probabilities 0.4, 0.3, 0.3 after the softmax of their logarithms, and one left out.
  const std::vector<float> scores{std::log(0.3f), std::log(0.05f), std::log(0.4f), std::log(0.3f)};
  auto left = SamplingDistribution(options, scores);
  ASSERT_EQ(left.size(), 3u);
  EXPECT_EQ(left[0].token, 2);
  EXPECT_NEAR(left[0].probability, 0.4, 1e-6);
  EXPECT_EQ(left[1].token, 0);
  EXPECT_EQ(left[2].token, 3);
  // The last is left out: it and those below have 0.3, not above 1 - 0.7.
  options.top_p = 0.69f;
  left = SamplingDistribution(options, scores);
  ASSERT_EQ(left.size(), 2u);
  EXPECT_NEAR(left[0].probability, 0.4 / 0.7, 1e-6);
  // One is kept always.
  options.top_p = 1e-6f;
  ASSERT_EQ(SamplingDistribution(options, scores).size(), 1u);
  // Twice the temperature: square roots.
  options = {};
  options.temperature = 2;
  left = SamplingDistribution(options, scores);
  ASSERT_EQ(left.size(), 4u);
  EXPECT_NEAR(left[0].probability / left[1].probability, std::sqrt(0.4 / 0.3), 1e-6);
}

// 20,000 draws of eight tokens: the chi-square of 7 degrees of freedom is above 29.9 once in 10,000
// seeds, and this one is fixed.
TEST(Sampling, ScoresThatAreNoNumbersAreNeverDrawn) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  GenerateOptions options;
  options.sample = true;
  options.top_k = 2;
  options.top_p = 0.9f;
  const std::vector<float> some = {kNan, 1, kNan, 3, 2, kNan};
  const auto kept = SamplingDistribution(options, some);
  ASSERT_FALSE(kept.empty());
  EXPECT_EQ(kept[0].token, 3);
  for (const Candidate& candidate : kept) EXPECT_GT(candidate.probability, 0);
  const std::vector<float> none(6, kNan);
  EXPECT_EQ(Draw(SamplingDistribution(options, none), 0.5), 0);
}

TEST(Sampling, DrawsWithTheDistributionsProbabilities) {
  const std::vector<float> scores{0.1f, 1.5f, -1, 0, 2, 0.5f, -0.3f, 1};
  const auto distribution = SamplingDistribution({}, scores);
  std::vector<double> counts(scores.size());
  RandomStream stream(42, 0);
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    const double at = stream.Next();
    ASSERT_GE(at, 0);
    ASSERT_LT(at, 1);
    ++counts[static_cast<std::size_t>(Draw(distribution, at))];
  }
  double chi_square = 0;
  for (const Candidate& candidate : distribution) {
    const double expected = kDraws * static_cast<double>(candidate.probability);
    const double off = counts[static_cast<std::size_t>(candidate.token)] - expected;
    chi_square += off * off / expected;
  }
  EXPECT_LT(chi_square, 29.9);
}

TEST(Sampling, StreamsAndSeedsDiffer) {
  EXPECT_EQ(RandomStream(1, 2).Next(), RandomStream(1, 2).Next());
  EXPECT_NE(RandomStream(1, 2).Next(), RandomStream(1, 3).Next());
  EXPECT_NE(RandomStream(1, 2).Next(), RandomStream(2, 2).Next());
  EXPECT_NE(RandomStream(1, 2).Next(), RandomStream(2, 1).Next());
}

}  // namespace
}  // namespace espy::captioning
