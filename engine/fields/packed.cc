#include "engine/fields/packed.h"

#include <algorithm>
#include <bit>

#include "base/coding.h"
#include "base/status_macros.h"

namespace espy::fields {

void PutPacked(std::string* out, std::uint64_t count, int least_width,
               const std::function<std::uint64_t(std::uint64_t)>& get) {
  std::uint64_t least = count == 0 ? 0 : UINT64_MAX, greatest = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t value = get(i);
    least = std::min(least, value);
    greatest = std::max(greatest, value);
  }
  const int needed =
      (static_cast<int>(std::bit_width(greatest - std::min(least, greatest))) + 7) / 8;
  const auto width = static_cast<std::size_t>(std::max(needed, least_width));
  out->push_back(static_cast<char>(width));
  PutFixed(out, least);
  const std::size_t begin = out->size();
  out->resize(begin + count * width);
  char* at = out->data() + begin;
  for (std::uint64_t i = 0; i < count; ++i, at += width) {
    const std::uint64_t value = get(i) - least;
    __builtin_memcpy(at, &value, width);
  }
}

bool PackedReader::Take(std::string_view* in, std::uint64_t count, int least_width,
                        PackedReader* reader) {
  std::uint8_t width = 0;
  if (!GetFixed(in, &width) || width > 8 || width < least_width || !GetFixed(in, &reader->least_)) {
    return false;
  }
  if (width > 0 && count > in->size() / width) return false;
  reader->count_ = count;
  reader->width_ = width;
  reader->bytes_ = in->substr(0, count * width);
  in->remove_prefix(count * width);
  return true;
}

bool TakePacked(std::string_view* in, std::uint64_t count, int least_width,
                std::vector<std::uint32_t>* out) {
  PackedReader reader;
  if (!PackedReader::Take(in, count, least_width, &reader)) return false;
  out->resize(count);
  std::uint64_t all = 0;
  reader.Each([&](std::uint64_t i, std::uint64_t value) {
    (*out)[i] = static_cast<std::uint32_t>(value);
    all |= value;
  });
  return all >> 32 == 0;
}

Status SectionWriter::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), kChunkBytes - held_.size());
    held_ += bytes.substr(0, n);
    bytes.remove_prefix(n);
    if (held_.size() == kChunkBytes) ESPY_RETURN_IF_ERROR(Finish());
  }
  return Status::Ok();
}

Status SectionWriter::Put(std::string_view section) {
  std::string length;
  PutFixed(&length, static_cast<std::uint64_t>(section.size()));
  ESPY_RETURN_IF_ERROR(Append(length));
  return Append(section);
}

Status SectionWriter::Finish() {
  if (held_.empty()) return Status::Ok();
  const Status status = chunk_(held_);
  held_.clear();
  return status;
}

Status SectionReader::Read(std::uint64_t bytes, std::string* out) {
  // A length that is not true ends where the chunks end, and no more than they hold is held.
  while (bytes > 0) {
    if (at_ == held_.size()) {
      if (next_ == chunks_) return Status::Corruption("columns: a section is cut short");
      ESPY_ASSIGN_OR_RETURN(held_, chunk_(next_));
      if (held_.empty()) return Status::Corruption("columns: a chunk is empty");
      at_ = 0;
      ++next_;
    }
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, held_.size() - at_));
    out->append(held_, at_, n);
    at_ += n;
    bytes -= n;
  }
  return Status::Ok();
}

Result<std::string> SectionReader::Next() {
  std::string length, section;
  ESPY_RETURN_IF_ERROR(Read(8, &length));
  std::string_view in = length;
  std::uint64_t bytes = 0;
  GetFixed(&in, &bytes);
  section.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, kChunkBytes)));
  ESPY_RETURN_IF_ERROR(Read(bytes, &section));
  return section;
}

}  // namespace espy::fields
