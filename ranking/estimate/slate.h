// Off-policy estimates of whole pages, by what a slot's reward is taken to depend on:
//
//   standard      on the whole page: every slot has the page's weight           (SIPS)
//   independent   on its own item and slot                                      (IIPS; Li and
//   others, 2018) cascade       on itself and the slots above it (RIPS; McInerney and others, KDD
//   2020) cascade DR    the same, with a model of what is still to come as control    (Kiyohara and
//   others, WSDM 2022)
//
// and PBM-IPS, which needs no random page but a click model: a click in slot j counts as
// exam(slot in the target's order) / exam(j)   (Joachims, Swaminathan and Schnabel, WSDM 2017).
#ifndef ESPY_RANKING_ESTIMATE_SLATE_H_
#define ESPY_RANKING_ESTIMATE_SLATE_H_

#include <cstdint>
#include <span>
#include <vector>

namespace espy::ranking {

// One slot of one page.
struct SlotDecision {
  double reward = 0;
  // Of the shown item, given the items above it on the shown page.
  double logged = 1;  // by the logging policy: above 0
  double target = 0;  // by the target policy
  // Of the shown item in this slot, whatever stands above; for the independent estimate alone.
  double logged_marginal = 1;
  double target_marginal = 0;
  // For cascade DR: the model's value of this slot and all below it,
  double expected = 0;            //   with the shown item here,
  double expected_of_target = 0;  //   with the target policy's choice here, given those above.
};
using Page = std::vector<SlotDecision>;

// One term for each page, the estimate is their mean. `discounts` weigh the slots' rewards; slots
// beyond them count 0.
std::vector<double> StandardTerms(std::span<const Page> pages, std::span<const double> discounts);
std::vector<double> IndependentTerms(std::span<const Page> pages,
                                     std::span<const double> discounts);
std::vector<double> CascadeTerms(std::span<const Page> pages, std::span<const double> discounts);
// `expected` and `expected_of_target` are of discounted rewards.
std::vector<double> CascadeDoublyRobustTerms(std::span<const Page> pages,
                                             std::span<const double> discounts);

// Of one page under the position-based model: `rewards` by logged slot, the slot of each of those
// items in the target's order (one that it does not show: any number from examination.size() on),
// and how probably a slot is looked at, by slot: above 0 where a reward is not.
double PositionBasedTerm(std::span<const double> rewards, std::span<const std::uint32_t> slots,
                         std::span<const double> examination);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_ESTIMATE_SLATE_H_
