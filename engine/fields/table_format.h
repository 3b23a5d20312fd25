// A view of the table as parts that are stored: each block once, for it never changes; what does
// change (which rows are dead, the newest records) in a head; and a manifest that names them
// (docs/FORMATS.md). Parsers take bytes that may be damaged.
#ifndef ESPY_ENGINE_FIELDS_TABLE_FORMAT_H_
#define ESPY_ENGINE_FIELDS_TABLE_FORMAT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/fields/packed.h"
#include "engine/fields/table.h"

namespace espy::fields {

struct StoredPart {
  std::uint64_t number = 0;
  std::uint32_t chunks = 0;
  friend bool operator==(const StoredPart&, const StoredPart&) = default;
};

struct Manifest {
  std::uint64_t seq = 0;    // of the view
  std::uint64_t items = 0;  // in it
  StoredPart head;
  std::vector<StoredPart> blocks;
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

std::string EncodeManifest(const Manifest& manifest);
Result<Manifest> ParseManifest(std::string_view bytes);

Status WriteHead(const View& view, SectionWriter* out);
// Of a table of these blocks.
Result<std::shared_ptr<Table>> ReadHead(const std::vector<std::shared_ptr<const Block>>& blocks,
                                        SectionReader* in);

}  // namespace espy::fields

#endif  // ESPY_ENGINE_FIELDS_TABLE_FORMAT_H_
