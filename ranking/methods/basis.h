// Features of a few numbers, so that linear values can bend: section 9.5.
#ifndef ESPY_RANKING_METHODS_BASIS_H_
#define ESPY_RANKING_METHODS_BASIS_H_

#include <cstddef>
#include <span>
#include <vector>

namespace espy::ranking {

// Every product of powers 0 to `order` of the numbers: (order + 1)^n features (section 9.5.1).
std::vector<double> Polynomial(std::span<const double> x, int order);

// cos(pi c . x) for every c of whole numbers 0 to `order`, x in [0, 1]^n (section 9.5.2; Konidaris,
// Osentoski and Thomas, AAAI 2011).
std::vector<double> Fourier(std::span<const double> x, int order);

// Tile coding (section 9.5.4): `tilings` grids of `tiles` cells a side over [0, 1]^n, each shifted
// by another share of a cell; a 1 for the cell of each grid that x lies in.
std::vector<double> Tiles(std::span<const double> x, std::size_t tilings, std::size_t tiles);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_METHODS_BASIS_H_
