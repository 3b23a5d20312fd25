// The fields of many records, as columns: what a filter asks of them is answered without reading
// one. Rows stand in order of id. Immutable; any thread.
#ifndef ESPY_ENGINE_FIELDS_BLOCK_H_
#define ESPY_ENGINE_FIELDS_BLOCK_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "engine/fields/columns.h"
#include "engine/where/where.h"
#include "espy/record.h"

namespace espy::fields {

class Block {
 public:
  // Records in ascending order of id, then Finish.
  void Add(const Record& record);
  void Finish();

  std::uint32_t rows() const { return static_cast<std::uint32_t>(ids_.size()); }
  std::uint64_t id(std::uint32_t row) const { return ids_[row]; }
  std::int64_t Find(std::uint64_t id) const;  // its row, -1 when there is none

  // Everything of the record but its content hash, which no column holds.
  Record Restore(std::uint32_t row) const;
  std::uint64_t perceptual_hash(std::uint32_t row) const { return perceptual_hashes_[row]; }

  // The rows that pass. A test's answer is remembered.
  std::shared_ptr<const Bitmap> Rows(const where::Filter& filter) const;
  std::uint64_t bytes() const;

  // Whether columns can answer the filter: content hashes are asked of records.
  static bool Answers(const where::Filter& filter);
  // Of the record, what Restore gives back.
  static Record Held(Record record);

 private:
  friend class BlockFormat;
  enum Number {
    kAdded,
    kModified,
    kTaken,
    kFileBytes,
    kWidth,
    kHeight,
    kLatitude,
    kLongitude,
    kSeq,
    kPixels,
    kYear,
    kMonth,
    kDay,
    kNumbers
  };

  std::shared_ptr<const Bitmap> AllOf(const where::Filter& filter) const;
  std::shared_ptr<const Bitmap> TestRows(const where::Test& test) const;
  Bitmap Positive(const where::Test& test) const;
  Bitmap PlaceRows(const where::Test& test) const;
  Bitmap TextRows(const where::Test& test) const;
  Bitmap PathRows(const where::Test& test) const;
  static const where::Field* NumberField(int number);  // of a column
  const NumberColumn* ColumnOf(const where::Field* field) const;

  std::vector<std::uint64_t> ids_;
  int id_shift_ = 0;                      // ids come from hashes: their top bits find them
  std::vector<std::uint32_t> first_row_;  // of each value of those bits, and the end
  std::array<NumberColumn, kNumbers> numbers_;
  WordColumn formats_, cameras_, pixels_from_, tags_;
  WordColumn folders_;  // of each path, with the slash that ends it
  TextArena names_;     // of each path: the entries of folders_
  TextArena captions_;  // of each row
  std::vector<std::uint64_t> perceptual_hashes_;
  std::map<std::string, UserColumn, std::less<>> user_;

  mutable std::mutex answers_mutex_;
  mutable std::map<std::string, std::shared_ptr<const Bitmap>> answers_;  // guarded
};

}  // namespace espy::fields

#endif  // ESPY_ENGINE_FIELDS_BLOCK_H_
