#include "engine/fields/columns.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace espy::fields {
namespace {

// Fewer rows than this are read through faster than an order is used.
constexpr std::size_t kRowsWorthAnOrder = 4096;
// A range of more than one row in so many is read off the column, whose rows come in order.
constexpr std::size_t kWideShare = 16;

}  // namespace

Bitmap FromRows(const std::vector<std::uint32_t>& rows) { return Bitmap(rows.size(), rows.data()); }

Bitmap Complement(const Bitmap& bitmap, std::uint32_t n) {
  Bitmap out = bitmap;
  out.flip(0, n);
  return out;
}

void NumberColumn::Sort() const {
  std::call_once(sorted_, [this] {
    std::vector<std::uint32_t> order;
    order.reserve(values_.size());
    for (std::uint32_t row = 0; row < values_.size(); ++row) {
      if (!std::isnan(values_[row])) order.push_back(row);
    }
    std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
      return values_[a] != values_[b] ? values_[a] < values_[b] : a < b;
    });
    order_ = std::move(order);
  });
}

Bitmap NumberColumn::Rows(const where::Interval& interval) const {
  if (values_.size() >= kRowsWorthAnOrder && asked_.fetch_add(1, std::memory_order_relaxed) > 0) {
    Sort();
    const auto first = std::partition_point(order_.begin(), order_.end(), [&](std::uint32_t row) {
      return values_[row] < interval.low;
    });
    const auto last = std::partition_point(
        first, order_.end(), [&](std::uint32_t row) { return values_[row] <= interval.high; });
    if (static_cast<std::size_t>(last - first) <= values_.size() / kWideShare) {
      std::vector<std::uint32_t> rows(first, last);
      std::sort(rows.begin(), rows.end());
      return FromRows(rows);
    }
  }
  std::vector<std::uint32_t> rows(values_.size());
  std::size_t n = 0;
  for (std::uint32_t row = 0; row < values_.size(); ++row) {
    rows[n] = row;  // kept when it passes: no branch to foretell
    n += interval.Contains(values_[row]) ? 1 : 0;
  }
  rows.resize(n);
  return FromRows(rows);
}

std::uint32_t WordColumn::CodeOf(std::string_view word) {
  if (const auto found = by_word_.find(word); found != by_word_.end()) return found->second;
  const auto code = static_cast<std::uint32_t>(words_.size());
  words_.Add(word);
  by_word_.emplace(word, code);
  return code;
}

void WordColumn::Post() const {
  std::call_once(posts_, [this] {
    std::vector<std::uint32_t> ends(words_.size() + 1, 0);
    for (const std::uint32_t code : codes_) ++ends[code + 1];
    std::partial_sum(ends.begin(), ends.end(), ends.begin());
    std::vector<std::uint32_t> next(ends.begin(), ends.end()), posted(codes_.size());
    for (std::uint32_t row = 0; row < ends_.size(); ++row) {
      for (std::size_t i = begin(row); i < end(row); ++i) posted[next[codes_[i]]++] = row;
    }
    posted_ = std::move(posted);
    post_ends_ = std::move(ends);
  });
}

Bitmap WordColumn::Rows(const std::function<bool(std::string_view)>& passes) const {
  std::vector<std::uint32_t> passing;
  for (std::uint32_t code = 0; code < words_.size(); ++code) {
    if (passes(words_[code])) passing.push_back(code);
  }
  if (passing.empty()) return {};
  std::vector<std::uint32_t> rows;
  if (asked_.fetch_add(1, std::memory_order_relaxed) > 0) {
    Post();
    std::size_t entries = 0;
    for (const std::uint32_t code : passing) entries += post_ends_[code + 1] - post_ends_[code];
    if (passing.size() == 1 || entries <= codes_.size() / kWideShare) {
      rows.reserve(entries);
      for (const std::uint32_t code : passing) {
        rows.insert(rows.end(), posted_.begin() + post_ends_[code],
                    posted_.begin() + post_ends_[code + 1]);
      }
      if (passing.size() > 1) std::sort(rows.begin(), rows.end());
      return FromRows(rows);  // a row with two passing words stands there twice, and counts once
    }
  }
  std::vector<char> wanted(words_.size(), 0);
  for (const std::uint32_t code : passing) wanted[code] = 1;
  for (std::uint32_t row = 0; row < ends_.size(); ++row) {
    for (std::size_t i = begin(row); i < end(row); ++i) {
      if (wanted[codes_[i]] == 0) continue;
      rows.push_back(row);
      break;
    }
  }
  return FromRows(rows);
}

void UserColumn::Add(std::uint32_t row, const FieldValue& value) {
  rows_.push_back(row);
  types_.push_back(TypeOf(value));
  switch (TypeOf(value)) {
    case UserFieldType::kBoolean:
      bits_.push_back(std::get<bool>(value) ? 1 : 0);
      break;
    case UserFieldType::kInteger:
      bits_.push_back(static_cast<std::uint64_t>(std::get<std::int64_t>(value)));
      break;
    case UserFieldType::kReal:
      bits_.push_back(std::bit_cast<std::uint64_t>(std::get<double>(value)));
      break;
    case UserFieldType::kDate:
      bits_.push_back(static_cast<std::uint64_t>(std::get<Date>(value).unix_seconds));
      break;
    case UserFieldType::kText:
      bits_.push_back(texts_.size());
      texts_.Add(std::get<std::string>(value));
      break;
  }
}

FieldValue UserColumn::Value(std::size_t entry) const {
  const std::uint64_t bits = bits_[entry];
  switch (types_[entry]) {
    case UserFieldType::kBoolean:
      return bits != 0;
    case UserFieldType::kInteger:
      return static_cast<std::int64_t>(bits);
    case UserFieldType::kReal:
      return std::bit_cast<double>(bits);
    case UserFieldType::kDate:
      return Date{static_cast<std::int64_t>(bits)};
    case UserFieldType::kText:
      break;
  }
  return std::string(texts_[bits]);
}

Bitmap UserColumn::Rows(const where::Test& test) const {
  std::vector<std::uint32_t> rows;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const bool passes = types_[i] == UserFieldType::kText && test.op != where::Op::kHas
                            ? test.PassesText(texts_[bits_[i]])
                            : test.PassesValue(Value(i));
    if (passes) rows.push_back(rows_[i]);
  }
  return FromRows(rows);
}

}  // namespace espy::fields
