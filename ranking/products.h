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

// f(0, 0), f(0, 1), ..., f(1, 1), f(1, 2), ...: the columns of each product, in their order.
template <typename F>
void ForEachProduct(std::size_t columns, const F& f) {
  for (std::size_t a = 0; a < columns; ++a) {
    for (std::size_t b = a; b < columns; ++b) f(a, b);
  }
}

// x_0, x_1, ..., then x_0 x_0, x_0 x_1, ...
inline std::vector<float> WithProducts(std::span<const float> row) {
  std::vector<float> wide(row.begin(), row.end());
  wide.reserve(ProductColumns(row.size()));
  ForEachProduct(row.size(),
                 [&](std::size_t a, std::size_t b) { wide.push_back(row[a] * row[b]); });
  return wide;
}

}  // namespace espy::ranking

#endif  // ESPY_RANKING_PRODUCTS_H_
