#include "ranking/estimate/slate.h"

#include <algorithm>

#include "base/check.h"

namespace espy::ranking {
namespace {

template <class Term>
std::vector<double> TermsOf(std::span<const Page> pages, const Term& term) {
  std::vector<double> terms;
  terms.reserve(pages.size());
  for (const Page& page : pages) {
    for (const SlotDecision& slot : page) {
      ESPY_CHECK(slot.logged > 0 && slot.logged_marginal > 0,
                 "off-policy estimate: a shown item had no probability");
    }
    terms.push_back(term(page));
  }
  return terms;
}

double Discount(std::span<const double> discounts, std::size_t slot) {
  return slot < discounts.size() ? discounts[slot] : 0;
}

}  // namespace

std::vector<double> StandardTerms(std::span<const Page> pages, std::span<const double> discounts) {
  return TermsOf(pages, [&](const Page& page) {
    double weight = 1, value = 0;
    for (std::size_t k = 0; k < page.size(); ++k) {
      weight *= page[k].target / page[k].logged;
      value += Discount(discounts, k) * page[k].reward;
    }
    return weight * value;
  });
}

std::vector<double> IndependentTerms(std::span<const Page> pages,
                                     std::span<const double> discounts) {
  return TermsOf(pages, [&](const Page& page) {
    double value = 0;
    for (std::size_t k = 0; k < page.size(); ++k) {
      value += page[k].target_marginal / page[k].logged_marginal * Discount(discounts, k) *
               page[k].reward;
    }
    return value;
  });
}

std::vector<double> CascadeTerms(std::span<const Page> pages, std::span<const double> discounts) {
  return TermsOf(pages, [&](const Page& page) {
    double weight = 1, value = 0;
    for (std::size_t k = 0; k < page.size(); ++k) {
      weight *= page[k].target / page[k].logged;
      value += weight * Discount(discounts, k) * page[k].reward;
    }
    return value;
  });
}

// sum over k of  w_{1:k} (d_k r_k - Q_k(shown)) + w_{1:k-1} E_target[Q_k]
std::vector<double> CascadeDoublyRobustTerms(std::span<const Page> pages,
                                             std::span<const double> discounts) {
  return TermsOf(pages, [&](const Page& page) {
    double above = 1, value = 0;
    for (std::size_t k = 0; k < page.size(); ++k) {
      const double weight = above * page[k].target / page[k].logged;
      value += weight * (Discount(discounts, k) * page[k].reward - page[k].expected) +
               above * page[k].expected_of_target;
      above = weight;
    }
    return value;
  });
}

double PositionBasedTerm(std::span<const double> rewards, std::span<const std::uint32_t> slots,
                         std::span<const double> examination) {
  ESPY_CHECK(rewards.size() == slots.size() && rewards.size() <= examination.size(),
             "PBM estimate: rewards, slots and examination are of one page");
  double value = 0;
  for (std::size_t j = 0; j < rewards.size(); ++j) {
    if (rewards[j] == 0 || slots[j] >= examination.size()) continue;
    ESPY_CHECK(examination[j] > 0, "PBM estimate: a reward in a slot that nobody looks at");
    value += rewards[j] * examination[slots[j]] / examination[j];
  }
  return value;
}

}  // namespace espy::ranking
