#include "captioning/drafts/acceptance.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "tests/captioning/drafts/chi_square.h"

namespace espy::captioning {
namespace {

constexpr int kVocabulary = 6;
constexpr int kLength = 3;  // tokens of a text: 216 texts, each of which can be counted
constexpr int kTexts = 216;
using Distribution = std::vector<float>;

// A language model of tiny texts: what follows each beginning, by chance, some tokens not at all.
class TinyLanguage {
 public:
  explicit TinyLanguage(unsigned seed, double sharpness) : random_(seed), sharpness_(sharpness) {}
  const Distribution& After(const std::vector<std::int32_t>& text) {
    Distribution& p = table_[text];
    if (!p.empty()) return p;
    double sum = 0;
    std::uniform_real_distribution<double> uniform(0, 1);
    for (int i = 0; i < kVocabulary; ++i) {
      const double u = uniform(random_);
      p.push_back(u < 0.15 && i > 0 ? 0.0f : static_cast<float>(std::pow(u + 0.05, sharpness_)));
      sum += p.back();
    }
    for (float& value : p) value = static_cast<float>(value / sum);
    return p;
  }
  // The chance of each whole text, texts numbered as numbers to the base kVocabulary.
  std::vector<double> Texts() {
    std::vector<double> chances(kTexts, 1);
    for (int i = 0; i < kTexts; ++i) {
      std::vector<std::int32_t> text;
      for (const int token : {i / 36, i / 6 % 6, i % 6}) {
        chances[static_cast<std::size_t>(i)] *= After(text)[static_cast<std::size_t>(token)];
        text.push_back(token);
      }
    }
    return chances;
  }

 private:
  std::mt19937 random_;
  double sharpness_;
  std::map<std::vector<std::int32_t>, Distribution> table_;
};

int Number(const std::vector<std::int32_t>& text) { return text[0] * 36 + text[1] * 6 + text[2]; }

std::vector<std::int32_t> With(std::vector<std::int32_t> text, const DraftTree& tree, int node) {
  for (const int step : tree.Path(node)) text.push_back(tree.token(step));
  return text;
}

Ends EndsAt(std::size_t begun) {
  return [begun](std::int32_t, int taken) {
    return begun + static_cast<std::size_t>(taken) >= static_cast<std::size_t>(kLength);
  };
}

void Append(const DraftTree& tree, const Accepted& accepted, std::vector<std::int32_t>* text) {
  for (const int node : accepted.path) text->push_back(tree.token(node));
  text->push_back(accepted.next);
}

TEST(Acceptance, ExactTakesWhatPlainDecodingChoosesAndNoMore) {
  DraftTree tree;
  const int a = tree.Add(DraftTree::kRoot, 1, 0.5);
  const int b = tree.Add(DraftTree::kRoot, 2, 0.5);
  const int c = tree.Add(b, 3, 0.5);
  tree.Add(a, 3, 0.5);
  const std::map<int, std::int32_t> plain = {{DraftTree::kRoot, 2}, {b, 3}, {c, 7}};
  std::vector<int> asked;
  const Accepted accepted = AcceptExact(
      tree,
      [&](int node) {
        asked.push_back(node);
        return plain.at(node);
      },
      [](std::int32_t, int) { return false; });
  EXPECT_EQ(accepted.path, (std::vector<int>{b, c}));
  EXPECT_EQ(accepted.next, 7);
  EXPECT_EQ(asked, (std::vector<int>{DraftTree::kRoot, b, c}));
}

TEST(Acceptance, ExactLooksAtNothingAfterTheEnd) {
  DraftTree tree;
  const int a = tree.Add(DraftTree::kRoot, 9, 0.5);
  tree.Add(a, 9, 0.5);
  const Accepted accepted = AcceptExact(
      tree, [](int) { return 9; }, [](std::int32_t token, int) { return token == 9; });
  EXPECT_TRUE(accepted.path.empty());
  EXPECT_EQ(accepted.next, 9);
}

TEST(Acceptance, WithoutADraftOneTokenIsChosen) {
  const Accepted accepted = AcceptExact(
      DraftTree(), [](int) { return 4; }, [](std::int32_t, int) { return false; });
  EXPECT_TRUE(accepted.path.empty());
  EXPECT_EQ(accepted.next, 4);
}

// How many tokens each of `turns` texts took a step, and how often each text came.
struct Sampled {
  std::vector<std::int64_t> counts = std::vector<std::int64_t>(kTexts, 0);
  std::int64_t tokens = 0;
  std::int64_t steps = 0;
};

// Drafts that no random number enters: every token from a fixed tree of wrong and right guesses.
DraftTree FixedTree() {
  DraftTree tree;
  for (const int first : {4, 1, 2}) {
    const int node = tree.Add(DraftTree::kRoot, first, 0.5);
    for (const int second : {0, 3}) tree.Add(tree.Add(node, second, 0.5), 5, 0.5);
  }
  return tree;
}

TEST(Acceptance, RejectionOfFixedDraftsGivesTextsOfPlainSampling) {
  TinyLanguage language(3, 2);
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> uniform(0, 1);
  const DraftTree tree = FixedTree();
  Sampled sampled;
  while (sampled.steps < 120000) {
    std::vector<std::int32_t> text;
    while (text.size() < kLength) {
      const std::vector<std::int32_t> begun = text;
      Append(tree,
             AcceptByRejection(
                 tree, [&](int node) { return std::span(language.After(With(begun, tree, node))); },
                 [](int) { return std::span<const float>(); }, [&] { return uniform(random); },
                 EndsAt(text.size())),
             &text);
      ++sampled.steps;
    }
    ++sampled.counts[static_cast<std::size_t>(Number(text))];
    sampled.tokens += kLength;
  }
  EXPECT_GT(sampled.tokens, sampled.steps * 5 / 4) << "drafts were accepted";
  EXPECT_LT(ChiSquareZ(sampled.counts, language.Texts()), kFarFromChance);
}

// Children drawn without replacement from a proposal, at every node anew.
enum class Told { kTheProposal, kNothing, kAnother };
Sampled SampleWithDrawnDrafts(TinyLanguage* target, TinyLanguage* proposal, Told told) {
  const Distribution flat(kVocabulary, 1.0f / kVocabulary);
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> draw(0, 1);
  const Uniform uniform = [&] { return draw(random); };
  Sampled sampled;
  while (sampled.steps < 150000) {
    std::vector<std::int32_t> text;
    while (text.size() < kLength) {
      const std::vector<std::int32_t> begun = text;
      DraftTree tree;
      std::vector<int> level = {DraftTree::kRoot};
      for (std::size_t depth = begun.size(); depth < kLength; ++depth) {
        std::vector<int> next;
        for (const int node : level) {
          const Distribution& q = proposal->After(With(begun, tree, node));
          for (const std::int32_t token : DrawWithoutReplacement(q, 3, uniform)) {
            const int child = tree.Add(node, token, 0.5);
            if (child != DraftTree::kRoot) next.push_back(child);
          }
        }
        level = next;
      }
      Append(tree,
             AcceptByRejection(
                 tree, [&](int node) { return std::span(target->After(With(begun, tree, node))); },
                 [&](int node) {
                   if (told == Told::kNothing) return std::span<const float>();
                   if (told == Told::kAnother) return std::span<const float>(flat);
                   return std::span<const float>(proposal->After(With(begun, tree, node)));
                 },
                 uniform, EndsAt(text.size())),
             &text);
      ++sampled.steps;
    }
    ++sampled.counts[static_cast<std::size_t>(Number(text))];
    sampled.tokens += kLength;
  }
  return sampled;
}

TEST(Acceptance, RejectionOfDrawnDraftsGivesTextsOfPlainSampling) {
  for (const unsigned seed : {1u, 2u}) {
    TinyLanguage target(seed, 3);
    TinyLanguage proposal(seed + 100, 1.5);
    const Sampled sampled = SampleWithDrawnDrafts(&target, &proposal, Told::kTheProposal);
    EXPECT_GT(sampled.tokens, sampled.steps * 3 / 2) << "drafts were accepted";
    EXPECT_LT(ChiSquareZ(sampled.counts, target.Texts()), kFarFromChance) << "seed " << seed;
  }
}

TEST(Acceptance, DraftsThatDoNotSayHowTheyWereDrawnChangeNothingButTheSpeed) {
  // Whatever they are, they are so before the random numbers that judge them.
  TinyLanguage target(1, 3);
  TinyLanguage proposal(101, 1.5);
  const Sampled sampled = SampleWithDrawnDrafts(&target, &proposal, Told::kNothing);
  EXPECT_LT(ChiSquareZ(sampled.counts, target.Texts()), kFarFromChance);
}

TEST(Acceptance, TheCheckSeesAProposalThatIsNotTheDraftsOwn) {
  TinyLanguage target(1, 3);
  TinyLanguage proposal(101, 1.5);
  const Sampled sampled = SampleWithDrawnDrafts(&target, &proposal, Told::kAnother);
  EXPECT_GT(ChiSquareZ(sampled.counts, target.Texts()), 20);
}

TEST(Acceptance, AProposalLikeTheTargetIsAcceptedThroughout) {
  TinyLanguage target(4, 2);
  TinyLanguage same(4, 2);
  // Both must have met the same texts in the same order.
  ASSERT_EQ(target.Texts(), same.Texts());
  const Sampled sampled = SampleWithDrawnDrafts(&target, &same, Told::kTheProposal);
  EXPECT_EQ(sampled.tokens, sampled.steps * kLength) << "the first child of every node is right";
  EXPECT_LT(ChiSquareZ(sampled.counts, target.Texts()), kFarFromChance);
}

TEST(Acceptance, TypicalTakesTheLongestPathOfLikelyTokens) {
  DraftTree tree;
  const int a = tree.Add(DraftTree::kRoot, 0, 0.5);
  const int b = tree.Add(DraftTree::kRoot, 1, 0.5);
  const int c = tree.Add(b, 2, 0.5);
  const int d = tree.Add(b, 3, 0.5);
  const int e = tree.Add(d, 4, 0.5);
  std::map<int, Distribution> p;
  p[DraftTree::kRoot] = {0.5f, 0.3f, 0.2f, 0, 0, 0};
  p[a] = {1, 0, 0, 0, 0, 0};
  p[b] = {0.02f, 0.02f, 0.44f, 0.5f, 0.01f, 0.01f};
  p[c] = p[a];
  p[d] = {0.96f, 0, 0, 0, 0.04f, 0};
  p[e] = p[a];
  const auto target = [&](int node) { return std::span<const float>(p.at(node)); };
  const auto choose = [](int node) { return 100 + node; };
  const auto never = [](std::int32_t, int) { return false; };
  // Entropy of p[b] is 0.90 nats: the bar is min(0.09, 0.3 * 0.41) = 0.09; of p[d] 0.17: 0.09, and
  // 0.04 is below it.
  const Accepted accepted = AcceptTypical(tree, target, {}, choose, never);
  EXPECT_EQ(accepted.path, (std::vector<int>{b, d})) << "of two of a length the likelier";
  EXPECT_EQ(accepted.next, 100 + d);
  // A flat distribution lowers the bar, so that e passes though it is below epsilon
  p[d] = {0.2f, 0.2f, 0.2f, 0.2f, 0.06f, 0.14f};
  // (0.3 * 0.177 = 0.053), and a greater delta raises it again.
  EXPECT_EQ(AcceptTypical(tree, target, {}, choose, never).path, (std::vector<int>{b, d, e}));
  EXPECT_EQ(AcceptTypical(tree, target, {.epsilon = 0.09, .delta = 0.4}, choose, never).path,
            (std::vector<int>{b, d}));
  // An end is the last token of the text, though the tree goes on after it.
  const Accepted ended =
      AcceptTypical(tree, target, {}, choose, [](std::int32_t token, int) { return token == 3; });
  EXPECT_EQ(ended.path, (std::vector<int>{b}));
  EXPECT_EQ(ended.next, 3);
}

TEST(Acceptance, TypicalIsNotLossless) {
  // Said in the documents: it must stay visible that this is so.
  TinyLanguage language(3, 2);
  std::mt19937_64 random(12);
  std::uniform_real_distribution<double> uniform(0, 1);
  const DraftTree tree = FixedTree();
  std::vector<std::int64_t> counts(kTexts, 0);
  for (int turn = 0; turn < 30000; ++turn) {
    std::vector<std::int32_t> text;
    while (text.size() < kLength) {
      const std::vector<std::int32_t> begun = text;
      const auto target = [&](int node) {
        return std::span<const float>(language.After(With(begun, tree, node)));
      };
      Append(tree,
             AcceptTypical(
                 tree, target, {},
                 [&](int node) { return DrawWeighted(target(node), uniform(random)); },
                 EndsAt(text.size())),
             &text);
    }
    ++counts[static_cast<std::size_t>(Number(text))];
  }
  EXPECT_GT(ChiSquareZ(counts, language.Texts()), 20);
}

TEST(Acceptance, DrawsAreInProportionAndNeverOfNoWeight) {
  const Distribution weights = {0, 2, 0, 1, 1, 0};
  EXPECT_EQ(DrawWeighted(weights, 0), 1);
  EXPECT_EQ(DrawWeighted(weights, 0.4999), 1);
  EXPECT_EQ(DrawWeighted(weights, 0.5), 3);
  EXPECT_EQ(DrawWeighted(weights, 0.9999999), 4);
  double u = 0;
  EXPECT_EQ(DrawWithoutReplacement(weights, 5, [&] { return u; }),
            (std::vector<std::int32_t>{1, 3, 4}));
}

}  // namespace
}  // namespace espy::captioning
