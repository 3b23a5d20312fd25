// Beam search over one picture, step by step, as transformers' _beam_search does it: the state, and
// what a step's logits make of it. Nothing here knows the decoder.
#ifndef ESPY_CAPTIONING_BEAMS_H_
#define ESPY_CAPTIONING_BEAMS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "captioning/generate.h"

namespace espy::captioning {

// transformers keeps "finished" and "impossible" as -1e9 added to a score in FP32, and compares
// what that leaves; so does this, step by step, that the choice among such scores is the same too.
class BeamSearch {
 public:
  // A caption that begins with `start`; `end` ends it.
  BeamSearch(std::vector<std::int32_t> start, std::int32_t end, const GenerateOptions& options);

  // logits[b]: of beam b's next token, [vocabulary]. Before the first step there is one text, and
  // all beams' logits are its.
  void Step(std::span<const float* const> logits, std::int64_t vocabulary);

  bool done() const { return done_; }
  // Of the last step, while not done: which beam each beam continues, and by what token.
  std::int32_t source(std::int64_t beam) const { return Running(beam).source; }
  std::int32_t token(std::int64_t beam) const { return Running(beam).tokens.back(); }

  Generated Best() const;

 private:
  struct Beam {
    std::vector<std::int32_t> tokens;
    float score = 0;  // of a running beam: its log-probability; of a finished one: penalised
    double log_probability = 0;
    std::int32_t source = 0;
    bool finished = false;
  };
  struct Candidate {
    float score = 0;
    std::int32_t beam = 0;
    std::int32_t token = 0;
    bool ends = false;
  };

  const Beam& Running(std::int64_t beam) const { return running_[static_cast<std::size_t>(beam)]; }
  std::vector<Candidate> TopCandidates(std::span<const float* const> logits,
                                       std::int64_t vocabulary) const;
  Beam Continue(const Candidate& candidate, float score) const;
  void Finish(const std::vector<Candidate>& candidates);
  bool MayImprove() const;
  bool AllFinished() const;
  float Penalty(std::int64_t generated) const;

  GenerateOptions options_;
  std::int32_t end_;
  std::int64_t prompt_;  // tokens of the start
  std::int64_t length_;  // tokens of the running beams
  std::int64_t steps_ = 0;
  std::vector<Beam> running_, finished_;  // [beams] each, the best first
  bool improvable_ = true;
  bool done_ = false;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_BEAMS_H_
