#include "ranking/estimate/judge.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "ranking/examination.h"

namespace espy::ranking {
namespace {

std::string Rounded(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", x);
  return text;
}

}  // namespace

Verdict Judge(std::span<const JudgedPage> pages, const JudgeOptions& options) {
  Verdict verdict;
  verdict.pages = pages.size();
  std::size_t slots = 0;
  for (const JudgedPage& page : pages) slots = std::max(slots, page.rewards.size());
  const std::vector<double> examination = PositionExamination(slots, options.severity);
  std::vector<double> in_use, candidate, gains, weights;
  std::vector<std::uint32_t> groups;
  double most = 0;
  for (const JudgedPage& page : pages) {
    const std::size_t shown = page.rewards.size();
    const auto value = [&](const std::vector<std::uint32_t>& order) {
      double sum = 0;
      for (std::size_t j = 0; j < shown; ++j) {
        if (page.rewards[j] == 0 || order[j] >= shown) continue;
        const double ratio = std::min(examination[order[j]] / examination[j], options.clip);
        sum += ratio * page.rewards[j];
      }
      return page.weight * sum;
    };
    for (std::size_t j = 0; j < shown; ++j) {
      if (page.rewards[j] == 0 || page.candidate[j] >= shown) continue;
      weights.push_back(std::min(examination[page.candidate[j]] / examination[j], options.clip));
    }
    in_use.push_back(value(page.in_use));
    candidate.push_back(value(page.candidate));
    gains.push_back(candidate.back() - in_use.back());
    most = std::max(most, std::abs(gains.back()));
    groups.push_back(page.group);
    verdict.rewarded +=
        std::any_of(page.rewards.begin(), page.rewards.end(), [](double r) { return r != 0; }) ? 1
                                                                                               : 0;
  }
  const auto bootstrap = [&](const std::vector<double>& terms, bool grouped) {
    return BootstrapInterval(
        terms, grouped ? std::span<const std::uint32_t>(groups) : std::span<const std::uint32_t>(),
        options.confidence, options.rounds, options.seed);
  };
  // One client's pages cannot be resampled as a whole: then they count as independent.
  const bool grouped =
      std::any_of(groups.begin(), groups.end(), [&](std::uint32_t g) { return g != groups[0]; });
  verdict.in_use = bootstrap(in_use, grouped);
  verdict.candidate = bootstrap(candidate, grouped);
  verdict.gain = bootstrap(gains, grouped);
  verdict.gain_bernstein =
      EmpiricalBernstein(gains, -std::max(most, 1.0), std::max(most, 1.0), options.confidence);
  verdict.effective = EffectiveSampleSize(weights);
  if (verdict.rewarded < options.least_pages) {
    verdict.why = "too little to judge by: " + std::to_string(verdict.rewarded) +
                  " held-out pages with a click, and " + std::to_string(options.least_pages) +
                  " are wanted";
    return verdict;
  }
  const std::string bounds = Rounded(verdict.gain.value) + " a page, between " +
                             Rounded(verdict.gain.lower) + " and " + Rounded(verdict.gain.upper);
  verdict.better = verdict.gain.lower > 0;
  verdict.why = verdict.better ? "better by " + bounds
                               : "not surely better than what ranks now: by " + bounds;
  return verdict;
}

}  // namespace espy::ranking
