// How probably a slot is looked at: the one thing that clicks do not say by themselves.
#ifndef ESPY_RANKING_EXAMINATION_H_
#define ESPY_RANKING_EXAMINATION_H_

#include <cstddef>
#include <vector>

namespace espy::ranking {

// The position-based model's curve as eye tracking measured it on ten results (Joachims and others,
// SIGIR 2005; the numbers as ULTRA's simulations use them), by its first slot; later slots have the
// tenth's. `severity` is its exponent: 0 has every slot looked at alike, 1 is the measured curve.
std::vector<double> PositionExamination(std::size_t slots, double severity = 1);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_EXAMINATION_H_
