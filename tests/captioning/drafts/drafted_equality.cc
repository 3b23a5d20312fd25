#include "tests/captioning/drafts/drafted_equality.h"

#include <memory>
#include <random>
#include <vector>

#include "captioning/drafts/generate_drafted.h"
#include "captioning/drafts/text_drafter.h"
#include "tests/captioning/drafts/tiny_decoders.h"

namespace espy::captioning {

namespace {

constexpr TinySizes kShapes[] = {
    {.width = 32, .heads = 4, .inter = 64, .layers = 2, .vocabulary = 60, .context = 32},
    {.width = 48, .heads = 3, .inter = 80, .layers = 1, .vocabulary = 23, .context = 24},
    {.width = 64, .heads = 1, .inter = 200, .layers = 3, .vocabulary = 301, .context = 64},
    {.width = 40, .heads = 5, .inter = 33, .layers = 2, .vocabulary = 9, .context = 20},
};
constexpr kernels::Precision kPrecisions[] = {
    kernels::Precision::kFloat32, kernels::Precision::kBfloat16, kernels::Precision::kInt8};

GenerateOptions RandomOptions(std::mt19937* random, std::int64_t context) {
  GenerateOptions options;
  options.max_length = 8 + static_cast<std::int64_t>((*random)() % 13);
  if ((*random)() % 4 == 0) options.max_length = context;
  if ((*random)() % 3 == 0) options.min_length = static_cast<std::int64_t>((*random)() % 8);
  if ((*random)() % 3 == 0) options.repetition_penalty = 1.5f;
  if ((*random)() % 3 == 0) {
    options.sample = true;
    options.temperature = (*random)() % 2 == 0 ? 1.0f : 0.4f;
    options.top_p = (*random)() % 2 == 0 ? 1.0f : 0.8f;
    options.seed = (*random)();
  }
  return options;
}

}  // namespace

EqualityReport CompareDrafted(std::int64_t captions, unsigned first) {
  EqualityReport report;
  std::vector<std::unique_ptr<TinyDecoder>> decoders;
  for (std::size_t i = 0; i < std::size(kShapes); ++i) {
    for (const kernels::Precision precision : kPrecisions) {
      decoders.push_back(std::make_unique<TinyDecoder>(kShapes[i], static_cast<int>(i), precision));
    }
  }
  // Plans that are kept from case to case: those that follow the clock, and those that verify all.
  std::vector<Speculation> timed(decoders.size());
  for (unsigned seed = first; report.captions < captions; ++seed) {
    std::mt19937 random(seed);
    const std::size_t which = random() % decoders.size();
    const TinyDecoder& tiny = *decoders[which];
    const GenerateOptions options = RandomOptions(&random, tiny.config.context);
    const std::size_t batch = random() % 2 == 0 ? 1 : 2 + random() % 3;
    std::vector<std::vector<float>> images;
    std::vector<std::vector<std::int32_t>> starts;
    for (std::size_t i = 0; i < batch; ++i) {
      images.push_back(tiny.Image(static_cast<int>(random() % 1000)));
      starts.push_back({tiny.config.bos_id});
      for (unsigned more = random() % 4; more > 0; --more) {
        starts.back().push_back(
            static_cast<std::int32_t>(random() % static_cast<unsigned>(tiny.config.vocabulary)));
      }
    }
    const std::vector<Generated> plain = tiny.Plain(images, starts, options);

    std::vector<std::unique_ptr<Drafter>> owned;
    std::vector<Drafter*> drafters;
    std::vector<DraftPicture> pictures;
    for (std::size_t i = 0; i < batch; ++i) {
      const auto vocabulary = tiny.config.vocabulary;
      switch (random() % 8) {
        case 0:
          owned.push_back(std::make_unique<HeadsDrafter>(tiny.decoder.get(), tiny.heads.get(),
                                                         nullptr, nullptr));
          break;
        case 1:
          owned.push_back(std::make_unique<HeadsDrafter>(tiny.decoder.get(), nullptr,
                                                         tiny.module.get(), nullptr));
          break;
        case 2:
          owned.push_back(std::make_unique<HeadsDrafter>(tiny.decoder.get(), tiny.heads.get(),
                                                         tiny.module.get(), nullptr));
          break;
        case 3: {
          auto neighbours = std::make_unique<NeighbourDrafter>();
          std::vector<DraftText> texts;
          for (const Generated& other : plain) texts.push_back({other.tokens, 1});
          neighbours->SetCaptions(texts);
          owned.push_back(std::move(neighbours));
          break;
        }
        case 4:
          owned.push_back(std::make_unique<LookupDrafter>());
          break;
        case 5:
          owned.push_back(std::make_unique<HostileDrafter>(random(), vocabulary));
          break;
        default:
          owned.push_back(std::make_unique<TellingDrafter>(
              plain[i].tokens, random() % 3 == 0 ? 0 : 0.3, random(), vocabulary));
      }
      // One of a batch may go without.
      drafters.push_back(batch > 1 && random() % 8 == 0 ? nullptr : owned.back().get());
      pictures.push_back({images[i].data(), TinyDecoder::kImageTokens});
    }
    CrossCache cross;
    bool looked = true;
    for (const std::vector<float>& image : images) {
      auto keys = tiny.decoder->Look(image.data(), TinyDecoder::kImageTokens);
      looked = looked && keys.ok();
      if (keys.ok()) cross.Add(*keys);
    }
    Speculation always({.always = true});
    Speculation* speculation = random() % 4 == 0 ? &timed[which] : &always;
    auto drafted =
        GenerateDrafted(*tiny.decoder, &cross, starts, options, drafters, pictures, speculation);
    for (std::size_t i = 0; i < batch; ++i) {
      ++report.captions;
      if (looked && drafted.ok() && (*drafted)[i].tokens == plain[i].tokens &&
          (*drafted)[i].log_probability == plain[i].log_probability &&
          (*drafted)[i].steps <= plain[i].steps) {
        continue;
      }
      ++report.different;
      if (report.first_difference.empty()) {
        report.first_difference = "seed " + std::to_string(seed) + ", caption " +
                                  std::to_string(i) + " of " + std::to_string(batch) +
                                  (drafted.ok() ? "" : ": " + drafted.status().message());
      }
    }
    report.counters.Add(always.counters());
  }
  for (const Speculation& one : timed) report.counters.Add(one.counters());
  return report;
}

}  // namespace espy::captioning
