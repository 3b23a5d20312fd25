#include "captioning/drafts/generate_drafted.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/status_macros.h"
#include "captioning/drafts/drafted_decoding.h"
#include "captioning/logits.h"

namespace espy::captioning {

Result<std::vector<Generated>> GenerateDrafted(const TextDecoder& decoder, CrossCache* cross,
                                               std::span<const std::vector<std::int32_t>> starts,
                                               const GenerateOptions& options,
                                               std::span<Drafter* const> drafters,
                                               std::span<const DraftPicture> pictures,
                                               Speculation* speculation) {
  ESPY_CHECK(drafters.size() == starts.size() && pictures.size() == starts.size(),
             "a drafter and a picture for each caption");
  const bool none = std::all_of(drafters.begin(), drafters.end(),
                                [](const Drafter* drafter) { return drafter == nullptr; });
  // Generate also says what is wrong with options and starts.
  std::int64_t longest = 0;
  for (const auto& start : starts) {
    longest = std::max(longest, static_cast<std::int64_t>(start.size()));
  }
  const bool empty =
      std::any_of(starts.begin(), starts.end(), [](const auto& start) { return start.empty(); });
  if (none || empty || options.beams > 1 ||
      !CheckOptions(options, decoder.config(), longest).ok()) {
    return Generate(decoder, cross, starts, options);
  }

  const auto vocabulary = static_cast<std::size_t>(decoder.config().vocabulary);
  const std::int32_t end = decoder.config().sep_id;
  KvCache cache = decoder.NewCache();
  std::vector<Generated> captions(starts.size());
  std::vector<RandomStream> streams;
  std::vector<DraftedText> texts(starts.size());
  std::vector<float> scores;
  const auto ruled = [&](std::span<const std::int32_t> text,
                         const float* logits) -> std::span<const float> {
    scores.assign(logits, logits + vocabulary);
    ApplyRules(options, text, end, scores);
    return scores;
  };
  for (std::size_t i = 0; i < starts.size(); ++i)
    streams.emplace_back(options.seed, options.first_stream + i);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    DraftedText& text = texts[i];
    text.tokens = starts[i];
    text.sequence = cache.Add(static_cast<std::int32_t>(i));
    text.max_tokens = options.max_length;
    text.drafter = drafters[i];
    text.picture = pictures[i];
    text.done = [end](std::span<const std::int32_t> tokens) { return tokens.back() == end; };
    text.choose = [&, i](std::span<const std::int32_t> so_far, const float* logits) {
      const std::span<const float> mine = ruled(so_far, logits);
      return options.sample ? Draw(SamplingDistribution(options, mine), streams[i].Next())
                            : MostLikely(mine);
    };
    text.taken = [&captions, vocabulary, i](std::int32_t token, const float* logits) {
      captions[i].log_probability += logits[token] - LogSum(std::span(logits, vocabulary));
    };
    if (options.sample) {
      text.guess = [&, i](int ahead, const float* logits) {
        RandomStream later = streams[i];
        for (int place = 0; place < ahead; ++place) later.Next();
        return Draw(SamplingDistribution(options, std::span(logits, vocabulary)), later.Next());
      };
    }
    text.uniform = [&streams, i] { return streams[i].Next(); };
    text.probabilities = [&](std::span<const std::int32_t> so_far, const float* logits) {
      std::vector<float> p(vocabulary, 0);
      for (const Candidate& candidate : SamplingDistribution(options, ruled(so_far, logits))) {
        p[static_cast<std::size_t>(candidate.token)] = candidate.probability;
      }
      return p;
    };
  }
  DecoderOutput out;
  ESPY_RETURN_IF_ERROR(DecodeDrafted(decoder, texts, &cache, cross, &out, speculation));
  for (std::size_t i = 0; i < starts.size(); ++i) {
    captions[i].tokens = std::move(texts[i].tokens);
    captions[i].score = static_cast<float>(captions[i].log_probability);
    captions[i].steps = texts[i].passes;
  }
  return captions;
}

}  // namespace espy::captioning
