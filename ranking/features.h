// What a policy sees of a candidate: a row of numbers whose columns are named and versioned.
#ifndef ESPY_RANKING_FEATURES_H_
#define ESPY_RANKING_FEATURES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace espy::ranking {

// The meaning of the columns. Changing what a column measures, or how it is normalised, is a new
// version: a policy trained on one schema is refused with another.
struct FeatureSchema {
  std::string name;
  std::uint32_t version = 0;
  std::vector<std::string> columns;

  bool operator==(const FeatureSchema&) const = default;
};

// One page's candidates: rows in similarity order, columns as the schema names them. Row-major
// [rows, columns], borrowed.
class FeatureRows {
 public:
  FeatureRows() = default;
  FeatureRows(std::span<const float> values, std::size_t columns)
      : values_(values), columns_(columns) {}

  std::size_t rows() const { return columns_ == 0 ? 0 : values_.size() / columns_; }
  std::size_t columns() const { return columns_; }
  std::span<const float> operator[](std::size_t row) const {
    return values_.subspan(row * columns_, columns_);
  }

 private:
  std::span<const float> values_;
  std::size_t columns_ = 0;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_FEATURES_H_
