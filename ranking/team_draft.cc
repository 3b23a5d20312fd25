#include "ranking/team_draft.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "base/check.h"

namespace espy::ranking {
namespace {

std::uint32_t BestLeft(std::span<const std::uint32_t> order, const std::vector<bool>& placed) {
  return *std::find_if(order.begin(), order.end(), [&](std::uint32_t c) { return !placed[c]; });
}

// Where the draft stands as far as the page shows it: both have picked as often, the first is one
// ahead, or the second is.
struct Standing {
  double even = 1, first_ahead = 0, second_ahead = 0;

  double FirstPicks() const { return 0.5 * even + second_ahead; }
  // After a pick of a candidate that the first (the second) order would have picked.
  Standing After(bool by_first, bool by_second) const {
    Standing next{0, 0, 0};
    if (by_first) {
      next.first_ahead += 0.5 * even;
      next.even += second_ahead;
    }
    if (by_second) {
      next.second_ahead += 0.5 * even;
      next.even += first_ahead;
    }
    const double sum = next.even + next.first_ahead + next.second_ahead;
    return {next.even / sum, next.first_ahead / sum, next.second_ahead / sum};
  }
};

}  // namespace

DraftedPage DrawTeams(std::span<const std::uint32_t> first, std::span<const std::uint32_t> second,
                      std::size_t slots, Random* random) {
  ESPY_CHECK(first.size() == second.size(), "team draft: both orders name the same candidates");
  DraftedPage page;
  if (first.empty()) return page;
  std::vector<bool> placed(std::size_t{*std::max_element(first.begin(), first.end())} + 1, false);
  Standing standing;
  int lead = 0;  // picks of the first less those of the second
  for (std::size_t slot = 0; slot < std::min(slots, first.size()); ++slot) {
    const bool by_first = lead < 0 || (lead == 0 && random->Uniform() < 0.5);
    lead += by_first ? 1 : -1;
    const std::uint32_t a = BestLeft(first, placed), b = BestLeft(second, placed);
    const std::uint32_t chosen = by_first ? a : b;
    const double of_first = standing.FirstPicks();
    page.shown.push_back(chosen);
    page.propensities.push_back((chosen == a ? of_first : 0) + (chosen == b ? 1 - of_first : 0));
    page.teams.push_back(by_first ? '\x01' : '\x02');
    standing = standing.After(chosen == a, chosen == b);
    placed[chosen] = true;
  }
  return page;
}

void Duel::Add(std::string_view teams, std::span<const double> rewards) {
  double lead = 0;
  for (std::size_t slot = 0; slot < std::min(teams.size(), rewards.size()); ++slot) {
    lead += teams[slot] == '\x01' ? rewards[slot] : -rewards[slot];
  }
  wins += lead > 0 ? 1 : 0;
  losses += lead < 0 ? 1 : 0;
}

double Duel::ChanceOfSoFewWins() const {
  const double n = static_cast<double>(wins + losses);
  double sum = 0;
  for (std::uint64_t k = 0; k <= wins; ++k) {
    const double i = static_cast<double>(k);
    sum += std::exp(std::lgamma(n + 1) - std::lgamma(i + 1) - std::lgamma(n - i + 1) -
                    n * std::log(2.0));
  }
  return std::min(sum, 1.0);
}

}  // namespace espy::ranking
