// Small dense systems: a few features, so nothing but Cholesky's decomposition is wanted.
#ifndef ESPY_RANKING_LINEAR_SOLVE_H_
#define ESPY_RANKING_LINEAR_SOLVE_H_

#include <span>
#include <vector>

namespace espy::ranking {

// x with A x = b, A symmetric positive definite [n, n], row-major. O(n^3). A pivot that rounding
// took to zero or below counts as 1e-12 of the greatest.
std::vector<double> SolvePositive(std::span<const double> a, std::span<const double> b);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_LINEAR_SOLVE_H_
