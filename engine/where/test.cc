#include "engine/where/test.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "engine/where/glob.h"

namespace espy::where {
namespace {

constexpr double kEarthKm = 6371.0;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double Radians(double degrees) { return degrees * std::numbers::pi / 180; }

char Fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool ContainsFolded(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return Fold(a) == Fold(b); }) != text.end();
}

void AddBits(std::string* key, double value) {
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  key->append(bytes, sizeof(bytes));
}

void AddInterval(std::string* key, const std::optional<Interval>& interval) {
  key->push_back(interval ? 1 : 0);
  if (!interval) return;
  AddBits(key, interval->low);
  AddBits(key, interval->high);
}

}  // namespace

Interval IntervalOf(Op op, double begin, double end) {
  const bool point = begin == end;
  const double last = point ? begin : std::nextafter(end, -kInfinity);
  switch (op) {
    case Op::kLess:
      return {-kInfinity, std::nextafter(begin, -kInfinity)};
    case Op::kLessEqual:
      return {-kInfinity, last};
    case Op::kGreater:
      return {point ? std::nextafter(begin, kInfinity) : end, kInfinity};
    case Op::kGreaterEqual:
      return {begin, kInfinity};
    default:
      return {begin, last};
  }
}

bool GeoBox::Contains(const Place& place) const {
  if (!(place.latitude >= south && place.latitude <= north)) return false;
  return west <= east ? place.longitude >= west && place.longitude <= east
                      : place.longitude >= west || place.longitude <= east;
}

GeoBox GeoCircle::Bounds() const {
  // A little more than the circle: what lies in the box is measured after.
  const double slack = 1e-6;
  const double degrees = km / kEarthKm * 180 / std::numbers::pi + slack;
  GeoBox box;
  box.south = center.latitude - degrees;
  box.north = center.latitude + degrees;
  return box;
}

double DistanceKm(const Place& a, const Place& b) {
  const double dlat = Radians(b.latitude - a.latitude) / 2;
  const double dlon = Radians(b.longitude - a.longitude) / 2;
  const double h = std::sin(dlat) * std::sin(dlat) + std::cos(Radians(a.latitude)) *
                                                         std::cos(Radians(b.latitude)) *
                                                         std::sin(dlon) * std::sin(dlon);
  return 2 * kEarthKm * std::asin(std::min(1.0, std::sqrt(h)));
}

bool Test::PassesText(std::string_view value) const {
  switch (op) {
    case Op::kEqual:
    case Op::kNotEqual:
      return value == text;
    case Op::kLess:
      return value < text;
    case Op::kLessEqual:
      return value <= text;
    case Op::kGreater:
      return value > text;
    case Op::kGreaterEqual:
      return value >= text;
    case Op::kLike:
    case Op::kNotLike:
      return GlobMatches(text, value, /*ignore_case=*/true);
    case Op::kContains:
      return ContainsFolded(value, text);
    case Op::kHas:
      return true;
    default:
      return false;
  }
}

bool Test::PassesPlace(const Place& place) const {
  switch (op) {
    case Op::kHas:
      return true;
    case Op::kNear:
      return DistanceKm(circle.center, place) <= circle.km;
    case Op::kWithin:
      return box.Contains(place);
    default:
      return false;
  }
}

bool Test::PassesValue(const FieldValue& value) const {
  if (op == Op::kHas) return true;
  switch (TypeOf(value)) {
    case UserFieldType::kBoolean:
      return boolean && boolean->Contains(std::get<bool>(value) ? 1 : 0);
    case UserFieldType::kInteger:
      return number && number->Contains(static_cast<double>(std::get<std::int64_t>(value)));
    case UserFieldType::kReal:
      return number && number->Contains(std::get<double>(value));
    case UserFieldType::kDate:
      return date && date->Contains(static_cast<double>(std::get<Date>(value).unix_seconds));
    case UserFieldType::kText:
      break;
  }
  return PassesText(std::get<std::string>(value));
}

bool Test::AnyPasses(const Record& record) const {
  // A number that is none is no value.
  if (is_place()) {
    return record.place && !std::isnan(record.place->latitude) && PassesPlace(*record.place);
  }
  if (field == nullptr) {
    const auto found = record.fields.find(user_field);
    return found != record.fields.end() && PassesValue(found->second);
  }
  if (field->number != nullptr) {
    const std::optional<double> value = field->number(record);
    if (op == Op::kHas) return value && !std::isnan(*value);
    return value && number && number->Contains(*value);
  }
  for (const std::string& value : field->text(record)) {
    if (PassesText(value)) return true;
  }
  return false;
}

bool Test::Matches(const Record& record) const { return AnyPasses(record) != negative(); }

std::string Test::Key() const {
  std::string key(field != nullptr ? field->name : "field." + user_field);
  key.push_back('\0');
  key.push_back(static_cast<char>(op));
  AddInterval(&key, number);
  AddInterval(&key, date);
  AddInterval(&key, boolean);
  for (const double x : {box.south, box.west, box.north, box.east, circle.center.latitude,
                         circle.center.longitude, circle.km}) {
    AddBits(&key, x);
  }
  return key + text;
}

}  // namespace espy::where
