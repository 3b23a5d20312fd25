// A filter over a block: bitmaps of its tests, joined as the expression says.
#include <algorithm>
#include <cmath>
#include <map>

#include "engine/fields/block.h"

namespace espy::fields {
namespace {

using where::Filter;
using where::Op;
using where::Test;

// Answers are small, and a person asks the same things again; a program that asks many different
// ones begins anew now and then.
constexpr std::size_t kMostAnswers = 64;

bool NamesOne(const Test& test, std::string_view field) {
  return test.field != nullptr && test.field->name == field;
}

}  // namespace

bool Block::Answers(const Filter& filter) {
  if (filter.kind == Filter::Kind::kTest) return !NamesOne(filter.test, "content_hash");
  for (const auto& part : filter.parts) {
    if (!Answers(*part)) return false;
  }
  return true;
}

std::shared_ptr<const Bitmap> Block::Rows(const Filter& filter) const {
  if (filter.kind == Filter::Kind::kTest) return TestRows(filter.test);
  if (filter.kind == Filter::Kind::kNot) {
    return std::make_shared<const Bitmap>(Complement(*Rows(*filter.parts.front()), rows()));
  }
  if (filter.kind == Filter::Kind::kAnd) return AllOf(filter);
  auto joined = std::make_shared<Bitmap>(*Rows(*filter.parts.front()));
  for (std::size_t i = 1; i < filter.parts.size(); ++i) *joined |= *Rows(*filter.parts[i]);
  return joined;
}

// Both ends of a range (width >= 100 and width < 200) are one question of the column: each alone
// may let half of the rows pass, and both together a few.
std::shared_ptr<const Bitmap> Block::AllOf(const Filter& filter) const {
  std::map<const NumberColumn*, where::Interval> ranges;
  std::shared_ptr<Bitmap> joined;
  const auto join = [&](const Bitmap& rows) {
    if (joined == nullptr) {
      joined = std::make_shared<Bitmap>(rows);
    } else {
      *joined &= rows;
    }
  };
  std::vector<const Filter*> others;
  for (const auto& part : filter.parts) {
    const Test& test = part->test;
    const NumberColumn* column = part->kind == Filter::Kind::kTest && test.field != nullptr &&
                                         test.op != Op::kHas && !test.negative()
                                     ? ColumnOf(test.field)
                                     : nullptr;
    if (column == nullptr) {
      others.push_back(part.get());
      continue;
    }
    where::Interval& range = ranges[column];
    range.low = std::max(range.low, test.number->low);
    range.high = std::min(range.high, test.number->high);
  }
  for (const auto& [column, range] : ranges) {
    if (joined == nullptr || !joined->isEmpty()) join(column->Rows(range));
  }
  for (const Filter* part : others) {
    if (joined == nullptr || !joined->isEmpty()) join(*Rows(*part));
  }
  return joined;
}

std::shared_ptr<const Bitmap> Block::TestRows(const Test& test) const {
  const std::string key = test.Key();
  {
    std::lock_guard lock(answers_mutex_);
    if (const auto found = answers_.find(key); found != answers_.end()) return found->second;
  }
  Bitmap passing = Positive(test);
  if (test.negative()) passing.flip(0, rows());
  auto answer = std::make_shared<const Bitmap>(std::move(passing));
  std::lock_guard lock(answers_mutex_);
  if (answers_.size() >= kMostAnswers) answers_.clear();
  answers_.emplace(key, answer);
  return answer;
}

Bitmap Block::Positive(const Test& test) const {
  if (test.is_place()) return PlaceRows(test);
  if (test.field == nullptr) {
    const auto found = user_.find(test.user_field);
    return found == user_.end() ? Bitmap() : found->second.Rows(test);
  }
  if (const NumberColumn* column = ColumnOf(test.field)) {
    return column->Rows(test.op == Op::kHas ? where::Interval() : *test.number);
  }
  return TextRows(test);
}

const NumberColumn* Block::ColumnOf(const where::Field* field) const {
  for (int i = 0; i < kNumbers; ++i) {
    if (NumberField(i) == field) return &numbers_[i];
  }
  return nullptr;
}

Bitmap Block::PlaceRows(const Test& test) const {
  where::GeoBox box;
  if (test.op == Op::kNear) box = test.circle.Bounds();
  if (test.op == Op::kWithin) box = test.box;
  const Bitmap band = numbers_[kLatitude].Rows({box.south, box.north});
  std::vector<std::uint32_t> passing;
  for (const std::uint32_t row : band) {
    if (test.PassesPlace({numbers_[kLatitude][row], numbers_[kLongitude][row]})) {
      passing.push_back(row);
    }
  }
  return FromRows(passing);
}

Bitmap Block::TextRows(const Test& test) const {
  const auto passes = [&](std::string_view word) { return test.PassesText(word); };
  if (NamesOne(test, "format")) return formats_.Rows(passes);
  if (NamesOne(test, "camera")) return cameras_.Rows(passes);
  if (NamesOne(test, "pixels_from")) return pixels_from_.Rows(passes);
  if (NamesOne(test, "tag")) return tags_.Rows(passes);
  if (NamesOne(test, "folder")) {
    return folders_.Rows([&](std::string_view folder) {
      return test.PassesText(folder.substr(0, folder.empty() ? 0 : folder.size() - 1));
    });
  }
  if (NamesOne(test, "name") || NamesOne(test, "path")) return PathRows(test);
  std::vector<std::uint32_t> passing;
  if (NamesOne(test, "id")) {
    const auto id = ParseItemId(test.text);
    if (test.op == Op::kEqual || test.op == Op::kNotEqual) {
      const std::int64_t row = id.ok() && FormatItemId(*id) == test.text ? Find(*id) : -1;
      if (row >= 0) passing.push_back(static_cast<std::uint32_t>(row));
      return FromRows(passing);
    }
    for (std::uint32_t row = 0; row < rows(); ++row) {
      if (test.PassesText(FormatItemId(ids_[row]))) passing.push_back(row);
    }
    return FromRows(passing);
  }
  for (std::uint32_t row = 0; row < rows(); ++row) {  // the caption: none is no value
    if (!captions_[row].empty() && test.PassesText(captions_[row])) passing.push_back(row);
  }
  return FromRows(passing);
}

// Of a pattern that ends in a star, a folder that passes alone passes with every name.
Bitmap Block::PathRows(const Test& test) const {
  const bool whole = NamesOne(test, "path");
  const bool open_end = whole && (test.op == Op::kLike || test.op == Op::kNotLike) &&
                        test.text.ends_with('*') && !test.text.ends_with("\\*");
  std::vector<char> folder_passes(folders_.words(), 0);
  if (open_end) {
    for (std::uint32_t code = 0; code < folders_.words(); ++code) {
      folder_passes[code] = test.PassesText(folders_.word(code)) ? 1 : 0;
    }
  }
  std::vector<std::uint32_t> passing;
  std::string path;
  for (std::uint32_t row = 0; row < rows(); ++row) {
    for (std::size_t i = folders_.begin(row); i < folders_.end(row); ++i) {
      bool passes = folder_passes[folders_.code(i)] != 0;
      if (!passes && whole) {
        path = folders_.word(folders_.code(i));
        path += names_[i];
        passes = test.PassesText(path);
      } else if (!passes) {
        passes = test.PassesText(names_[i]);
      }
      if (!passes) continue;
      passing.push_back(row);
      break;
    }
  }
  return FromRows(passing);
}

}  // namespace espy::fields
