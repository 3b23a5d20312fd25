#include "captioning/logits.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>

#include "kernels/activation.h"

namespace espy::captioning {
namespace {

constexpr float kImpossible = -std::numeric_limits<float>::infinity();

std::uint64_t Mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Candidates by falling score, `top_k` of them and the last one's equals. Scores that are no
// numbers, of weights that are broken, are none of them; where all are, token 0 is.
std::vector<Candidate> Ranked(std::span<const float> scores, std::int64_t top_k) {
  float least = kImpossible;
  std::vector<float> sorted;
  std::copy_if(scores.begin(), scores.end(), std::back_inserter(sorted),
               [](float score) { return score == score; });
  if (top_k > 0 && top_k < static_cast<std::int64_t>(sorted.size())) {
    std::nth_element(sorted.begin(), sorted.begin() + (top_k - 1), sorted.end(),
                     std::greater<float>());
    least = sorted[static_cast<std::size_t>(top_k - 1)];
  }
  std::vector<Candidate> ranked;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] >= least && scores[i] != kImpossible) {
      ranked.push_back({static_cast<std::int32_t>(i), scores[i]});
    }
  }
  if (ranked.empty()) ranked.push_back({0, 0.0f});
  std::stable_sort(ranked.begin(), ranked.end(), [](const Candidate& a, const Candidate& b) {
    return a.probability > b.probability;
  });
  return ranked;
}

// Scores of ranked candidates become probabilities.
void Softmax(std::vector<Candidate>* ranked) {
  const float largest = ranked->front().probability;
  double sum = 0;
  for (Candidate& candidate : *ranked) {
    candidate.probability = std::exp(candidate.probability - largest);
    sum += candidate.probability;
  }
  for (Candidate& candidate : *ranked) {
    candidate.probability = static_cast<float>(candidate.probability / sum);
  }
}

}  // namespace

void ApplyRules(const GenerateOptions& options, std::span<const std::int32_t> tokens,
                std::int32_t end, std::span<float> scores) {
  if (options.repetition_penalty != 1) {
    std::vector<std::int32_t> seen(tokens.begin(), tokens.end());
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    for (const std::int32_t token : seen) {
      float& score = scores[static_cast<std::size_t>(token)];
      score = score < 0 ? score * options.repetition_penalty : score / options.repetition_penalty;
    }
  }
  if (static_cast<std::int64_t>(tokens.size()) < options.min_length) {
    scores[static_cast<std::size_t>(end)] = kImpossible;
  }
}

std::int32_t MostLikely(std::span<const float> scores) {
  return static_cast<std::int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

float LogSum(std::span<const float> scores) {
  const float largest = *std::max_element(scores.begin(), scores.end());
  constexpr std::size_t kBlock = 256;
  float block[kBlock];
  double sum = 0;
  for (std::size_t first = 0; first < scores.size(); first += kBlock) {
    const std::size_t n = std::min(kBlock, scores.size() - first);
    for (std::size_t i = 0; i < n; ++i) block[i] = scores[first + i] - largest;
    kernels::Exp(block, static_cast<std::int64_t>(n), block);
    for (std::size_t i = 0; i < n; ++i) sum += block[i];
  }
  return largest + static_cast<float>(std::log(sum));
}

std::vector<Candidate> SamplingDistribution(const GenerateOptions& options,
                                            std::span<const float> scores) {
  std::vector<Candidate> ranked;
  if (options.temperature == 1) {
    ranked = Ranked(scores, options.top_k);
  } else {
    std::vector<float> warmed(scores.begin(), scores.end());
    for (float& score : warmed) score /= options.temperature;
    ranked = Ranked(warmed, options.top_k);
  }
  if (options.top_p < 1) {
    // Those are left out that together with all less likely ones have at most 1 - top_p.
    std::vector<Candidate> probable = ranked;
    Softmax(&probable);
    double below = 0;
    std::size_t kept = ranked.size();
    while (kept > 1) {
      below += probable[kept - 1].probability;
      if (below > 1.0 - static_cast<double>(options.top_p)) break;
      --kept;
    }
    ranked.resize(kept);
  }
  Softmax(&ranked);
  return ranked;
}

RandomStream::RandomStream(std::uint64_t seed, std::uint64_t stream)
    : state_(Mix(Mix(seed + 0x9e3779b97f4a7c15u) + stream)) {}

double RandomStream::Next() {
  state_ += 0x9e3779b97f4a7c15u;
  return static_cast<double>(Mix(state_) >> 11) * 0x1p-53;
}

std::int32_t Draw(std::span<const Candidate> candidates, double at) {
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.probability;
  double passed = 0;
  for (const Candidate& candidate : candidates) {
    passed += candidate.probability;
    if (passed > at * sum) return candidate.token;
  }
  return candidates.back().token;
}

}  // namespace espy::captioning
