// Imported vectors on their way into a library; shared by import.cc and import_files.cc.
#ifndef ESPY_ENGINE_IMPORT_H_
#define ESPY_ENGINE_IMPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/library_impl.h"
#include "espy/transfer.h"

namespace espy {

// Checked, and as it will be stored.
struct ImportRow {
  Record record;  // its content hash is set
  std::vector<std::uint16_t> half;
  std::vector<float> fp32;  // the same before it was rounded: for a space that keeps it
};

// `name` stands in messages: "item 7", "FILE:LINE".
Result<ImportRow> PrepareImport(std::span<const float> vector, std::span<const std::uint16_t> half,
                                Record record, std::int64_t dimension, const std::string& name);

// The space that imported vectors belong to; made when the library has none and may be written.
Result<storage::SpaceRow> SpaceForImport(Library::Impl* library, const ImportOptions& options);

// One transaction, durable and visible on return. Counts into `report`.
Status ImportRows(Library::Impl* library, const storage::SpaceRow& space,
                  std::vector<ImportRow> rows, ImportReport* report);

}  // namespace espy

#endif  // ESPY_ENGINE_IMPORT_H_
