// What drafts cost and bring, as JSON lines: a decoder of BLIP-base's sizes with random weights,
// whose time does not depend on what they are.
//   drafts [--precision fp32|bf16|int8] [--threads 1] [--captions 8] [--length 20] [--batch 1]
//   [--small]     (a decoder of the bundled captioner's order of size)
// "rows": seconds of a pass by its rows, each a step's tree beside a half-written caption and 577
// image tokens. "draft": seconds of a proposal. "captions": seconds a caption, plain and with
// drafts that are right with the given chance for each token (a telling drafter, which costs
// nothing, so that what is left is the verifying), in turns; gate and size follow the clock as in
// use.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "captioning/drafts/generate_drafted.h"
#include "tests/captioning/drafts/tiny_decoders.h"
#include "tests/parity/formula.h"

namespace espy::captioning {
namespace {

constexpr std::int64_t kImageTokens = 577;

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

[[noreturn]] void Die(const std::string& why) {
  std::cerr << "drafts: " << why << "\n";
  std::exit(2);
}

struct Settings {
  kernels::Precision precision = kernels::Precision::kBfloat16;
  int threads = 1;
  int captions = 8;
  std::int64_t length = 20;
  int batch = 1;
  bool small = false;
};

// Right in a chain, token by token, with the chance that it says.
class ChanceDrafter : public Drafter {
 public:
  ChanceDrafter(std::vector<std::int32_t> text, double right, unsigned seed)
      : text_(std::move(text)), right_(right), random_(seed) {}
  std::string_view name() const override { return "chance"; }
  Status Begin(const DraftPicture&) override { return Status::Ok(); }
  Status Propose(const DraftContext& context, DraftTree* tree) override {
    tree->Clear();
    std::bernoulli_distribution right(right_);
    int at = DraftTree::kRoot;
    for (std::size_t i = context.tokens.size(); i < text_.size() && tree->size() < context.nodes;
         ++i) {
      at = tree->Add(at, right(random_) ? text_[i] : (text_[i] + 1) % 1000, right_);
    }
    return Status::Ok();
  }
  void Observe(std::span<const std::int32_t>) override {}

 private:
  std::vector<std::int32_t> text_;
  double right_;
  std::mt19937 random_;
};

class Bench {
 public:
  explicit Bench(const Settings& settings)
      : settings_(settings),
        pool_(settings.threads),
        sizes_(settings.small ? TinySizes{.width = 192,
                                          .heads = 3,
                                          .inter = 768,
                                          .layers = 4,
                                          .vocabulary = 2000,
                                          .context = 64,
                                          .vision_width = 192}
                              : TinySizes{.width = 768,
                                          .heads = 12,
                                          .inter = 3072,
                                          .layers = 12,
                                          .vocabulary = 30524,
                                          .context = 512,
                                          .vision_width = 768}),
        tiny_(sizes_, 1, settings.precision, &pool_) {}

  void Rows() {
    CrossCache cross;
    cross.Add(Look(0));
    KvCache cache = tiny_.decoder->NewCache();
    cache.Add(0);
    DecoderOutput out;
    std::vector<std::int32_t> tokens(8, 5), chain(8), path(8);
    std::iota(chain.begin(), chain.end(), -1);
    std::iota(path.begin(), path.end(), 0);
    Pass(tokens, chain, &cache, &cross, &out);
    cache.Keep(0, path);
    std::vector<int> rows = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};
    std::vector<double> best(rows.size(), 1e9);
    for (int turn = 0; turn < 5; ++turn) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        // A chain of half of the rows, the others in a fan: what is seen hardly matters.
        std::vector<std::int32_t> these(static_cast<std::size_t>(rows[i]), 5);
        std::vector<std::int32_t> parents;
        for (int row = 0; row < rows[i]; ++row) parents.push_back(row == 0 ? -1 : row / 2);
        const double start = Now();
        Pass(these, parents, &cache, &cross, &out);
        best[i] = std::min(best[i], Now() - start);
      }
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::printf("{\"rows\":%d,\"ms\":%.3f,\"times_one\":%.2f}\n", rows[i], 1e3 * best[i],
                  best[i] / best[0]);
    }
  }

  void Drafts() {
    const std::vector<float> image = Image(0);
    const std::vector<std::int32_t> text = {1, 5, 6, 7, 8, 9};
    const std::vector<float> hidden = parity::FormulaValues("hidden", 5 * sizes_.width, 1.0f);
    for (const auto& [heads, module] :
         {std::pair{true, false}, std::pair{false, true}, std::pair{true, true}}) {
      HeadsDrafter drafter(tiny_.decoder.get(), heads ? tiny_.heads.get() : nullptr,
                           module ? tiny_.module.get() : nullptr, &pool_);
      double begin = 1e9, step = 1e9;
      for (int turn = 0; turn < 5; ++turn) {
        DraftTree tree;
        DraftContext context;
        context.nodes = 8;
        if (!drafter.Begin({image.data(), kImageTokens}).ok()) Die("no beginning");
        context.tokens = std::span(text).first(5);
        context.hidden = hidden.data();
        context.rows = 4;
        double start = Now();
        if (!drafter.Propose(context, &tree).ok()) Die("no proposal");
        begin = std::min(begin, Now() - start);
        context.tokens = text;
        context.hidden = hidden.data() + 4 * sizes_.width;
        context.rows = 1;
        start = Now();
        if (!drafter.Propose(context, &tree).ok()) Die("no proposal");
        step = std::min(step, Now() - start);
      }
      std::printf("{\"draft\":\"%s\",\"ms\":%.3f,\"first_ms\":%.3f}\n",
                  std::string(drafter.name()).c_str(), 1e3 * step, 1e3 * begin);
    }
  }

  void Captions() {
    GenerateOptions options;
    options.max_length = settings_.length;
    options.min_length = settings_.length;  // no end before: all are of one length
    options.repetition_penalty = 1.5f;
    CrossCache cross;
    std::vector<std::vector<std::int32_t>> starts;
    for (int i = 0; i < settings_.batch; ++i) {
      cross.Add(Look(i));
      starts.push_back({1});
    }
    for (const double right : {0.0, 0.3, 0.5, 0.7, 0.8, 0.9}) {
      Speculation speculation;
      double plain_best = 1e9, drafted_best = 1e9, plain_sum = 0, drafted_sum = 0;
      for (int turn = 0; turn < settings_.captions; ++turn) {
        double start = Now();
        const auto plain = Generate(*tiny_.decoder, &cross, starts, options);
        const double plain_took = Now() - start;
        if (!plain.ok()) Die(plain.status().message());
        std::vector<std::unique_ptr<ChanceDrafter>> owned;
        std::vector<Drafter*> drafters;
        for (std::size_t i = 0; i < starts.size(); ++i) {
          owned.push_back(std::make_unique<ChanceDrafter>((*plain)[i].tokens, right,
                                                          static_cast<unsigned>(turn) * 100 + i));
          drafters.push_back(owned.back().get());
        }
        const std::vector<DraftPicture> pictures(starts.size());
        start = Now();
        const auto drafted = GenerateDrafted(*tiny_.decoder, &cross, starts, options, drafters,
                                             pictures, &speculation);
        const double drafted_took = Now() - start;
        if (!drafted.ok()) Die(drafted.status().message());
        for (std::size_t i = 0; i < starts.size(); ++i) {
          if ((*drafted)[i].tokens != (*plain)[i].tokens) Die("a caption differs");
        }
        plain_sum += plain_took;
        drafted_sum += drafted_took;
        plain_best = std::min(plain_best, plain_took);
        drafted_best = std::min(drafted_best, drafted_took);
      }
      const SpeculationCounters& counters = speculation.counters();
      std::printf(
          "{\"right\":%.1f,\"batch\":%d,\"plain_ms\":%.1f,\"drafted_ms\":%.1f,\"times\":%.2f,"
          "\"times_of_best\":%.2f,\"tokens_a_step\":%.2f,\"rows_a_step\":%.2f,\"on\":%s}\n",
          right, settings_.batch, 1e3 * plain_sum / settings_.captions,
          1e3 * drafted_sum / settings_.captions, plain_sum / drafted_sum,
          plain_best / drafted_best, counters.TokensAStep(),
          1 + static_cast<double>(counters.drafted_rows) /
                  static_cast<double>(std::max<std::int64_t>(counters.steps, 1)),
          speculation.Gate(settings_.batch).on() ? "true" : "false");
    }
  }

 private:
  std::vector<float> Image(int i) const {
    return parity::FormulaValues("image " + std::to_string(i), kImageTokens * sizes_.vision_width,
                                 1.0f);
  }
  std::shared_ptr<const PictureKeys> Look(int i) const {
    auto keys = tiny_.decoder->Look(Image(i).data(), kImageTokens);
    if (!keys.ok()) Die(keys.status().message());
    return *keys;
  }
  void Pass(const std::vector<std::int32_t>& tokens, const std::vector<std::int32_t>& parents,
            KvCache* cache, CrossCache* cross, DecoderOutput* out) const {
    const Status status =
        tiny_.decoder->Forward({.tokens = tokens, .parents = parents}, cache, cross, out);
    if (!status.ok()) Die(status.message());
  }

  Settings settings_;
  ThreadPool pool_;
  TinySizes sizes_;
  TinyDecoder tiny_;
};

Settings Parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--small") {
      settings.small = true;
      continue;
    }
    if (i + 1 == argc) Die("unknown or incomplete: " + flag);
    const std::string value = argv[++i];
    if (flag == "--precision") {
      bool found = false;
      for (int p = 0; p < kernels::kPrecisions; ++p) {
        if (value != kernels::PrecisionName(static_cast<kernels::Precision>(p))) continue;
        settings.precision = static_cast<kernels::Precision>(p);
        found = true;
      }
      if (!found) Die("no precision " + value);
    } else if (flag == "--threads") {
      settings.threads = std::max(1, std::atoi(value.c_str()));
    } else if (flag == "--captions") {
      settings.captions = std::max(1, std::atoi(value.c_str()));
    } else if (flag == "--length") {
      settings.length = std::clamp(std::atoi(value.c_str()), 3, 60);
    } else if (flag == "--batch") {
      settings.batch = std::clamp(std::atoi(value.c_str()), 1, 16);
    } else {
      Die("unknown flag " + flag);
    }
  }
  return settings;
}

}  // namespace
}  // namespace espy::captioning

int main(int argc, char** argv) {
  const auto settings = espy::captioning::Parse(argc, argv);
  espy::captioning::Bench bench(settings);
  std::printf("{\"precision\":\"%s\",\"threads\":%d,\"small\":%s}\n",
              std::string(espy::kernels::PrecisionName(settings.precision)).c_str(),
              settings.threads, settings.small ? "true" : "false");
  bench.Rows();
  bench.Drafts();
  bench.Captions();
  return 0;
}
