#include "ranking/bounded_exploration.h"

#include <algorithm>

#include "base/check.h"

namespace espy::ranking {
namespace {

// The page so far.
class Walk {
 public:
  Walk(std::span<const std::uint32_t> order, const Exploration& exploration)
      : order_(order), exploration_(exploration), left_(exploration.slots) {
    ESPY_CHECK(exploration.chance >= 0 && exploration.chance < 1,
               "exploration: a chance is at least 0 and below 1");
    std::uint32_t most = 0;
    for (const std::uint32_t candidate : order) most = std::max(most, candidate);
    placed_.assign(order.empty() ? 0 : std::size_t{most} + 1, false);
  }

  std::uint32_t Next() const {
    return *std::find_if(order_.begin(), order_.end(),
                         [&](std::uint32_t c) { return !placed_[c]; });
  }
  // What this slot may explore: none once the page has explored enough.
  std::vector<std::uint32_t> Others() const {
    std::vector<std::uint32_t> others;
    if (left_ == 0) return others;
    const std::uint32_t next = Next();
    for (const std::uint32_t candidate :
         order_.first(std::min(order_.size(), exploration_.within))) {
      if (!placed_[candidate] && candidate != next) others.push_back(candidate);
    }
    return others;
  }
  // `others` as Others() says; 0 when the candidate cannot stand here.
  double Probability(std::uint32_t candidate, const std::vector<std::uint32_t>& others) const {
    const double chance = others.empty() ? 0 : exploration_.chance;
    if (candidate == Next()) return 1 - chance;
    if (std::find(others.begin(), others.end(), candidate) == others.end()) return 0;
    return chance / static_cast<double>(others.size());
  }
  void Place(std::uint32_t candidate) {
    if (candidate != Next() && left_ > 0) --left_;
    placed_[candidate] = true;
  }
  bool placed(std::uint32_t candidate) const {
    return candidate >= placed_.size() || placed_[candidate];
  }

 private:
  std::span<const std::uint32_t> order_;
  Exploration exploration_;
  std::size_t left_;
  std::vector<bool> placed_;  // by candidate
};

}  // namespace

DrawnPage DrawExploring(std::span<const std::uint32_t> order, std::size_t slots,
                        const Exploration& exploration, Random* random) {
  DrawnPage page;
  Walk walk(order, exploration);
  for (std::size_t slot = 0; slot < std::min(slots, order.size()); ++slot) {
    const std::vector<std::uint32_t> others = walk.Others();
    std::uint32_t chosen = walk.Next();
    if (!others.empty() && random->Uniform() < exploration.chance) {
      chosen = others[random->Below(others.size())];
    }
    page.shown.push_back(chosen);
    page.propensities.push_back(walk.Probability(chosen, others));
    walk.Place(chosen);
  }
  return page;
}

std::vector<double> ExploringPropensities(std::span<const std::uint32_t> order,
                                          std::span<const std::uint32_t> shown,
                                          const Exploration& exploration) {
  std::vector<double> propensities;
  Walk walk(order, exploration);
  for (const std::uint32_t candidate : shown) {
    ESPY_CHECK(!walk.placed(candidate), "exploration: a page names a candidate twice, or none");
    propensities.push_back(walk.Probability(candidate, walk.Others()));
    walk.Place(candidate);
  }
  return propensities;
}

}  // namespace espy::ranking
