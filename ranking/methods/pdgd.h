// Pairwise differentiable gradient descent: learning from clicks while ranking, unbiased by place
// (Oosterhuis and de Rijke, CIKM 2018).
//
//   w <- w + a sum over pairs (c, u), c clicked and u not, of
//          rho(c, u) exp(s_c) exp(s_u) / (exp(s_c) + exp(s_u))^2 (x_c - x_u)
//   rho(c, u) = P(page with c and u exchanged) / ( P(page) + P(that) )
//
// Pages are drawn by Plackett-Luce from s = w . x. A slot below the last click counts as not seen,
// but for the one right after it.
#ifndef ESPY_RANKING_METHODS_PDGD_H_
#define ESPY_RANKING_METHODS_PDGD_H_

#include <cstdint>
#include <span>
#include <vector>

#include "ranking/features.h"

namespace espy::ranking {

// By slot: how much the sum moves the score of what was shown there, so that the step is
// a sum over slots of coefficient * grad s, for scores of any kind. `clicked` by slot.
std::vector<double> PdgdCoefficients(std::span<const double> scores,
                                     std::span<const std::uint32_t> shown,
                                     const std::vector<bool>& clicked);

// The sum itself for s = w . x.
std::vector<double> PdgdGradient(const FeatureRows& rows, std::span<const double> weights,
                                 std::span<const std::uint32_t> shown,
                                 const std::vector<bool>& clicked);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_PDGD_H_
