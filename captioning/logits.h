// What is done to a step's logits before a token is chosen, and the choices.
#ifndef ESPY_CAPTIONING_LOGITS_H_
#define ESPY_CAPTIONING_LOGITS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "captioning/generate.h"

namespace espy::captioning {

// transformers' RepetitionPenalty and MinLength processors, in that order. tokens: the text so far;
// scores [vocabulary]: logits, or with beams log-probabilities. `end`: the end token.
void ApplyRules(const GenerateOptions& options, std::span<const std::int32_t> tokens,
                std::int32_t end, std::span<float> scores);

// The largest; the lowest token of equals.
std::int32_t MostLikely(std::span<const float> scores);

// The logarithm of the softmax's denominator: log sum e^scores. O(n); the bits depend on the scores
// alone.
float LogSum(std::span<const float> scores);

struct Candidate {
  std::int32_t token = 0;
  float probability = 0;
};

// What sampling draws from: temperature, top-k and top-p as transformers' warpers apply them, then
// the softmax of what is left; the most likely first. `scores` have been through ApplyRules.
std::vector<Candidate> SamplingDistribution(const GenerateOptions& options,
                                            std::span<const float> scores);

// Numbers in [0, 1), the same for the same seed and stream on every machine (splitmix64).
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint64_t stream);
  double Next();

 private:
  std::uint64_t state_;
};

// The candidate at which the probabilities, added up in their order, pass `at` of their sum.
std::int32_t Draw(std::span<const Candidate> candidates, double at);

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_LOGITS_H_
