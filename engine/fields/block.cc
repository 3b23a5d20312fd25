// A block's columns filled from records, and made records again.
#include "engine/fields/block.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace espy::fields {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// A column that was read from storage may hold anything; no value counts as 0.
std::int64_t Whole(double value) {
  constexpr double kLimit = 9.2e18;
  return std::isnan(value) ? 0 : static_cast<std::int64_t>(std::clamp(value, -kLimit, kLimit));
}

void AddOne(WordColumn* column, std::string_view word) {
  if (!word.empty()) column->Add(word);
  column->EndRow();
}

std::string OnlyWord(const WordColumn& column, std::uint32_t row) {
  const std::size_t entry = column.begin(row);
  return entry == column.end(row) ? std::string() : std::string(column.word(column.code(entry)));
}

}  // namespace

const where::Field* Block::NumberField(int number) {
  static const std::array<const where::Field*, kNumbers> kFields = [] {
    std::array<const where::Field*, kNumbers> fields{};
    static constexpr std::string_view kNames[kNumbers] = {
        "added",     "modified", "taken",  "file_bytes", "width", "height", "latitude",
        "longitude", "seq",      "pixels", "year",       "month", "day"};
    for (int i = 0; i < kNumbers; ++i) fields[i] = where::FindField(kNames[i]);
    return fields;
  }();
  return kFields[number];
}

void Block::Add(const Record& record) {
  const std::uint32_t row = rows();
  ids_.push_back(record.id);
  for (int i = 0; i < kNumbers; ++i) {
    numbers_[i].Add(NumberField(i)->number(record).value_or(kNone));
  }
  AddOne(&formats_, record.format);
  AddOne(&cameras_, record.camera);
  AddOne(&pixels_from_, PixelSourceName(record.pixels_from));
  for (const std::string& tag : record.tags) tags_.Add(tag);
  tags_.EndRow();
  for (const std::string& path : record.paths) {
    const std::size_t name = path.find_last_of('/') + 1;  // 0 when there is no slash
    folders_.Add(std::string_view(path).substr(0, name));
    names_.Add(std::string_view(path).substr(name));
  }
  folders_.EndRow();
  captions_.Add(SearchedCaption(record));
  perceptual_hashes_.push_back(record.perceptual_hash);
  for (const auto& [name, value] : record.fields) user_[name].Add(row, value);
}

void Block::Finish() {
  for (WordColumn* column : {&formats_, &cameras_, &pixels_from_, &tags_, &folders_}) {
    column->Finish();
  }
  const int bits = std::bit_width(std::max<std::size_t>(ids_.size(), 1));
  id_shift_ = ids_.empty() ? 0 : std::max(0, static_cast<int>(std::bit_width(ids_.back())) - bits);
  first_row_.assign((std::size_t{1} << bits) + 1, rows());
  for (std::uint32_t row = rows(); row-- > 0;) first_row_[ids_[row] >> id_shift_] = row;
  for (std::size_t i = first_row_.size() - 1; i-- > 0;) {
    first_row_[i] = std::min(first_row_[i], first_row_[i + 1]);
  }
}

std::int64_t Block::Find(std::uint64_t id) const {
  const std::uint64_t bucket = id >> id_shift_;
  if (bucket + 1 >= first_row_.size()) return -1;
  const auto begin = ids_.begin() + first_row_[bucket], end = ids_.begin() + first_row_[bucket + 1];
  const auto found = std::lower_bound(begin, end, id);
  return found != end && *found == id ? found - ids_.begin() : -1;
}

Record Block::Restore(std::uint32_t row) const {
  const auto whole = [&](Number number) { return Whole(numbers_[number][row]); };
  Record record;
  record.id = ids_[row];
  record.seq = static_cast<std::uint64_t>(whole(kSeq));
  for (std::size_t i = folders_.begin(row); i < folders_.end(row); ++i) {
    record.paths.push_back(std::string(folders_.word(folders_.code(i))) + std::string(names_[i]));
  }
  record.format = OnlyWord(formats_, row);
  record.file_bytes = static_cast<std::uint64_t>(whole(kFileBytes));
  record.width = static_cast<std::int32_t>(whole(kWidth));
  record.height = static_cast<std::int32_t>(whole(kHeight));
  record.added_unix = whole(kAdded);
  record.modified_unix = whole(kModified);
  if (numbers_[kTaken][row] == numbers_[kTaken][row]) record.taken_unix = whole(kTaken);
  record.camera = OnlyWord(cameras_, row);
  if (numbers_[kLatitude][row] == numbers_[kLatitude][row]) {
    record.place = Place{numbers_[kLatitude][row], numbers_[kLongitude][row]};
  }
  record.perceptual_hash = perceptual_hashes_[row];
  const std::string source = OnlyWord(pixels_from_, row);
  for (const PixelSource from :
       {PixelSource::kPreview, PixelSource::kThumbnail, PixelSource::kImported}) {
    if (source == PixelSourceName(from)) record.pixels_from = from;
  }
  for (std::size_t i = tags_.begin(row); i < tags_.end(row); ++i) {
    record.tags.emplace_back(tags_.word(tags_.code(i)));
  }
  record.caption = captions_[row];
  for (const auto& [name, column] : user_) {
    const auto& have = column.rows();
    const auto found = std::lower_bound(have.begin(), have.end(), row);
    if (found != have.end() && *found == row) {
      record.fields.emplace(name, column.Value(static_cast<std::size_t>(found - have.begin())));
    }
  }
  return record;
}

Record Block::Held(Record record) {
  record.content_hash = {};
  record.spaces_by_thumbnail.clear();
  record.spaces_without.clear();
  return record;
}

std::uint64_t Block::bytes() const {
  std::uint64_t bytes =
      ids_.size() * 16 + first_row_.size() * 4 + names_.bytes() + captions_.bytes();
  for (const NumberColumn& column : numbers_) bytes += column.bytes();
  for (const WordColumn* column : {&formats_, &cameras_, &pixels_from_, &tags_, &folders_}) {
    bytes += column->bytes();
  }
  for (const auto& [name, column] : user_) bytes += column.bytes();
  std::lock_guard lock(answers_mutex_);
  for (const auto& [key, answer] : answers_) bytes += key.size() + answer->getSizeInBytes();
  return bytes;
}

}  // namespace espy::fields
