#include "engine/where/literal.h"

#include <charconv>
#include <chrono>
#include <cmath>

namespace espy::where {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

bool ParseDigits(std::string_view text, std::size_t digits, int* value) {
  if (text.size() != digits) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && *value >= 0;
}

double Seconds(year_month_day date) {
  return static_cast<double>(std::chrono::seconds(sys_days(date).time_since_epoch()).count());
}

// "10:30" or "10:30:05", as seconds into the day and how many of them it names.
std::optional<TimeRange> ParseTimeOfDay(std::string_view text) {
  int h = 0, m = 0, s = 0;
  if (text.size() < 5 || !ParseDigits(text.substr(0, 2), 2, &h) || text[2] != ':' ||
      !ParseDigits(text.substr(3, 2), 2, &m) || h > 23 || m > 59) {
    return std::nullopt;
  }
  const double begin = h * 3600.0 + m * 60.0;
  if (text.size() == 5) return TimeRange{begin, begin + 60};
  if (text.size() != 8 || text[5] != ':' || !ParseDigits(text.substr(6, 2), 2, &s) || s > 59) {
    return std::nullopt;
  }
  return TimeRange{begin + s, begin + s + 1};
}

}  // namespace

std::optional<double> ParseNumber(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
  if (rest + 1 == end) {
    const char unit = *rest++;
    if (unit == 'k' || unit == 'K') {
      number *= 1e3;
    } else if (unit == 'M') {
      number *= 1e6;
    } else if (unit == 'G') {
      number *= 1e9;
    } else {
      return std::nullopt;
    }
  }
  return rest == end && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::optional<bool> ParseBoolean(std::string_view text) {
  const auto is = [text](std::string_view word) {
    if (text.size() != word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
      if ((text[i] | 0x20) != word[i]) return false;
    }
    return true;
  };
  if (is("true") || is("yes")) return true;
  if (is("false") || is("no")) return false;
  return std::nullopt;
}

std::optional<TimeRange> ParseDate(std::string_view text) {
  int y = 0, m = 1, d = 1;
  if (!ParseDigits(text.substr(0, 4), 4, &y)) return std::nullopt;
  if (text.size() == 4) return TimeRange{Seconds(year(y) / 1 / 1), Seconds(year(y + 1) / 1 / 1)};
  if (text.size() < 7 || text[4] != '-' || !ParseDigits(text.substr(5, 2), 2, &m)) {
    return std::nullopt;
  }
  const year_month_day first = year(y) / month(static_cast<unsigned>(m)) / 1;
  if (!first.ok()) return std::nullopt;
  if (text.size() == 7) {
    return TimeRange{Seconds(first), Seconds(first + std::chrono::months(1))};
  }
  if (text.size() < 10 || text[7] != '-' || !ParseDigits(text.substr(8, 2), 2, &d)) {
    return std::nullopt;
  }
  const year_month_day date = first.year() / first.month() / day(static_cast<unsigned>(d));
  if (!date.ok()) return std::nullopt;
  const double midnight = Seconds(date);
  if (text.size() == 10) return TimeRange{midnight, midnight + 86400.0};
  if (text[10] != 'T') return std::nullopt;
  const auto time = ParseTimeOfDay(text.substr(11));
  if (!time) return std::nullopt;
  return TimeRange{midnight + time->begin, midnight + time->end};
}

}  // namespace espy::where
