// What the losses make of their targets, and how hard negatives are drawn.
#include <gtest/gtest.h>

#include "training/losses/language.h"
#include "training/losses/matching.h"

namespace espy::training {
namespace {

using Numbers = std::vector<std::int64_t>;

TEST(TokensAhead, NeverLookIntoTheNextSequence) {
  const Numbers tokens = {1, 2, 3, 4, 5}, lengths = {3, 2};
  EXPECT_EQ(TokensAhead(tokens, lengths, 1), (Numbers{2, 3, kIgnore, 5, kIgnore}));
  EXPECT_EQ(TokensAhead(tokens, lengths, 2), (Numbers{3, kIgnore, kIgnore, kIgnore, kIgnore}));
  EXPECT_EQ(TokensAhead(tokens, lengths, 9), Numbers(5, kIgnore));
}

TEST(HardNegatives, AreDrawnInProportionToTheSoftmaxOfSimilarities) {
  // Row 0 against 1, 2, 3: e^2 : e^1 : e^0.
  const std::vector<float> similarity = {9, 2, 1, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9};
  Random random(7);
  std::vector<int> counts(4);
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    const HardNegatives drawn = SampleHardNegatives(similarity, 4, {}, &random);
    ++counts[static_cast<std::size_t>(drawn.text_of_image[0])];
    for (std::size_t j = 0; j < 4; ++j) {
      ASSERT_NE(drawn.text_of_image[j], static_cast<std::int64_t>(j));
      ASSERT_NE(drawn.image_of_text[j], static_cast<std::int64_t>(j));
    }
  }
  EXPECT_EQ(counts[0], 0);
  // The softmax is over the row with its own pair, e^9, beside which 1e-4 counts too.
  const double all = std::exp(9.0) + std::exp(2.0) + std::exp(1.0) + 1;
  double weights[4] = {0, std::exp(2.0) / all + 1e-4, std::exp(1.0) / all + 1e-4, 1 / all + 1e-4};
  const double sum = weights[1] + weights[2] + weights[3];
  for (std::size_t j = 1; j < 4; ++j) {
    // Five standard deviations of 20,000 draws are below 0.018.
    EXPECT_NEAR(counts[j] / double{kDraws}, weights[j] / sum, 0.018) << j;
  }
}

TEST(HardNegatives, ArePartnersNever) {
  const std::vector<float> similarity(9, 1.0f);
  const Numbers same = {5, 5, 8};
  Random random(1);
  for (int i = 0; i < 200; ++i) {
    const HardNegatives drawn = SampleHardNegatives(similarity, 3, same, &random);
    EXPECT_EQ(drawn.text_of_image[0], 2);
    EXPECT_EQ(drawn.image_of_text[1], 2);
    EXPECT_LT(drawn.text_of_image[2], 2);
  }
  const Numbers alike = {5, 5, 5};
  EXPECT_EQ(SampleHardNegatives(similarity, 3, alike, &random).text_of_image, Numbers(3, -1));
}

}  // namespace
}  // namespace espy::training
