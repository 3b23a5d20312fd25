#include "ranking/estimate/interval.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "base/random.h"

namespace espy::ranking {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double Mean(std::span<const double> terms) {
  return terms.empty()
             ? 0
             : std::accumulate(terms.begin(), terms.end(), 0.0) / static_cast<double>(terms.size());
}

double Variance(std::span<const double> terms, double mean) {
  double sum = 0;
  for (const double term : terms) sum += (term - mean) * (term - mean);
  return sum / (static_cast<double>(terms.size()) - 1);
}

void CheckConfidence(double confidence) {
  ESPY_CHECK(confidence > 0 && confidence < 1, "a confidence is between 0 and 1");
}

}  // namespace

double NormalQuantile(double confidence) {
  CheckConfidence(confidence);
  double low = 0, high = 40;  // erf is 1 from 6 on
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = (low + high) / 2;
    (std::erf(middle / std::sqrt(2.0)) < confidence ? low : high) = middle;
  }
  return (low + high) / 2;
}

Interval NormalInterval(std::span<const double> terms, double confidence) {
  const double mean = Mean(terms);
  if (terms.size() < 2) return {mean, -kInfinity, kInfinity};
  const double error = NormalQuantile(confidence) *
                       std::sqrt(Variance(terms, mean) / static_cast<double>(terms.size()));
  return {mean, mean - error, mean + error};
}

Interval BootstrapInterval(std::span<const double> terms, std::span<const std::uint32_t> groups,
                           double confidence, int rounds, std::uint64_t seed) {
  CheckConfidence(confidence);
  ESPY_CHECK(groups.empty() || groups.size() == terms.size(), "bootstrap: a group for each term");
  const double mean = Mean(terms);
  std::uint32_t count = static_cast<std::uint32_t>(terms.size());
  if (!groups.empty()) count = 1 + *std::max_element(groups.begin(), groups.end());
  std::vector<double> sums(count), sizes(count);
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const std::size_t group = groups.empty() ? i : groups[i];
    sums[group] += terms[i];
    sizes[group] += 1;
  }
  std::erase_if(sums, [&, i = std::size_t{0}](double) mutable { return sizes[i++] == 0; });
  std::erase(sizes, 0.0);
  if (sums.size() < 2) return {mean, -kInfinity, kInfinity};
  Random random(seed);
  std::vector<double> means;
  for (int round = 0; round < rounds; ++round) {
    double sum = 0, size = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::uint64_t drawn = random.Below(sums.size());
      sum += sums[drawn];
      size += sizes[drawn];
    }
    means.push_back(sum / size);
  }
  std::sort(means.begin(), means.end());
  const auto at = [&](double share) {
    return means[static_cast<std::size_t>(share * static_cast<double>(means.size() - 1) + 0.5)];
  };
  return {mean, at((1 - confidence) / 2), at((1 + confidence) / 2)};
}

Interval EmpiricalBernstein(std::span<const double> terms, double low, double high,
                            double confidence) {
  CheckConfidence(confidence);
  const double mean = Mean(terms);
  if (terms.size() < 2) return {mean, -kInfinity, kInfinity};
  const double n = static_cast<double>(terms.size());
  const double logarithm = std::log(4 / (1 - confidence));  // ln(2 / d), d = (1 - confidence) / 2
  const double error = std::sqrt(2 * Variance(terms, mean) * logarithm / n) +
                       7 * (high - low) * logarithm / (3 * (n - 1));
  return {mean, mean - error, mean + error};
}

double EffectiveSampleSize(std::span<const double> weights) {
  double sum = 0, squares = 0;
  for (const double weight : weights) {
    sum += weight;
    squares += weight * weight;
  }
  return squares > 0 ? sum * sum / squares : 0;
}

}  // namespace espy::ranking
