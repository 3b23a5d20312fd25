// One comparison of a filter: a field, an operator, a value. What it says of a value is the same
// whether the value comes from a record or from a column of many records (engine/fields/).
#ifndef ESPY_ENGINE_WHERE_TEST_H_
#define ESPY_ENGINE_WHERE_TEST_H_

#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "engine/where/fields.h"
#include "espy/record.h"

namespace espy::where {

enum class Op {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kLike,
  kNotLike,
  kContains,
  kHas,     // there is a value
  kNear,    // the place: within a distance of a point
  kWithin,  // the place: in a box
};

// What a number must lie in; both ends belong to it. Empty: low > high.
struct Interval {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool Contains(double value) const { return value >= low && value <= high; }
};

// The numbers that pass `op` against [begin, end), a moment or longer, or against begin when it is
// end. Of != it is what must not be.
Interval IntervalOf(Op op, double begin, double end);

// Degrees; west may be greater than east: the box then goes over the 180th meridian.
struct GeoBox {
  double south = -90, west = -180, north = 90, east = 180;
  bool Contains(const Place& place) const;
};
struct GeoCircle {
  Place center;
  double km = 0;
  GeoBox Bounds() const;
};
double DistanceKm(const Place& a, const Place& b);  // along a sphere of 6,371 km (haversine)

struct Test {
  const Field* field = nullptr;  // null: a user field, or the place
  std::string user_field;
  Op op = Op::kEqual;
  std::string text;  // the value as written
  // The value as numbers, as far as it can be read as such: for numbers, dates and booleans.
  std::optional<Interval> number, date, boolean;
  GeoBox box;
  GeoCircle circle;

  bool is_place() const { return field == nullptr && user_field.empty(); }
  // != and !~ hold when no value passes what they negate, so also when there is no value.
  bool negative() const { return op == Op::kNotEqual || op == Op::kNotLike; }

  // Of the positive form, for one value.
  bool PassesText(std::string_view value) const;
  bool PassesPlace(const Place& place) const;
  bool PassesValue(const FieldValue& value) const;

  bool Matches(const Record& record) const;
  // Two tests of the same key pass the same records.
  std::string Key() const;

 private:
  bool AnyPasses(const Record& record) const;
};

}  // namespace espy::where

#endif  // ESPY_ENGINE_WHERE_TEST_H_
