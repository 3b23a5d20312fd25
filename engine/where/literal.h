// What people write as values: numbers with units, dates, true and false.
#ifndef ESPY_ENGINE_WHERE_LITERAL_H_
#define ESPY_ENGINE_WHERE_LITERAL_H_

#include <optional>
#include <string_view>

namespace espy::where {

// "12", "-0.5", "2M": k, M and G are a thousand, a million, a thousand million. Finite.
std::optional<double> ParseNumber(std::string_view text);
std::optional<bool> ParseBoolean(std::string_view text);  // true, false, yes, no, in any case

// Seconds since 1970 at the start of what text names, and of what comes after it: a year "2020", a
// month "2020-05", a day "2020-05-17", a minute "2020-05-17T10:30" or a second
// "2020-05-17T10:30:05"; nothing when it is no date.
struct TimeRange {
  double begin = 0, end = 0;
};
std::optional<TimeRange> ParseDate(std::string_view text);

}  // namespace espy::where

#endif  // ESPY_ENGINE_WHERE_LITERAL_H_
