// The distribution of sampled captions, each of which can be counted: three tokens of six.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "captioning/drafts/generate_drafted.h"
#include "captioning/logits.h"
#include "tests/captioning/drafts/chi_square.h"
#include "tests/captioning/drafts/tiny_decoders.h"
#include "tests/support/temp_dir.h"

namespace espy::captioning {
namespace {

using Tokens = std::vector<std::int32_t>;
constexpr TinySizes kSizes = {.width = 16,
                              .heads = 2,
                              .inter = 24,
                              .layers = 1,
                              .vocabulary = 6,
                              .context = 8,
                              .vision_width = 24};

class SampledCaptions : public ::testing::Test {
 protected:
  SampledCaptions() : tiny_(kSizes, 3), image_(tiny_.Image(5)) {
    options_.max_length = 4;
    options_.sample = true;
    options_.temperature = 2.5f;  // random weights say little else than one token
    options_.repetition_penalty = 1.2f;
    auto keys = tiny_.decoder->Look(image_.data(), TinyDecoder::kImageTokens);
    EXPECT_TRUE(keys.ok());
    cross_.Add(*keys);
    Spread({1}, 1);
  }

  // The chance of every caption, by plain passes over what it begins with.
  void Spread(const Tokens& text, double chance) {
    const bool ended = text.size() > 1 && text.back() == tiny_.config.sep_id;
    if (ended || static_cast<std::int64_t>(text.size()) == options_.max_length) {
      captions_[text] = chances_.size();
      chances_.push_back(chance);
      return;
    }
    KvCache cache = tiny_.decoder->NewCache();
    cache.Add(0);
    Tokens parents(text.size());
    for (std::size_t i = 0; i < parents.size(); ++i) parents[i] = static_cast<std::int32_t>(i) - 1;
    DecoderOutput out;
    const Status status =
        tiny_.decoder->Forward({.tokens = text, .parents = parents}, &cache, &cross_, &out);
    ASSERT_TRUE(status.ok()) << status.message();
    const float* last = out.logits + (text.size() - 1) * 6;
    std::vector<float> scores(last, last + 6);
    ApplyRules(options_, text, tiny_.config.sep_id, scores);
    for (const Candidate& next : SamplingDistribution(options_, scores)) {
      Tokens longer = text;
      longer.push_back(next.token);
      Spread(longer, chance * next.probability);
    }
  }

  // How often each caption came in `draws` draws with the seeds from 0 on, all drafts verified.
  std::vector<std::int64_t> Count(Drafter* drafter, SpeculationOptions::Acceptance acceptance,
                                  int draws) {
    Speculation speculation({.acceptance = acceptance, .always = true});
    std::vector<std::int64_t> counts(chances_.size(), 0);
    Drafter* const drafters[] = {drafter};
    const DraftPicture pictures[] = {{image_.data(), TinyDecoder::kImageTokens}};
    const std::vector<Tokens> starts = {{1}};
    for (int i = 0; i < draws; ++i) {
      options_.seed = static_cast<std::uint64_t>(i);
      const auto drafted = GenerateDrafted(*tiny_.decoder, &cross_, starts, options_, drafters,
                                           pictures, &speculation);
      if (!drafted.ok()) {
        ADD_FAILURE() << drafted.status().message();
        return counts;
      }
      ++counts[captions_.at((*drafted)[0].tokens)];
    }
    accepted_ = speculation.counters().accepted_rows;
    tokens_a_step_ = speculation.counters().TokensAStep();
    return counts;
  }

  TinyDecoder tiny_;
  std::vector<float> image_;
  GenerateOptions options_;
  CrossCache cross_;
  std::map<Tokens, std::size_t> captions_;
  std::vector<double> chances_;
  std::int64_t accepted_ = 0;
  double tokens_a_step_ = 0;
};

// Children drawn without replacement from a proposal that depends on the depth alone.
class DrawingDrafter : public Drafter {
 public:
  explicit DrawingDrafter(unsigned seed) : random_(seed) {
    for (std::vector<float>& q : proposals_) {
      for (float& value : q) value = 0.05f + static_cast<float>(random_() % 100) / 100;
    }
  }
  std::string_view name() const override { return "drawing"; }
  Status Begin(const DraftPicture&) override { return Status::Ok(); }
  Status Propose(const DraftContext& context, DraftTree* tree) override {
    tree->Clear();
    proposed_.Clear();
    std::uniform_real_distribution<double> uniform(0, 1);
    std::vector<int> level = {DraftTree::kRoot};
    for (std::size_t depth = 0; depth < 2 && static_cast<int>(depth) < context.depth; ++depth) {
      std::vector<int> next;
      for (const int node : level) {
        double chance = 0.5;
        for (const std::int32_t token :
             DrawWithoutReplacement(proposals_[depth], 3, [&] { return uniform(random_); })) {
          next.push_back(tree->Add(node, token, chance));
          chance /= 2;
        }
      }
      level = next;
    }
    proposed_ = *tree;
    return Status::Ok();
  }
  std::span<const float> Proposal(int node) const override {
    return proposals_[node == DraftTree::kRoot ? 0
                                               : static_cast<std::size_t>(proposed_.depth(node))];
  }
  void Observe(std::span<const std::int32_t>) override {}

 private:
  std::mt19937_64 random_;
  std::vector<float> proposals_[3] = {std::vector<float>(6), std::vector<float>(6),
                                      std::vector<float>(6)};
  DraftTree proposed_;
};

constexpr int kDraws = 20000;

TEST_F(SampledCaptions, AreManyAndTheirChancesAreOne) {
  double sum = 0;
  for (const double chance : chances_) sum += chance;
  EXPECT_NEAR(sum, 1, 1e-5);
  EXPECT_GT(chances_.size(), 100u);
  EXPECT_LT(*std::max_element(chances_.begin(), chances_.end()), 0.5) << "sampling has a choice";
}

TEST_F(SampledCaptions, WithoutDraftsHaveTheirDistribution) {
  EXPECT_LT(ChiSquareZ(Count(nullptr, SpeculationOptions::Acceptance::kExact, kDraws), chances_),
            kFarFromChance);
}

TEST_F(SampledCaptions, ByExactAcceptanceHaveTheirDistribution) {
  HeadsDrafter drafter(tiny_.decoder.get(), tiny_.heads.get(), tiny_.module.get(), nullptr);
  const auto counts = Count(&drafter, SpeculationOptions::Acceptance::kExact, kDraws);
  EXPECT_GT(accepted_, kDraws / 2) << "drafts were accepted";
  EXPECT_LT(ChiSquareZ(counts, chances_), kFarFromChance);
}

TEST_F(SampledCaptions, ByRejectionOfDrawnDraftsHaveTheirDistribution) {
  DrawingDrafter drafter(9);
  const auto counts = Count(&drafter, SpeculationOptions::Acceptance::kRejection, kDraws);
  EXPECT_GT(accepted_, kDraws / 2) << "drafts were accepted";
  EXPECT_LT(ChiSquareZ(counts, chances_), kFarFromChance);
}

TEST_F(SampledCaptions, ByRejectionOfHeadsHaveTheirDistribution) {
  // Without the guess by the text's own random numbers: by rejection those are drawn anew.
  HeadsDrafter drafter(tiny_.decoder.get(), tiny_.heads.get(), nullptr, nullptr);
  const auto counts = Count(&drafter, SpeculationOptions::Acceptance::kRejection, kDraws);
  EXPECT_GT(accepted_, kDraws / 2) << "drafts were accepted";
  EXPECT_LT(ChiSquareZ(counts, chances_), kFarFromChance);
}

TEST_F(SampledCaptions, ByTypicalAcceptanceHaveAnother) {
  HeadsDrafter drafter(tiny_.decoder.get(), tiny_.heads.get(), nullptr, nullptr);
  EXPECT_GT(ChiSquareZ(Count(&drafter, SpeculationOptions::Acceptance::kTypical, 5000), chances_),
            20)
      << "it is documented as not lossless";
}

}  // namespace
}  // namespace espy::captioning
