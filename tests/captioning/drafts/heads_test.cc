#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "captioning/drafts/heads_drafter.h"
#include "tests/captioning/drafts/golden_heads.h"

namespace espy::captioning {
namespace {

// Numbers of the order of 1 to 10 through some ten FP32 sums of up to 96 products, rounded to six
// places in the file.
constexpr float kSlack = 5e-5f;

void ExpectNear(const float* values, const nlohmann::json& expected, const std::string& what) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(values[i], expected[i].get<float>(), kSlack) << what << ", " << i;
  }
}

TEST(Heads, MedusaGivesWhatTorchGives) {
  const GoldenHeads g;
  ASSERT_EQ(g.heads->count(), 3);
  std::vector<float> states(static_cast<std::size_t>(3 * g.config.width));
  g.heads->Run(g.hidden.data() + (g.rows() - 1) * g.config.width, 3, states.data(), nullptr);
  std::vector<float> logits(static_cast<std::size_t>(3 * g.config.vocabulary));
  kernels::AlignedBuffer transformed;
  g.decoder->Head(states.data(), 3, logits.data(), &transformed);
  for (std::size_t i = 0; i < 3; ++i) {
    ExpectNear(logits.data() + i * static_cast<std::size_t>(g.config.vocabulary),
               g.golden["medusa_logits"][i], "head " + std::to_string(i));
  }
}

// The module's pass over the text's rows, then over the draft's.
TEST(Heads, MtpGivesWhatTorchGives) {
  const GoldenHeads g;
  const auto width = static_cast<std::size_t>(g.config.width);
  MtpState state(g.config);
  ESPY_ASSERT_OK(g.module->Begin(g.image.data(), g.image_tokens(), &state));
  const auto rows = static_cast<std::size_t>(g.rows());
  std::vector<float> embeddings(rows * width);
  std::vector<std::int32_t> chain(rows);
  std::iota(chain.begin(), chain.end(), -1);
  for (std::size_t r = 0; r < rows; ++r) {
    g.decoder->WordEmbedding(g.golden["tokens"][r], embeddings.data() + r * width);
  }
  const float* out = nullptr;
  ESPY_ASSERT_OK(g.module->Run(g.hidden.data(), embeddings.data(), chain, &state, &out));
  for (std::size_t r = 0; r < rows; ++r) {
    ExpectNear(out + r * width, g.golden["mtp_states"][r], "row " + std::to_string(r));
  }
  const std::vector<float> root(out + (rows - 1) * width, out + rows * width);
  g.module->KeepAll(g.rows(), &state);

  // Two children of the last row, then those and a child of the first of them.
  std::vector<float> hidden;
  hidden.insert(hidden.end(), root.begin(), root.end());
  hidden.insert(hidden.end(), root.begin(), root.end());
  embeddings.assign(3 * width, 0);
  for (std::size_t r = 0; r < 3; ++r) {
    g.decoder->WordEmbedding(g.golden["draft_tokens"][r], embeddings.data() + r * width);
  }
  const std::vector<std::int32_t> parents = g.golden["draft_parents"];
  ESPY_ASSERT_OK(
      g.module->Run(hidden.data(), embeddings.data(), std::span(parents).first(2), &state, &out));
  hidden.insert(hidden.end(), out, out + width);
  ESPY_ASSERT_OK(g.module->Run(hidden.data(), embeddings.data(), parents, &state, &out));
  std::vector<float> all = root;
  for (std::size_t r = 0; r < 3; ++r) {
    ExpectNear(out + r * width, g.golden["mtp_states"][rows + r], "draft " + std::to_string(r));
    all.insert(all.end(), out + r * width, out + (r + 1) * width);
  }
  std::vector<float> logits(4 * static_cast<std::size_t>(g.config.vocabulary));
  kernels::AlignedBuffer transformed;
  g.decoder->Head(all.data(), 4, logits.data(), &transformed);
  for (std::size_t r = 0; r < 4; ++r) {
    ExpectNear(logits.data() + r * static_cast<std::size_t>(g.config.vocabulary),
               g.golden["mtp_logits"][r], "logits " + std::to_string(r));
  }
}

TEST(Heads, TopTokensAreTheGreatestAndOfEqualsTheLower) {
  const std::vector<float> logits = {1, 5, 3, 5, -2, 3, 0};
  EXPECT_EQ(TopTokens(logits.data(), 7, 4), (std::vector<std::int32_t>{1, 3, 2, 5}));
  EXPECT_EQ(TopTokens(logits.data(), 3, 8), (std::vector<std::int32_t>{1, 2, 0}));
  const std::vector<float> broken = {std::nanf(""), 1, std::nanf(""), 2};
  EXPECT_EQ(TopTokens(broken.data(), 4, 8).size(), 4u) << "whatever it holds, it ends";
}

struct Text {
  std::vector<std::int32_t> tokens;
  DraftContext Context(const GoldenHeads& g, std::int64_t first_row, std::int64_t rows) const {
    DraftContext context;
    context.tokens = std::span(tokens).first(static_cast<std::size_t>(first_row + rows + 1));
    context.hidden = g.hidden.data() + first_row * g.config.width;
    context.rows = rows;
    context.nodes = 20;
    return context;
  }
};

std::vector<std::int32_t> Tokens(const DraftTree& tree) {
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < tree.size(); ++i)
    tokens.insert(tokens.end(), {tree.parent(i), tree.token(i)});
  return tokens;
}

TEST(HeadsDrafter, ATextReadInPiecesDraftsAsOneReadAtOnce) {
  const GoldenHeads g;
  Text text;
  text.tokens = {2};
  for (const auto& token : g.golden["tokens"]) text.tokens.push_back(token);
  for (const bool with_heads : {false, true}) {
    HeadsDrafter whole(g.decoder.get(), with_heads ? g.heads.get() : nullptr, g.module.get(),
                       nullptr);
    HeadsDrafter pieces(g.decoder.get(), with_heads ? g.heads.get() : nullptr, g.module.get(),
                        nullptr);
    DraftTree at_once, in_pieces;
    for (int turn = 0; turn < 2; ++turn) {  // a second text leaves nothing of the first
      ESPY_ASSERT_OK(whole.Begin({g.image.data(), g.image_tokens()}));
      ESPY_ASSERT_OK(pieces.Begin({g.image.data(), g.image_tokens()}));
      ESPY_ASSERT_OK(whole.Propose(text.Context(g, 0, 6), &at_once));
      ESPY_ASSERT_OK(pieces.Propose(text.Context(g, 0, 1), &in_pieces));
      ESPY_ASSERT_OK(pieces.Propose(text.Context(g, 1, 3), &in_pieces));
      ESPY_ASSERT_OK(pieces.Propose(text.Context(g, 4, 2), &in_pieces));
      EXPECT_GT(at_once.MaxDepth(), 1);
      EXPECT_EQ(Tokens(at_once), Tokens(in_pieces));
    }
  }
}

TEST(HeadsDrafter, TheModuleGivesTheFirstTokenAndTheHeadsTheOthers) {
  const GoldenHeads g;
  Text text;
  text.tokens = {2};
  for (const auto& token : g.golden["tokens"]) text.tokens.push_back(token);
  const auto best = [](const nlohmann::json& logits, int rank) {
    const auto values = logits.get<std::vector<float>>();
    return TopTokens(values.data(), static_cast<std::int64_t>(values.size()),
                     8)[static_cast<std::size_t>(rank)];
  };
  DraftTree tree;
  HeadsDrafter both(g.decoder.get(), g.heads.get(), g.module.get(), nullptr);
  EXPECT_EQ(both.name(), "mtp+medusa");
  ESPY_ASSERT_OK(both.Begin({g.image.data(), g.image_tokens()}));
  ESPY_ASSERT_OK(both.Propose(text.Context(g, 0, 6), &tree));
  ASSERT_GE(tree.MaxDepth(), 2);
  for (int node = 0; node < tree.size(); ++node) {
    const std::vector<std::int32_t> list = [&] {
      const auto logits =
          tree.depth(node) == 1
              ? g.golden["mtp_logits"][0].get<std::vector<float>>()
              : g.golden["medusa_logits"][static_cast<std::size_t>(tree.depth(node) - 1)]
                    .get<std::vector<float>>();
      return TopTokens(logits.data(), static_cast<std::int64_t>(logits.size()), 8);
    }();
    EXPECT_NE(std::find(list.begin(), list.end(), tree.token(node)), list.end());
  }
  HeadsDrafter alone(g.decoder.get(), g.heads.get(), nullptr, nullptr);
  EXPECT_EQ(alone.name(), "medusa");
  ESPY_ASSERT_OK(alone.Begin({}));
  ESPY_ASSERT_OK(alone.Propose(text.Context(g, 5, 1), &tree));
  EXPECT_NE(tree.Child(DraftTree::kRoot, best(g.golden["medusa_logits"][0], 0)), DraftTree::kRoot);
}

TEST(HeadsDrafter, LearnsWhichRanksHold) {
  const GoldenHeads g;
  Text text;
  text.tokens = {2};
  for (const auto& token : g.golden["tokens"]) text.tokens.push_back(token);
  HeadsDrafter drafter(g.decoder.get(), g.heads.get(), nullptr, nullptr);
  DraftTree tree;
  const auto values = g.golden["medusa_logits"][0].get<std::vector<float>>();
  const std::int32_t third = TopTokens(values.data(), g.config.vocabulary, 8)[2];
  for (int turn = 0; turn < 300; ++turn) {
    ESPY_ASSERT_OK(drafter.Begin({}));
    ESPY_ASSERT_OK(drafter.Propose(text.Context(g, 5, 1), &tree));
    drafter.Observe(std::vector<std::int32_t>{third});
  }
  DraftContext context = text.Context(g, 5, 1);
  context.nodes = 1;
  ESPY_ASSERT_OK(drafter.Propose(context, &tree));
  ASSERT_EQ(tree.size(), 1);
  EXPECT_EQ(tree.token(0), third);
  EXPECT_GT(drafter.acceptance().Chance(1, 2), 0.9);
  EXPECT_LT(drafter.acceptance().Chance(1, 0), 0.1);
  // The one node left is the third candidate, though it is the first child: it is that which is
  // counted.
  const std::int64_t before = drafter.acceptance().Trials(1, 2);
  drafter.Observe(std::vector<std::int32_t>{third});
  EXPECT_EQ(drafter.acceptance().Trials(1, 2), before + 1);
}

TEST(HeadsDrafter, TheModuleRunsNoDeeperThanIsExpectedToPay) {
  const GoldenHeads g;
  Text text;
  text.tokens = {2};
  for (const auto& token : g.golden["tokens"]) text.tokens.push_back(token);
  HeadsDrafter drafter(g.decoder.get(), nullptr, g.module.get(), nullptr);
  DraftTree tree;
  ESPY_ASSERT_OK(drafter.Begin({g.image.data(), g.image_tokens()}));
  ESPY_ASSERT_OK(drafter.Propose(text.Context(g, 0, 6), &tree));
  EXPECT_GT(tree.MaxDepth(), 1);
  for (int turn = 0; turn < 300; ++turn) drafter.Observe(std::vector<std::int32_t>{-1});
  ESPY_ASSERT_OK(drafter.Begin({g.image.data(), g.image_tokens()}));
  ESPY_ASSERT_OK(drafter.Propose(text.Context(g, 0, 6), &tree));
  EXPECT_EQ(tree.MaxDepth(), 1) << "no first token held";
}

TEST(HeadsDrafter, GoesNoDeeperAndNoWiderThanAsked) {
  const GoldenHeads g;
  Text text;
  text.tokens = {2};
  for (const auto& token : g.golden["tokens"]) text.tokens.push_back(token);
  HeadsDrafter drafter(g.decoder.get(), nullptr, g.module.get(), nullptr);
  ESPY_ASSERT_OK(drafter.Begin({g.image.data(), g.image_tokens()}));
  DraftContext context = text.Context(g, 0, 6);
  context.nodes = 9;
  context.depth = 2;
  DraftTree tree;
  ESPY_ASSERT_OK(drafter.Propose(context, &tree));
  EXPECT_EQ(tree.size(), 9);
  EXPECT_EQ(tree.MaxDepth(), 2);
  ESPY_ASSERT_OK(drafter.Begin({g.image.data(), g.image_tokens()}));
  context.rows = 0;
  ESPY_ASSERT_OK(drafter.Propose(context, &tree));
  EXPECT_TRUE(tree.empty()) << "nothing read yet";
}

TEST(HeadsDrafter, PutsFirstWhatWouldBeDrawn) {
  const GoldenHeads g;
  Text text;
  text.tokens = {2};
  for (const auto& token : g.golden["tokens"]) text.tokens.push_back(token);
  HeadsDrafter drafter(g.decoder.get(), g.heads.get(), nullptr, nullptr);
  DraftContext context = text.Context(g, 5, 1);
  std::vector<int> depths;
  context.nodes = DraftTree::kMaxNodes;
  context.guess = [&](int depth, const float*) {
    depths.push_back(depth);
    return 30 + depth;
  };
  DraftTree tree;
  ESPY_ASSERT_OK(drafter.Propose(context, &tree));
  EXPECT_EQ(depths, (std::vector<int>{1, 2, 3}));
  const int first = tree.Child(DraftTree::kRoot, 31);
  ASSERT_NE(first, DraftTree::kRoot);
  EXPECT_EQ(tree.chance(first), drafter.acceptance().Chance(1, 0)) << "as the best candidate";
  // The likeliest is still among the others.
  const auto values = g.golden["medusa_logits"][0].get<std::vector<float>>();
  EXPECT_NE(tree.Child(DraftTree::kRoot, TopTokens(values.data(), g.config.vocabulary, 8)[0]),
            DraftTree::kRoot);
}

TEST(HeadsDrafter, NumbersThatAreNoneDraftWithoutHarm) {
  const GoldenHeads g;
  std::vector<parity::FormulaTensor> tensors = FormulaTensors(g.golden["medusa"]);
  for (auto& tensor : tensors) tensor.scale = tensor.name == "acceptance" ? 0.2f : 3e38f;
  const FormulaFile file = MakeFile(tensors, "medusa");
  const auto heads = MedusaHeads::Load(*file.file, g.config.width, {nullptr});
  ESPY_ASSERT_OK(heads);
  Text text;
  text.tokens = {2};
  for (const auto& token : g.golden["tokens"]) text.tokens.push_back(token);
  HeadsDrafter drafter(g.decoder.get(), heads->get(), nullptr, nullptr);
  DraftContext context = text.Context(g, 5, 1);
  context.guess = [](int, const float*) -> std::int32_t {
    ADD_FAILURE() << "nothing can be drawn";
    return 0;
  };
  DraftTree tree;
  ESPY_ASSERT_OK(drafter.Propose(context, &tree));
  for (int node = 0; node < tree.size(); ++node) {
    EXPECT_GE(tree.token(node), 0);
    EXPECT_LT(tree.token(node), g.config.vocabulary);
  }
}

TEST(HeadFiles, TakeFiguresOfAcceptanceAsPriors) {
  const GoldenHeads g;
  EXPECT_EQ(g.heads->acceptance().ranks, 4);
  HeadsDrafter drafter(g.decoder.get(), g.heads.get(), nullptr, nullptr);
  EXPECT_FLOAT_EQ(static_cast<float>(drafter.acceptance().Chance(2, 1)),
                  g.heads->acceptance().chances[5]);
  EXPECT_LT(drafter.acceptance().Chance(2, 4), 1e-5) << "a rank that the file does not know";
}

std::vector<parity::FormulaTensor> Without(std::vector<parity::FormulaTensor> tensors,
                                           const std::string& name) {
  std::erase_if(tensors, [&](const auto& tensor) { return tensor.name == name; });
  return tensors;
}

TEST(HeadFiles, EveryTensorThatIsMissingIsNamed) {
  const GoldenHeads g;
  for (const auto& tensor : FormulaTensors(g.golden["mtp"])) {
    const FormulaFile file = MakeFile(Without(FormulaTensors(g.golden["mtp"]), tensor.name), "mtp");
    const auto loaded = MtpModule::Load(*file.file, g.config, {nullptr});
    if (tensor.name == "acceptance") {
      EXPECT_TRUE(loaded.ok());
      continue;
    }
    ASSERT_FALSE(loaded.ok()) << tensor.name;
    EXPECT_EQ(loaded.status().code(), StatusCode::kCorruption);
    EXPECT_NE(loaded.status().message().find(tensor.name), std::string::npos)
        << loaded.status().message();
  }
  for (const std::string name : {"0.0.linear.weight", "1.0.linear.bias", "1.1.linear.bias"}) {
    const FormulaFile file = MakeFile(Without(FormulaTensors(g.golden["medusa"]), name), "medusa");
    const auto loaded = MedusaHeads::Load(*file.file, g.config.width, {nullptr});
    ASSERT_FALSE(loaded.ok()) << name;
    EXPECT_NE(loaded.status().message().find(name), std::string::npos) << loaded.status().message();
  }
}

TEST(HeadFiles, RefuseWhatIsNotAHead) {
  const GoldenHeads g;
  const std::int64_t width = g.config.width;
  const auto refused = [&](std::vector<parity::FormulaTensor> more, StatusCode code,
                           const std::string& word) {
    std::vector<parity::FormulaTensor> tensors = FormulaTensors(g.golden["medusa"]);
    for (const auto& tensor : more) {
      tensors = Without(std::move(tensors), tensor.name);
      tensors.push_back(tensor);
    }
    const FormulaFile file = MakeFile(tensors, "heads.safetensors");
    const auto loaded = MedusaHeads::Load(*file.file, width, {nullptr});
    ASSERT_FALSE(loaded.ok()) << word;
    EXPECT_EQ(loaded.status().code(), code) << loaded.status().message();
    EXPECT_NE(loaded.status().message().find(word), std::string::npos) << loaded.status().message();
    EXPECT_EQ(loaded.status().message().rfind("heads.safetensors: ", 0), 0u)
        << loaded.status().message();
  };
  refused({{"0.1.weight", {g.config.vocabulary, width}, 1}}, StatusCode::kUnsupported,
          "0.1.weight");
  refused({{"5.0.linear.weight", {width, width}, 1}, {"5.0.linear.bias", {width}, 1}},
          StatusCode::kUnsupported, "5.0.linear");  // heads 3 and 4 are not there
  refused({{"2.0.linear.weight", {width, width + 1}, 1}}, StatusCode::kCorruption,
          "2.0.linear.weight");
  refused({{"acceptance", {2, 4}, 0, 0.5f}}, StatusCode::kCorruption, "acceptance");
  refused({{"acceptance", {3, 17}, 0, 0.5f}}, StatusCode::kCorruption, "acceptance");
  refused({{"acceptance", {3, 4}, 0, 1.5f}}, StatusCode::kCorruption, "acceptance");
  refused({{"acceptance", {12}, 0, 0.5f}}, StatusCode::kCorruption, "acceptance");
  const FormulaFile empty = MakeFile({{"something", {1}, 1}}, "heads.safetensors");
  EXPECT_FALSE(MedusaHeads::Load(*empty.file, width, {nullptr}).ok());
}

}  // namespace
}  // namespace espy::captioning
