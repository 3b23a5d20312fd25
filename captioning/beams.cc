#include "captioning/beams.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/status_macros.h"
#include "captioning/logits.h"

namespace espy::captioning {
namespace {

constexpr float kImpossible = -1e9f;

// The places of the `k` largest scores, the largest first; the first of equals.
std::vector<std::size_t> TopPlaces(const std::vector<float>& scores, std::size_t k) {
  std::vector<std::size_t> places(scores.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::stable_sort(places.begin(), places.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  places.resize(k);
  return places;
}

}  // namespace

BeamSearch::BeamSearch(std::vector<std::int32_t> start, std::int32_t end,
                       const GenerateOptions& options)
    : options_(options),
      end_(end),
      prompt_(static_cast<std::int64_t>(start.size())),
      length_(prompt_) {
  const auto beams = static_cast<std::size_t>(options.beams);
  // All but the first begin as impossible, so that the first step takes different tokens.
  running_.assign(beams, {.tokens = start, .score = kImpossible});
  running_[0].score = 0;
  finished_.assign(beams, {.tokens = std::move(start), .score = kImpossible});
}

std::vector<BeamSearch::Candidate> BeamSearch::TopCandidates(std::span<const float* const> logits,
                                                             std::int64_t vocabulary) const {
  const std::size_t wanted = 2 * running_.size();
  std::vector<Candidate> top;  // sorted, the best first
  std::vector<float> scores(static_cast<std::size_t>(vocabulary));
  for (std::size_t b = 0; b < running_.size(); ++b) {
    const std::span<const float> row(logits[b], scores.size());
    const float log_sum = LogSum(row);
    for (std::size_t i = 0; i < row.size(); ++i) scores[i] = row[i] - log_sum;
    ApplyRules(options_, running_[b].tokens, end_, scores);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const float score = scores[i] + running_[b].score;
      if (top.size() == wanted && !(score > top.back().score)) continue;
      if (top.size() == wanted) top.pop_back();
      const auto place =
          std::upper_bound(top.begin(), top.end(), score,
                           [](float s, const Candidate& other) { return s > other.score; });
      top.insert(place, {.score = score,
                         .beam = static_cast<std::int32_t>(b),
                         .token = static_cast<std::int32_t>(i)});
    }
  }
  return top;
}

BeamSearch::Beam BeamSearch::Continue(const Candidate& candidate, float score) const {
  const Beam& from = running_[static_cast<std::size_t>(candidate.beam)];
  Beam beam{.tokens = from.tokens,
            .score = score,
            .log_probability = candidate.score,
            .source = candidate.beam};
  beam.tokens.push_back(candidate.token);
  return beam;
}

float BeamSearch::Penalty(std::int64_t generated) const {
  return static_cast<float>(
      std::pow(static_cast<double>(generated), static_cast<double>(options_.length_penalty)));
}

bool BeamSearch::AllFinished() const {
  return std::all_of(finished_.begin(), finished_.end(),
                     [](const Beam& beam) { return beam.finished; });
}

// The finished beams and those candidates of the best half that have just ended, by score.
void BeamSearch::Finish(const std::vector<Candidate>& candidates) {
  const bool at_once = options_.early_stopping == GenerateOptions::EarlyStopping::kAtOnce;
  const bool full = at_once && AllFinished();
  const float penalty = Penalty(length_ + 1 - prompt_);
  std::vector<float> scores;
  for (const Beam& beam : finished_) scores.push_back(beam.score);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const bool counts = candidates[i].ends && i < running_.size();
    float score = candidates[i].score / penalty;
    if (full) score += kImpossible;
    if (!improvable_) score += kImpossible;
    if (!counts) score += kImpossible;
    scores.push_back(score);
  }
  std::vector<Beam> merged;
  for (const std::size_t place : TopPlaces(scores, finished_.size())) {
    if (place < finished_.size()) {
      merged.push_back(finished_[place]);
      continue;
    }
    const std::size_t candidate = place - finished_.size();
    merged.push_back(Continue(candidates[candidate], scores[place]));
    merged.back().finished = candidates[candidate].ends && candidate < running_.size();
  }
  finished_ = std::move(merged);
}

bool BeamSearch::MayImprove() const {
  const bool longest = options_.early_stopping == GenerateOptions::EarlyStopping::kNever &&
                       options_.length_penalty > 0;
  const std::int64_t generated = (longest ? options_.max_length : length_) - prompt_;
  const float best = running_[0].score / Penalty(generated);
  float worst = finished_[0].score;
  for (const Beam& beam : finished_) worst = std::min(worst, beam.score);
  return std::any_of(finished_.begin(), finished_.end(), [&](const Beam& beam) {
    return best > (beam.finished ? worst : kImpossible);
  });
}

void BeamSearch::Step(std::span<const float* const> logits, std::int64_t vocabulary) {
  ++steps_;
  std::vector<Candidate> candidates = TopCandidates(logits, vocabulary);
  std::vector<float> running_scores;
  bool any_goes_on = false;
  for (Candidate& candidate : candidates) {
    candidate.ends = candidate.token == end_ || length_ + 1 >= options_.max_length;
    any_goes_on = any_goes_on || !candidate.ends;
    running_scores.push_back(candidate.score + (candidate.ends ? kImpossible : 0.0f));
  }
  std::vector<Beam> next;
  for (const std::size_t place : TopPlaces(running_scores, running_.size())) {
    next.push_back(Continue(candidates[place], running_scores[place]));
  }
  Finish(candidates);
  running_ = std::move(next);
  ++length_;
  improvable_ = improvable_ && MayImprove();
  const bool at_once = options_.early_stopping == GenerateOptions::EarlyStopping::kAtOnce;
  done_ = !improvable_ || (at_once && AllFinished()) || !any_goes_on;
}

Generated BeamSearch::Best() const {
  const Beam& best = finished_[0];
  return {.tokens = best.tokens,
          .log_probability = best.log_probability,
          .score = best.score,
          .steps = steps_};
}

Result<std::vector<Generated>> GenerateByBeams(const TextDecoder& decoder, CrossCache* cross,
                                               std::span<const std::vector<std::int32_t>> starts,
                                               const GenerateOptions& options) {
  const std::int64_t vocabulary = decoder.config().vocabulary;
  const auto beams = static_cast<std::size_t>(options.beams);
  KvCache cache = decoder.NewCache();
  std::vector<BeamSearch> searches;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    cache.Add(static_cast<std::int32_t>(i));
    searches.emplace_back(starts[i], decoder.config().sep_id, options);
  }
  DecoderOutput out;
  ESPY_RETURN_IF_ERROR(ReadStarts(decoder, starts, &cache, cross, &out));
  // Of each search that goes on: its first sequence. The start is read once for all beams.
  std::vector<std::size_t> running(starts.size());
  std::iota(running.begin(), running.end(), std::size_t{0});
  std::size_t sequences_each = 1;
  while (true) {
    std::vector<std::size_t> next_running;
    std::vector<std::int32_t> sources, tokens;
    for (std::size_t i = 0; i < running.size(); ++i) {
      BeamSearch& search = searches[running[i]];
      const std::size_t first = i * sequences_each;
      std::vector<const float*> logits;
      for (std::size_t b = 0; b < beams; ++b) {
        const std::size_t sequence = first + (sequences_each == 1 ? 0 : b);
        logits.push_back(out.logits + static_cast<std::int64_t>(sequence) * vocabulary);
      }
      search.Step(logits, vocabulary);
      if (search.done()) continue;
      next_running.push_back(running[i]);
      for (std::size_t b = 0; b < beams; ++b) {
        const auto beam = static_cast<std::int64_t>(b);
        const std::size_t source =
            sequences_each == 1 ? 0 : static_cast<std::size_t>(search.source(beam));
        sources.push_back(static_cast<std::int32_t>(first + source));
        tokens.push_back(search.token(beam));
      }
    }
    running = std::move(next_running);
    if (running.empty()) break;
    cache.Reorder(sources);
    sequences_each = beams;
    std::vector<std::int32_t> sequences(tokens.size());
    std::iota(sequences.begin(), sequences.end(), 0);
    const std::vector<std::int32_t> parents(tokens.size(), -1);
    ESPY_RETURN_IF_ERROR(decoder.Forward(
        {.tokens = tokens, .parents = parents, .sequences = sequences}, &cache, cross, &out));
    for (const std::int32_t sequence : sequences) cache.Keep(sequence, {&sequence, 1});
  }
  std::vector<Generated> captions;
  for (const BeamSearch& search : searches) captions.push_back(search.Best());
  return captions;
}

}  // namespace espy::captioning
