#include <gtest/gtest.h>

#include <vector>

#include "captioning/drafts/generate_drafted.h"
#include "captioning/drafts/text_drafter.h"
#include "tests/captioning/drafts/tiny_decoders.h"
#include "tests/support/temp_dir.h"

namespace espy::captioning {
namespace {

using Tokens = std::vector<std::int32_t>;

class DraftedDecoding : public ::testing::Test {
 protected:
  DraftedDecoding() : tiny_({}, 1) { options_.repetition_penalty = 1.5f; }

  Result<std::vector<Generated>> Drafted(int image, Drafter* drafter, Speculation* speculation) {
    const std::vector<float> pixels = tiny_.Image(image);
    CrossCache cross;
    auto keys = tiny_.decoder->Look(pixels.data(), TinyDecoder::kImageTokens);
    if (!keys.ok()) return keys.status();
    cross.Add(*keys);
    Drafter* const drafters[] = {drafter};
    const DraftPicture pictures[] = {{pixels.data(), TinyDecoder::kImageTokens}};
    const std::vector<Tokens> starts = {{1, 5}};
    return GenerateDrafted(*tiny_.decoder, &cross, starts, options_, drafters, pictures,
                           speculation);
  }
  Generated Plain(int image) { return tiny_.Plain({tiny_.Image(image)}, {{1, 5}}, options_)[0]; }

  TinyDecoder tiny_;
  GenerateOptions options_;
};

TEST_F(DraftedDecoding, ACaptionThatANeighbourHasTakesOnePass) {
  options_.max_length = 17;  // no draft is deeper than 16 tokens
  const Generated plain = Plain(7);
  ASSERT_GT(plain.steps, 5);
  NeighbourDrafter neighbour;
  neighbour.SetCaptions({{{1, 5, 9, 9, 9, 2}, 1}, {plain.tokens, 1}});
  Speculation speculation({.always = true});
  const auto drafted = Drafted(7, &neighbour, &speculation);
  ESPY_ASSERT_OK(drafted);
  EXPECT_EQ((*drafted)[0].tokens, plain.tokens);
  EXPECT_EQ((*drafted)[0].log_probability, plain.log_probability);
  EXPECT_EQ((*drafted)[0].steps, 1) << "prompt and draft are verified together";
}

TEST_F(DraftedDecoding, CountsWhatWasTriedAndHeldByDepth) {
  const Generated plain = Plain(3);
  const auto length = static_cast<std::int64_t>(plain.tokens.size());
  ASSERT_GE(length, 8);
  // Right for two tokens after the prompt, then wrong.
  Tokens wrong(plain.tokens.begin(), plain.tokens.begin() + 4);
  wrong.push_back(plain.tokens[4] == 7 ? 8 : 7);
  NeighbourDrafter neighbour;
  neighbour.SetCaptions({{wrong, 1}});
  Speculation speculation({.always = true});
  const auto drafted = Drafted(3, &neighbour, &speculation);
  ESPY_ASSERT_OK(drafted);
  EXPECT_EQ((*drafted)[0].tokens, plain.tokens);
  const SpeculationCounters& counters = speculation.counters();
  EXPECT_GE(counters.tried[0], 1);
  EXPECT_GE(counters.held[1], 1);
  EXPECT_GE(counters.tried[2], 1);
  EXPECT_LT(counters.held[2], counters.tried[2]);
  EXPECT_EQ((*drafted)[0].steps, length - 2 - counters.accepted_rows);
}

// A drafter that knows the caption, and a clock that it moves.
class SlowDrafter : public Drafter {
 public:
  SlowDrafter(double* clock, const double* cost) : clock_(clock), cost_(cost) {}
  void SetText(const Tokens& text) { inner_.SetCaptions({{text, 1}}); }
  std::string_view name() const override { return "slow"; }
  Status Begin(const DraftPicture& picture) override { return inner_.Begin(picture); }
  Status Propose(const DraftContext& context, DraftTree* tree) override {
    ++asked_;
    *clock_ += *cost_;
    DraftContext shallow = context;
    shallow.depth = 1;
    shallow.nodes = 1;
    return inner_.Propose(shallow, tree);
  }
  void Observe(std::span<const std::int32_t> truth) override { inner_.Observe(truth); }
  int asked() const { return asked_; }

 private:
  NeighbourDrafter inner_;
  double* clock_;
  const double* cost_;
  int asked_ = 0;
};

TEST_F(DraftedDecoding, DraftsThatCostMoreThanTheyBringAreTurnedOffAndTriedAgain) {
  double clock = 0;
  double cost = 1000;
  SpeculationOptions speculation_options;
  // Every look at the clock takes a second: a pass takes one, a proposal its cost.
  speculation_options.now = [&clock] { return clock += 1; };
  Speculation speculation(speculation_options);
  SlowDrafter drafter(&clock, &cost);
  const auto caption = [&](int image) {
    const Generated plain = Plain(image);
    drafter.SetText(plain.tokens);
    const auto drafted = Drafted(image, &drafter, &speculation);
    ASSERT_TRUE(drafted.ok());
    EXPECT_EQ((*drafted)[0].tokens, plain.tokens) << "whether drafts are on or off";
  };
  for (int image = 0; image < 20; ++image) caption(image);
  EXPECT_FALSE(speculation.Gate(1).on());
  EXPECT_LT(drafter.asked(), 80) << "of some 350 passes";
  cost = 0;
  for (int image = 20; image < 200 && !speculation.Gate(1).on(); ++image) caption(image);
  EXPECT_TRUE(speculation.Gate(1).on());
}

TEST(Speculation, TheSizeFollowsWhatRowsCost) {
  Speculation speculation;
  const std::vector<double> reaches = {0.8, 0.5, 0.3, 0.2, 0.1, 0.1, 0.05, 0.05};
  // A machine whose passes take no longer with eight rows than with one.
  for (int i = 0; i < 50; ++i) {
    speculation.Observe(1, 1, false, 0, 0.010, 1);
    speculation.Observe(1, 8, true, 0, 0.0101, 2);
  }
  EXPECT_GE(speculation.Size(reaches, 1), 6);
  EXPECT_GE(speculation.Budget(), 12);
  // One whose rows cost a pass each.
  Speculation slow;
  for (int i = 0; i < 50; ++i) {
    slow.Observe(1, 1, false, 0, 0.010, 1);
    slow.Observe(1, 2, true, 0, 0.020, 2);
    slow.Observe(1, 8, true, 0, 0.080, 2);
  }
  EXPECT_EQ(slow.Size(reaches, 1), 0);
  EXPECT_EQ(slow.Budget(), 8);
}

TEST(Speculation, AMachineThatIsBusyWithABatchDraftsLess) {
  Speculation speculation;
  // Free up to eight rows, then a pass for every eight more.
  for (int i = 0; i < 50; ++i) {
    for (const int rows : {1, 2, 4, 8}) speculation.Observe(1, rows, true, 0, 0.010, 1);
    for (const int rows : {16, 32, 64, 128}) {
      speculation.Observe(8, rows, true, 0, 0.010 * rows / 8, 1);
    }
  }
  const std::vector<double> reaches = {0.8, 0.5, 0.3, 0.2, 0.1, 0.1, 0.05, 0.05};
  EXPECT_GE(speculation.Size(reaches, 1), 6);
  EXPECT_LE(speculation.Size(reaches, 8), 1);
}

TEST_F(DraftedDecoding, TypicalAcceptanceWritesOtherCaptionsWithinTheSameRules) {
  options_.sample = true;
  int different = 0;
  for (int image = 0; image < 40; ++image) {
    const Generated plain = Plain(image);
    HeadsDrafter drafter(tiny_.decoder.get(), tiny_.heads.get(), nullptr, nullptr);
    Speculation speculation(
        {.acceptance = SpeculationOptions::Acceptance::kTypical, .always = true});
    const auto drafted = Drafted(image, &drafter, &speculation);
    ESPY_ASSERT_OK(drafted);
    const Tokens& tokens = (*drafted)[0].tokens;
    different += tokens != plain.tokens ? 1 : 0;
    ASSERT_LE(static_cast<std::int64_t>(tokens.size()), options_.max_length);
    for (std::size_t i = 2; i + 1 < tokens.size(); ++i) {
      ASSERT_NE(tokens[i], tiny_.config.sep_id) << "nothing follows the end";
    }
    if (static_cast<std::int64_t>(tokens.size()) < options_.max_length) {
      EXPECT_EQ(tokens.back(), tiny_.config.sep_id);
    }
  }
  EXPECT_GT(different, 0);
}

TEST_F(DraftedDecoding, BeamSearchAndWrongOptionsAreGeneratesOwn) {
  NeighbourDrafter neighbour;
  neighbour.SetCaptions({{{1, 5, 6, 2}, 1}});
  Speculation speculation({.always = true});
  options_.beams = 3;
  const Generated plain = Plain(4);
  const auto drafted = Drafted(4, &neighbour, &speculation);
  ESPY_ASSERT_OK(drafted);
  EXPECT_EQ((*drafted)[0].tokens, plain.tokens);
  EXPECT_EQ(speculation.counters().drafted_rows, 0);
  options_.beams = 1;
  options_.max_length = 2;
  const auto wrong = Drafted(4, &neighbour, &speculation);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace espy::captioning
