#include "captioning/generate.h"

#include <cmath>
#include <numeric>
#include <string>

#include "base/status_macros.h"
#include "captioning/logits.h"

namespace espy::captioning {
namespace {

constexpr std::int64_t kMaxBeams = 64;

Status Wrong(const std::string& option, const std::string& value, const std::string& limits) {
  return Status::InvalidArgument("caption options: " + option + " is " + value + "; it must be " +
                                 limits);
}

std::string Text(float number) {
  std::string text = std::to_string(number);
  text.erase(text.find_last_not_of('0') + 1);
  return text.ends_with('.') ? text + "0" : text;
}

}  // namespace

Status CheckOptions(const GenerateOptions& options, const TextConfig& config, std::int64_t start) {
  if (options.max_length <= start || options.max_length > config.context) {
    return Wrong("max_length", std::to_string(options.max_length),
                 "longer than the prompt (" + std::to_string(start) +
                     " tokens with its first) and at most the model's " +
                     std::to_string(config.context));
  }
  if (options.min_length < 0 || options.min_length > options.max_length) {
    return Wrong("min_length", std::to_string(options.min_length), "from 0 to max_length");
  }
  if (options.beams < 1 || options.beams > kMaxBeams || 2 * options.beams > config.vocabulary) {
    return Wrong("beams", std::to_string(options.beams),
                 "from 1 to 64, and at most half of the vocabulary");
  }
  if (!(std::abs(options.length_penalty) <= 100)) {
    return Wrong("length_penalty", Text(options.length_penalty), "from -100 to 100");
  }
  if (!(options.repetition_penalty >= 1e-3f && options.repetition_penalty <= 1e3f)) {
    return Wrong("repetition_penalty", Text(options.repetition_penalty), "from 0.001 to 1000");
  }
  if (options.sample && options.beams > 1) {
    return Wrong("sample", "on with beams", "off, or beams 1");
  }
  if (!(options.temperature >= 1e-3f && options.temperature <= 1e3f)) {
    return Wrong("temperature", Text(options.temperature), "from 0.001 to 1000");
  }
  if (options.top_k < 0) return Wrong("top_k", std::to_string(options.top_k), "0 or more");
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    return Wrong("top_p", Text(options.top_p), "above 0 and at most 1");
  }
  return Status::Ok();
}

Status ReadStarts(const TextDecoder& decoder, std::span<const std::vector<std::int32_t>> starts,
                  KvCache* cache, CrossCache* cross, DecoderOutput* out) {
  std::vector<std::int32_t> tokens, parents, sequences, last;
  for (std::size_t s = 0; s < starts.size(); ++s) {
    for (std::size_t i = 0; i < starts[s].size(); ++i) {
      parents.push_back(i == 0 ? -1 : static_cast<std::int32_t>(tokens.size()) - 1);
      tokens.push_back(starts[s][i]);
      sequences.push_back(static_cast<std::int32_t>(s));
    }
    last.push_back(static_cast<std::int32_t>(tokens.size()) - 1);
  }
  ESPY_RETURN_IF_ERROR(decoder.Forward(
      {.tokens = tokens, .parents = parents, .sequences = sequences, .logit_rows = last}, cache,
      cross, out));
  std::int32_t first = 0;
  for (std::size_t s = 0; s < starts.size(); ++s) {
    std::vector<std::int32_t> rows(starts[s].size());
    std::iota(rows.begin(), rows.end(), first);
    cache->Keep(static_cast<std::int32_t>(s), rows);
    first += static_cast<std::int32_t>(rows.size());
  }
  return Status::Ok();
}

Result<std::vector<Generated>> GenerateOneByOne(const TextDecoder& decoder, CrossCache* cross,
                                                std::span<const std::vector<std::int32_t>> starts,
                                                const GenerateOptions& options) {
  const auto vocabulary = static_cast<std::size_t>(decoder.config().vocabulary);
  const std::int32_t end = decoder.config().sep_id;
  KvCache cache = decoder.NewCache();
  std::vector<Generated> captions;
  std::vector<RandomStream> streams;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    cache.Add(static_cast<std::int32_t>(i));
    captions.push_back({.tokens = starts[i]});
    streams.emplace_back(options.seed, options.first_stream + i);
  }
  DecoderOutput out;
  ESPY_RETURN_IF_ERROR(ReadStarts(decoder, starts, &cache, cross, &out));
  std::vector<std::int32_t> running(starts.size());  // the caption of each row of logits
  std::iota(running.begin(), running.end(), 0);
  std::vector<float> scores;
  while (true) {
    std::vector<std::int32_t> next_running, tokens;
    for (std::size_t row = 0; row < running.size(); ++row) {
      const auto at = static_cast<std::size_t>(running[row]);
      Generated& caption = captions[at];
      const std::span<const float> logits(out.logits + row * vocabulary, vocabulary);
      scores.assign(logits.begin(), logits.end());
      ApplyRules(options, caption.tokens, end, scores);
      const std::int32_t token =
          options.sample ? Draw(SamplingDistribution(options, scores), streams[at].Next())
                         : MostLikely(scores);
      caption.log_probability += logits[static_cast<std::size_t>(token)] - LogSum(logits);
      caption.tokens.push_back(token);
      ++caption.steps;
      const bool full = static_cast<std::int64_t>(caption.tokens.size()) >= options.max_length;
      if (token == end || full) continue;
      next_running.push_back(running[row]);
      tokens.push_back(token);
    }
    running = std::move(next_running);
    if (running.empty()) break;
    const std::vector<std::int32_t> parents(running.size(), -1);
    ESPY_RETURN_IF_ERROR(decoder.Forward(
        {.tokens = tokens, .parents = parents, .sequences = running}, &cache, cross, &out));
    for (std::size_t row = 0; row < running.size(); ++row) {
      const auto kept = static_cast<std::int32_t>(row);
      cache.Keep(running[row], {&kept, 1});
    }
  }
  for (Generated& caption : captions) {
    caption.score = static_cast<float>(caption.log_probability);
  }
  return captions;
}

Result<std::vector<Generated>> Generate(const TextDecoder& decoder, CrossCache* cross,
                                        std::span<const std::vector<std::int32_t>> starts,
                                        const GenerateOptions& options) {
  std::int64_t longest = 0;
  for (const std::vector<std::int32_t>& start : starts) {
    if (start.empty()) return Status::InvalidArgument("captions: one begins with no token");
    longest = std::max(longest, static_cast<std::int64_t>(start.size()));
  }
  ESPY_RETURN_IF_ERROR(CheckOptions(options, decoder.config(), longest));
  if (starts.empty()) return std::vector<Generated>();
  return options.beams > 1 ? GenerateByBeams(decoder, cross, starts, options)
                           : GenerateOneByOne(decoder, cross, starts, options);
}

}  // namespace espy::captioning
