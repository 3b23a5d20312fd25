#include "training/losses/matching.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "training/ops/cross_entropy.h"

namespace espy::training {
namespace {

// BLIP adds this to every weight: what is far away is drawn at times too.
constexpr double kLeastWeight = 1e-4;

// `at(j)` is the similarity with the j-th, of `n`.
template <class At>
std::int64_t Draw(std::int64_t n, std::int64_t own, std::span<const std::int64_t> same,
                  Random* random, const At& at) {
  double largest = -std::numeric_limits<double>::infinity();
  for (std::int64_t j = 0; j < n; ++j) largest = std::max(largest, static_cast<double>(at(j)));
  std::vector<double> weights(static_cast<std::size_t>(n));
  double sum = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    sum += weights[static_cast<std::size_t>(j)] = std::exp(static_cast<double>(at(j)) - largest);
  }
  double total = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    double& weight = weights[static_cast<std::size_t>(j)];
    const bool partner = j == own || (!same.empty() && same[static_cast<std::size_t>(j)] ==
                                                           same[static_cast<std::size_t>(own)]);
    weight = partner ? 0 : weight / sum + kLeastWeight;
    total += weight;
  }
  const double mark = random->Uniform() * total;  // drawn in any case: the state moves evenly
  std::int64_t drawn = -1;
  double passed = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    const double weight = weights[static_cast<std::size_t>(j)];
    if (weight == 0) continue;
    drawn = j;  // the last one, should rounding leave the mark behind all
    passed += weight;
    if (mark < passed) break;
  }
  return drawn;
}

}  // namespace

HardNegatives SampleHardNegatives(std::span<const float> similarity, std::int64_t n,
                                  std::span<const std::int64_t> same, Random* random) {
  ESPY_CHECK(static_cast<std::int64_t>(similarity.size()) == n * n, "similarities of n pairs");
  HardNegatives negatives;
  for (std::int64_t i = 0; i < n; ++i) {
    negatives.text_of_image.push_back(Draw(n, i, same, random, [&](std::int64_t j) {
      return similarity[static_cast<std::size_t>(i * n + j)];
    }));
  }
  for (std::int64_t i = 0; i < n; ++i) {
    negatives.image_of_text.push_back(Draw(n, i, same, random, [&](std::int64_t j) {
      return similarity[static_cast<std::size_t>(j * n + i)];
    }));
  }
  return negatives;
}

Node* MatchingLoss(Tape& tape, Node* logits, const HardNegatives& negatives) {
  const auto n = static_cast<std::int64_t>(negatives.text_of_image.size());
  ESPY_CHECK(logits->rows() == 3 * n && logits->columns() == 2, "three rows of two a pair");
  std::vector<std::int64_t> targets(static_cast<std::size_t>(n), 1);
  for (const auto* drawn : {&negatives.text_of_image, &negatives.image_of_text}) {
    for (const std::int64_t one : *drawn) targets.push_back(one < 0 ? kIgnore : 0);
  }
  return CrossEntropy(tape, logits, targets);
}

}  // namespace espy::training
