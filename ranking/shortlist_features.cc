#include "ranking/shortlist_features.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "ranking/dot.h"

namespace espy::ranking {
namespace {

enum Column {
  kDense,
  kTop,
  kText,
  kMatch,
  kRecency,
  kPopularity,
  kNeighbours,
  kTaste,
  kCopy,
  kColumns
};

constexpr int kSameLookBits = 6;

// Less the mean, by the standard deviation; zeros where there is none.
void Standardise(std::vector<double>* values) {
  const double n = static_cast<double>(values->size());
  const double mean = std::accumulate(values->begin(), values->end(), 0.0) / n;
  double squares = 0;
  for (const double x : *values) squares += (x - mean) * (x - mean);
  const double deviation = std::sqrt(squares / n);
  for (double& x : *values) x = deviation > 1e-9 ? (x - mean) / deviation : 0;
}

bool LooksLikeOneBefore(const std::vector<Candidate>& candidates, std::size_t i) {
  if (candidates[i].look == 0) return false;
  return std::any_of(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(i),
                     [&](const Candidate& other) {
                       return other.look != 0 &&
                              std::popcount(other.look ^ candidates[i].look) <= kSameLookBits;
                     });
}

}  // namespace

const FeatureSchema& ShortlistSchema() {
  static const FeatureSchema* const kSchema = new FeatureSchema{
      "shortlist",
      1,
      {"dense", "top", "text", "match", "recency", "popularity", "neighbours", "taste", "copy"}};
  return *kSchema;
}

std::vector<float> ShortlistFeatures(const Shortlist& shortlist, const ClickHistory& history) {
  const std::vector<Candidate>& candidates = shortlist.candidates;
  std::vector<float> features(candidates.size() * kColumns, 0);
  if (candidates.empty()) return features;
  const auto neighbours = history.Neighbours(shortlist.question);
  const std::vector<float> taste = history.Taste();
  std::vector<double> dense, tastes;
  for (const Candidate& c : candidates) {
    dense.push_back(c.dense);
    tastes.push_back(Product(taste, c.vector));
  }
  Standardise(&dense);
  Standardise(&tastes);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& c = candidates[i];
    float* row = features.data() + i * kColumns;
    const auto chosen = neighbours.find(c.item);
    const double rewards = chosen == neighbours.end() ? 0 : chosen->second;
    row[kDense] = static_cast<float>(dense[i]);
    row[kTop] = static_cast<float>(1 / std::log2(2 + static_cast<double>(i)));
    row[kText] = std::max(c.text, 0.0f) / (std::max(c.text, 0.0f) + 5);
    row[kMatch] = c.match < 0 ? 0 : 2 * c.match - 1;
    row[kRecency] = c.age_days < 0 ? 0 : static_cast<float>(std::exp2(-c.age_days / 365));
    row[kPopularity] = static_cast<float>(std::clamp(history.Popularity(c.item), -3.0, 3.0));
    row[kNeighbours] = static_cast<float>(rewards / (rewards + 1));
    row[kTaste] = static_cast<float>(tastes[i]);
    row[kCopy] = LooksLikeOneBefore(candidates, i) ? 1 : 0;
  }
  return features;
}

}  // namespace espy::ranking
