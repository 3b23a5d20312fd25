#include "index/code_graph.h"

#include <algorithm>
#include <string>

namespace espy::index {

LinkTable::LinkTable(std::int64_t n, std::int64_t lines)
    : n_(n),
      lines_(lines),
      link_bytes_(LinkBytes(n)),
      // A link is read as four bytes, the last one within its row too.
      degree_((lines * kCodeLine - (4 - link_bytes_)) / link_bytes_),
      mask_(link_bytes_ == 3 ? 0xffffff : 0xffffffff),
      data_(MakeAligned<std::uint8_t>(static_cast<std::size_t>(n * lines * kCodeLine))) {
  std::memset(data_.get(), 0xff, static_cast<std::size_t>(bytes()));
}

void LinkTable::Set(std::int64_t i, std::span<const std::int32_t> links) {
  std::uint8_t* at = data_.get() + i * lines_ * kCodeLine;
  std::memset(at, 0xff, static_cast<std::size_t>(lines_ * kCodeLine));
  for (const std::int32_t to : links) {
    std::memcpy(at, &to, static_cast<std::size_t>(link_bytes_));
    at += link_bytes_;
  }
}

void CodeGraph::CopyEntryCodes(const CodeMatrix& codes) {
  entry_codes = CodeMatrix(static_cast<std::int64_t>(entries.size()), codes.dims());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entry_codes.Copy(static_cast<std::int64_t>(i), codes, entries[i]);
  }
}

Status CodeGraph::Validate() const {
  const auto bad = [](const std::string& what) { return Status::Corruption("its graph " + what); };
  if (entries.empty()) return bad("begins at no row");
  for (const std::int32_t entry : entries) {
    if (entry < 0 || entry >= links.n()) return bad("begins at a row that is not there");
  }
  bool inside = true;
  for (std::int64_t row = 0; row < links.n(); ++row) {
    links.ForEach(row, [&](std::int32_t to) { inside &= to >= 0 && to < links.n(); });
  }
  return inside ? Status::Ok() : bad("links to a row that is not there");
}

}  // namespace espy::index
