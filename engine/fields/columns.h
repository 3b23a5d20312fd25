// One field of many records, in the order of their rows: numbers, words of few different values,
// texts.
//
// What a search asks of a column is a bitmap of the rows that pass. Orders and postings are made at
// the second question that wants them: a program that asks once and ends would pay for what it does
// not use, and reading a column through is fast. Immutable after Finish; any thread.
#ifndef ESPY_ENGINE_FIELDS_COLUMNS_H_
#define ESPY_ENGINE_FIELDS_COLUMNS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <roaring/roaring.hh>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/where/test.h"

namespace espy::fields {

// Rows of a block: 32 bits are enough, since a block is far smaller than that.
using Bitmap = Roaring;

// Rows ascending -> a bitmap.
Bitmap FromRows(const std::vector<std::uint32_t>& rows);
// All rows of n, but those of `bitmap`.
Bitmap Complement(const Bitmap& bitmap, std::uint32_t n);

// Doubles; not-a-number is no value.
class NumberColumn {
 public:
  void Add(double value) { values_.push_back(value); }
  double operator[](std::uint32_t row) const { return values_[row]; }
  Bitmap Rows(const where::Interval& interval) const;
  std::uint64_t bytes() const { return values_.size() * 8 + order_.size() * 4; }

 private:
  friend class BlockFormat;
  void Sort() const;

  std::vector<double> values_;
  mutable std::atomic<int> asked_{0};
  mutable std::once_flag sorted_;
  mutable std::vector<std::uint32_t> order_;  // rows with a value, by value then row
};

// Strings one behind the other.
class TextArena {
 public:
  TextArena() : ends_(1, 0) {}
  void Add(std::string_view text) {
    bytes_ += text;
    ends_.push_back(bytes_.size());
  }
  std::string_view operator[](std::size_t i) const {
    return std::string_view(bytes_).substr(ends_[i], ends_[i + 1] - ends_[i]);
  }
  std::size_t size() const { return ends_.size() - 1; }
  std::uint64_t bytes() const { return bytes_.size() + ends_.size() * 8; }

 private:
  friend class BlockFormat;
  std::string bytes_;
  std::vector<std::uint64_t> ends_;
};

// Any number of words a row, of which many are alike: formats, cameras, tags, folders.
class WordColumn {
 public:
  void Add(std::string_view word) { codes_.push_back(CodeOf(word)); }
  void EndRow() { ends_.push_back(static_cast<std::uint32_t>(codes_.size())); }
  void Finish() { by_word_.clear(); }  // nothing is added any more

  std::size_t begin(std::uint32_t row) const { return row == 0 ? 0 : ends_[row - 1]; }
  std::size_t end(std::uint32_t row) const { return ends_[row]; }
  std::uint32_t code(std::size_t entry) const { return codes_[entry]; }
  std::string_view word(std::uint32_t code) const { return words_[code]; }
  std::size_t words() const { return words_.size(); }
  // Rows with a word that passes.
  Bitmap Rows(const std::function<bool(std::string_view)>& passes) const;
  std::uint64_t bytes() const {
    return words_.bytes() + (codes_.size() + ends_.size() + posted_.size() + post_ends_.size()) * 4;
  }

 private:
  friend class BlockFormat;
  std::uint32_t CodeOf(std::string_view word);
  void Post() const;

  TextArena words_;  // by code: in the order in which they came
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>>
      by_word_;  // while rows are added
  std::vector<std::uint32_t> codes_, ends_;
  mutable std::atomic<int> asked_{0};
  mutable std::once_flag posts_;
  mutable std::vector<std::uint32_t> posted_, post_ends_;  // rows of each code, ascending
};

// A user field: values of the rows that have one.
class UserColumn {
 public:
  void Add(std::uint32_t row, const FieldValue& value);
  Bitmap Rows(const where::Test& test) const;
  const std::vector<std::uint32_t>& rows() const { return rows_; }
  FieldValue Value(std::size_t entry) const;
  std::uint64_t bytes() const { return rows_.size() * 13 + texts_.bytes(); }

 private:
  friend class BlockFormat;
  std::vector<std::uint32_t> rows_;
  std::vector<UserFieldType> types_;
  std::vector<std::uint64_t> bits_;  // the number's, or which text
  TextArena texts_;
};

}  // namespace espy::fields

#endif  // ESPY_ENGINE_FIELDS_COLUMNS_H_
