// The order of the sections is the format:
//   ids and perceptual hashes | one of each number | one of each kind of words | names | captions |
//   how many user fields | one of each
#include "engine/fields/block_format.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/coding.h"
#include "base/status_macros.h"

namespace espy::fields {
namespace {

constexpr std::size_t kMostUserFields = 65'536;
constexpr std::size_t kMostNameBytes = 65'536;
constexpr std::uint8_t kWhole = 1, kReal = 2;  // how a column of numbers is written
// Whole numbers up to here are doubles without loss.
constexpr double kWholeLimit = 9'007'199'254'740'992.0;

bool IsWhole(double value) {
  return std::abs(value) <= kWholeLimit && value == std::floor(value) &&
         !(value == 0 && std::signbit(value));
}

Status Damaged(const std::string& what) {
  return Status::Corruption("columns: " + what + " are damaged");
}

}  // namespace

std::string BlockFormat::Numbers(const NumberColumn& column) {
  const std::vector<double>& values = column.values_;
  std::string out;
  const bool whole = std::all_of(values.begin(), values.end(),
                                 [](double x) { return std::isnan(x) || IsWhole(x); });
  out.push_back(static_cast<char>(whole ? kWhole : kReal));
  if (!whole) {
    for (const double value : values) PutFixed(&out, value);
    return out;
  }
  // 0 stands for no value, and the least one for 1.
  std::int64_t least = INT64_MAX;
  for (const double x : values) {
    if (!std::isnan(x)) least = std::min(least, static_cast<std::int64_t>(x));
  }
  if (least == INT64_MAX) least = 0;
  PutFixed(&out, least);
  PutPacked(&out, values.size(), 0, [&](std::uint64_t i) {
    return std::isnan(values[i])
               ? 0
               : static_cast<std::uint64_t>(static_cast<std::int64_t>(values[i]) - least) + 1;
  });
  return out;
}

bool BlockFormat::Numbers(std::string_view in, std::uint32_t rows, NumberColumn* column) {
  std::vector<double>& values = column->values_;
  std::uint8_t form = 0;
  if (!GetFixed(&in, &form)) return false;
  if (form == kReal) {
    if (in.size() != std::size_t{rows} * 8) return false;
    values.resize(rows);
    if (rows > 0) __builtin_memcpy(values.data(), in.data(), in.size());
    return true;
  }
  std::int64_t least = 0;
  PackedReader reader;
  if (form != kWhole || !GetFixed(&in, &least) ||
      std::abs(static_cast<double>(least)) > kWholeLimit ||
      !PackedReader::Take(&in, rows, 0, &reader) || !in.empty()) {
    return false;
  }
  values.resize(rows);
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  reader.Each([&](std::uint64_t i, std::uint64_t value) {
    // Sums that no writer makes wrap, and are numbers still.
    const auto sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(least) + value - 1);
    values[i] = value == 0 ? kNone : static_cast<double>(sum);
  });
  return true;
}

void BlockFormat::PutTexts(std::string* out, const TextArena& texts) {
  PutPacked(out, texts.size(), 1,
            [&](std::uint64_t i) { return texts.ends_[i + 1] - texts.ends_[i]; });
  *out += texts.bytes_;
}

// The texts are the rest of `in`.
bool BlockFormat::TakeTexts(std::string_view* in, std::uint64_t count, TextArena* texts) {
  PackedReader reader;
  if (!PackedReader::Take(in, count, 1, &reader)) return false;
  texts->ends_.resize(count + 1);
  std::uint64_t end = 0;
  bool within = true;
  reader.Each([&](std::uint64_t i, std::uint64_t length) {
    within = within && length <= in->size() - end;
    if (within) end += length;
    texts->ends_[i + 1] = end;
  });
  if (!within || end != in->size()) return false;
  texts->bytes_.assign(*in);
  in->remove_prefix(in->size());
  return true;
}

std::string BlockFormat::Words(const WordColumn& column) {
  std::string out;
  PutFixed(&out, static_cast<std::uint32_t>(column.codes_.size()));
  PutFixed(&out, static_cast<std::uint32_t>(column.words_.size()));
  PutPacked(&out, column.ends_.size(), 0, [&](std::uint64_t row) {
    const auto r = static_cast<std::uint32_t>(row);
    return column.end(r) - column.begin(r);
  });
  PutPacked(&out, column.codes_.size(), 1, [&](std::uint64_t i) { return column.codes_[i]; });
  PutTexts(&out, column.words_);
  return out;
}

bool BlockFormat::Words(std::string_view in, std::uint32_t rows, WordColumn* column) {
  std::uint32_t entries = 0, words = 0;
  if (!GetFixed(&in, &entries) || !GetFixed(&in, &words)) return false;
  if (!TakePacked(&in, rows, 0, &column->ends_)) return false;
  std::uint64_t end = 0;
  for (std::uint32_t& count : column->ends_) {
    end += count;
    count = static_cast<std::uint32_t>(end);
    if (end > entries) return false;
  }
  if (end != entries || !TakePacked(&in, entries, 1, &column->codes_)) return false;
  if (std::any_of(column->codes_.begin(), column->codes_.end(),
                  [&](std::uint32_t code) { return code >= words; })) {
    return false;
  }
  return TakeTexts(&in, words, &column->words_);
}

std::string BlockFormat::User(const std::string& name, const UserColumn& column) {
  std::string out;
  PutString(&out, name);
  PutFixed(&out, static_cast<std::uint32_t>(column.rows_.size()));
  PutFixed(&out, static_cast<std::uint32_t>(column.texts_.size()));
  PutPacked(&out, column.rows_.size(), 1, [&](std::uint64_t i) { return column.rows_[i]; });
  PutPacked(&out, column.rows_.size(), 1,
            [&](std::uint64_t i) { return static_cast<std::uint64_t>(column.types_[i]); });
  PutPacked(&out, column.rows_.size(), 1, [&](std::uint64_t i) { return column.bits_[i]; });
  PutTexts(&out, column.texts_);
  return out;
}

bool BlockFormat::User(std::string_view in, std::uint32_t rows, std::string* name,
                       UserColumn* column) {
  std::uint32_t entries = 0, texts = 0;
  PackedReader types, bits;
  if (!GetString(&in, name) || name->size() > kMostNameBytes || !GetFixed(&in, &entries) ||
      !GetFixed(&in, &texts) || !TakePacked(&in, entries, 1, &column->rows_) ||
      !PackedReader::Take(&in, entries, 1, &types) || !PackedReader::Take(&in, entries, 1, &bits) ||
      !TakeTexts(&in, texts, &column->texts_)) {
    return false;
  }
  for (std::size_t i = 0; i < column->rows_.size(); ++i) {
    if (column->rows_[i] >= rows || (i > 0 && column->rows_[i] <= column->rows_[i - 1]))
      return false;
  }
  bool good = true;
  column->types_.resize(entries);
  types.Each([&](std::uint64_t i, std::uint64_t type) {
    good = good && type <= static_cast<std::uint64_t>(UserFieldType::kText);
    column->types_[i] = static_cast<UserFieldType>(type);
  });
  column->bits_.resize(entries);
  bits.Each([&](std::uint64_t i, std::uint64_t value) {
    good = good && (column->types_[i] != UserFieldType::kText || value < texts);
    column->bits_[i] = value;
  });
  return good;
}

Status BlockFormat::Write(const Block& block, SectionWriter* out) {
  std::string section;
  PutFixed(&section, block.rows());
  PutPacked(&section, block.rows(), 8, [&](std::uint64_t i) { return block.ids_[i]; });
  PutPacked(&section, block.rows(), 0,
            [&](std::uint64_t i) { return block.perceptual_hashes_[i]; });
  ESPY_RETURN_IF_ERROR(out->Put(section));
  for (const NumberColumn& column : block.numbers_) ESPY_RETURN_IF_ERROR(out->Put(Numbers(column)));
  for (const WordColumn* column :
       {&block.formats_, &block.cameras_, &block.pixels_from_, &block.tags_, &block.folders_}) {
    ESPY_RETURN_IF_ERROR(out->Put(Words(*column)));
  }
  for (const TextArena* texts : {&block.names_, &block.captions_}) {
    section.clear();
    PutTexts(&section, *texts);
    ESPY_RETURN_IF_ERROR(out->Put(section));
  }
  section.clear();
  PutFixed(&section, static_cast<std::uint32_t>(block.user_.size()));
  ESPY_RETURN_IF_ERROR(out->Put(section));
  for (const auto& [name, column] : block.user_) ESPY_RETURN_IF_ERROR(out->Put(User(name, column)));
  return Status::Ok();
}

Result<std::shared_ptr<const Block>> BlockFormat::Read(SectionReader* source) {
  auto block = std::make_shared<Block>();
  ESPY_ASSIGN_OR_RETURN(std::string section, source->Next());
  std::string_view in = section;
  std::uint32_t rows = 0;
  PackedReader ids, hashes;
  // Eight bytes are there for each row: what follows allocates some hundred for each at the most.
  if (!GetFixed(&in, &rows) || !PackedReader::Take(&in, rows, 8, &ids) ||
      !PackedReader::Take(&in, rows, 0, &hashes) || !in.empty()) {
    return Damaged("ids");
  }
  block->ids_.resize(rows);
  bool ascending = true;
  std::uint64_t previous = 0;
  ids.Each([&](std::uint64_t i, std::uint64_t id) {
    ascending = ascending && id > previous;
    block->ids_[i] = previous = id;
  });
  if (!ascending) return Damaged("ids");
  block->perceptual_hashes_.resize(rows);
  hashes.Each([&](std::uint64_t i, std::uint64_t hash) { block->perceptual_hashes_[i] = hash; });
  for (NumberColumn& column : block->numbers_) {
    ESPY_ASSIGN_OR_RETURN(section, source->Next());
    if (!Numbers(section, rows, &column)) return Damaged("numbers");
  }
  for (WordColumn* column : {&block->formats_, &block->cameras_, &block->pixels_from_,
                             &block->tags_, &block->folders_}) {
    ESPY_ASSIGN_OR_RETURN(section, source->Next());
    if (!Words(section, rows, column)) return Damaged("words");
  }
  const std::uint64_t paths = block->folders_.codes_.size();
  for (const auto& [texts, count] :
       {std::pair<TextArena*, std::uint64_t>(&block->names_, paths), {&block->captions_, rows}}) {
    ESPY_ASSIGN_OR_RETURN(section, source->Next());
    in = section;
    if (!TakeTexts(&in, count, texts)) return Damaged("texts");
  }
  ESPY_ASSIGN_OR_RETURN(section, source->Next());
  in = section;
  std::uint32_t user_fields = 0;
  if (!GetFixed(&in, &user_fields) || !in.empty() || user_fields > kMostUserFields) {
    return Damaged("user fields");
  }
  for (std::uint32_t i = 0; i < user_fields; ++i) {
    ESPY_ASSIGN_OR_RETURN(section, source->Next());
    std::string name;
    UserColumn column;
    if (!User(section, rows, &name, &column) ||
        !block->user_.emplace(name, std::move(column)).second) {
      return Damaged("user fields");
    }
  }
  block->Finish();
  return std::shared_ptr<const Block>(std::move(block));
}

}  // namespace espy::fields
