// A row of features with all products of two of them behind it: what a line over them can say is
// any quadratic function of the row.
#ifndef ESPY_RANKING_PRODUCTS_H_
#define ESPY_RANKING_PRODUCTS_H_

#include <cstddef>
#include <span>
#include <vector>

namespace espy::ranking {

inline std::size_t ProductColumns(std::size_t columns) {
  return columns + columns * (columns + 1) / 2;
}

// Is that a weight a column, or one for each column and product?
inline bool HasWeights(std::size_t columns, std::size_t weights) {
  return weights == columns || weights == ProductColumns(columns);
}

// x_0 x_0, x_0 x_1, ..., x_1 x_1, x_1 x_2, ...
template <typename F>
void ForEachProduct(std::span<const float> row, const F& f) {
  for (std::size_t a = 0; a < row.size(); ++a) {
    for (std::size_t b = a; b < row.size(); ++b) f(row[a] * row[b]);
  }
}

// x_0, x_1, ..., then x_0 x_0, x_0 x_1, ..., x_1 x_1, x_1 x_2, ...
inline std::vector<float> WithProducts(std::span<const float> row) {
  std::vector<float> wide(row.begin(), row.end());
  wide.reserve(ProductColumns(row.size()));
  ForEachProduct(row, [&](float product) { wide.push_back(product); });
  return wide;
}

}  // namespace espy::ranking

#endif  // ESPY_RANKING_PRODUCTS_H_
