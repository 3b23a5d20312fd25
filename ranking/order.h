// Scores -> an order.
#ifndef ESPY_RANKING_ORDER_H_
#define ESPY_RANKING_ORDER_H_

#include <cstdint>
#include <span>
#include <vector>

namespace espy::ranking {

// The candidates' indices, best score first; equal scores in similarity order. Scores are finite.
std::vector<std::uint32_t> OrderByScore(std::span<const float> scores);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_ORDER_H_
