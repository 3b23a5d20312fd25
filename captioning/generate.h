// Decoding: from a prompt and a picture to a caption, by greedy choice, beam search or sampling,
// with the meaning that transformers' generate() gives each option.
#ifndef ESPY_CAPTIONING_GENERATE_H_
#define ESPY_CAPTIONING_GENERATE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "captioning/cross_cache.h"
#include "captioning/decoder.h"
#include "espy/status.h"

namespace espy::captioning {

struct GenerateOptions {
  // Lengths count every token, the first ([DEC]) and the prompt's too.
  std::int64_t max_length = 20;
  std::int64_t min_length = 0;  // before it, no end

  // 1: greedy, or sampling. More: beam search, the best of so many kept at every step.
  std::int64_t beams = 1;
  // A finished beam's score is its log-probability / generated tokens ^ length_penalty: above 0
  // favours long captions, below 0 short ones.
  float length_penalty = 1;
  // When beam search may stop: once as many beams have finished as there are and none that runs
  // could still be better by its present length (kHeuristic, transformers' False), at once when so
  // many have finished (kAtOnce, True), or by the length that favours the running ones most
  // (kNever, "never").
  enum class EarlyStopping { kHeuristic, kAtOnce, kNever };
  EarlyStopping early_stopping = EarlyStopping::kHeuristic;

  // Above 1: tokens that the text has already, the prompt's too, become less likely. A logit (with
  // beams: a log-probability) below 0 is multiplied by it, one above 0 divided (Keskar et al.
  // 2019).
  float repetition_penalty = 1;

  // Sampling instead of the most likely token; not with beams. Applied in this order.
  bool sample = false;
  float temperature = 1;
  std::int64_t top_k = 50;  // the k most likely, and their equals; 0: all
  float top_p = 1;          // the fewest that have this probability together
  // Picture i of a call draws from stream first_stream + i of the seed: the same call gives the
  // same captions.
  std::uint64_t seed = 0;
  std::uint64_t first_stream = 0;
};

struct Generated {
  // From the first token on; the end token is the last, unless max_length came before it.
  std::vector<std::int32_t> tokens;
  // Of the generated tokens, the end among them: the sum of their logarithms, as the model gives
  // them (with beams and a repetition penalty: after the penalty, as the search adds them up).
  double log_probability = 0;
  float score = 0;         // of beam search, after the length penalty; else log_probability
  std::int64_t steps = 0;  // forward passes that it took part in, the prompt's among them
};

// What is wrong with options for captions that begin with at most `start` tokens; OK: nothing.
Status CheckOptions(const GenerateOptions& options, const TextConfig& config, std::int64_t start);

// starts[i], of picture i of `cross`: what a caption begins with, one token at least. A caption's
// tokens do not depend on the others of the call. Errors are CheckOptions' and the decoder's.
Result<std::vector<Generated>> Generate(const TextDecoder& decoder, CrossCache* cross,
                                        std::span<const std::vector<std::int32_t>> starts,
                                        const GenerateOptions& options);

// The ways of Generate, options checked.
Result<std::vector<Generated>> GenerateOneByOne(const TextDecoder& decoder, CrossCache* cross,
                                                std::span<const std::vector<std::int32_t>> starts,
                                                const GenerateOptions& options);
Result<std::vector<Generated>> GenerateByBeams(const TextDecoder& decoder, CrossCache* cross,
                                               std::span<const std::vector<std::int32_t>> starts,
                                               const GenerateOptions& options);

// The first pass of each sequence: sequence i of `cache`, new, reads starts[i]. `out` has the
// logits of its last token as row i.
Status ReadStarts(const TextDecoder& decoder, std::span<const std::vector<std::int32_t>> starts,
                  KvCache* cache, CrossCache* cross, DecoderOutput* out);

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_GENERATE_H_
