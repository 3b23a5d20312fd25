// Two orders on one page, so that clicks say which is liked better: team-draft interleaving
// (Radlinski, Kurup and Joachims, CIKM 2008). Of every two picks each order has one, who picks
// first is drawn, and each picks its best candidate that is not placed yet.
#ifndef ESPY_RANKING_TEAM_DRAFT_H_
#define ESPY_RANKING_TEAM_DRAFT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"

namespace espy::ranking {

struct DraftedPage {
  std::vector<std::uint32_t> shown;
  std::vector<double> propensities;  // of each slot given the items above it, exact
  std::string teams;                 // by slot: 1 the first order's pick, 2 the second's
};

// Both orders name the same candidates.
DraftedPage DrawTeams(std::span<const std::uint32_t> first, std::span<const std::uint32_t> second,
                      std::size_t slots, Random* random);

// Wins and losses of the first order, page by page: the page's winner is whose picks earned more.
struct Duel {
  std::uint64_t wins = 0;
  std::uint64_t losses = 0;

  void Add(std::string_view teams, std::span<const double> rewards);
  // The probability of so few wins or fewer among the decided pages if both were liked alike
  // (binomial, exact to rounding). Small: the first order loses.
  double ChanceOfSoFewWins() const;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_TEAM_DRAFT_H_
