// What a test may replace in a library: what lies below its store, and the sizes at which its index
// seals and builds. No program includes this.
#ifndef ESPY_ENGINE_TESTING_H_
#define ESPY_ENGINE_TESTING_H_

#include <cstdint>
#include <memory>
#include <string>

#include "espy/library.h"
#include "storage/testing.h"

namespace espy::testing {

struct LibraryHooks {
  storage::testing::Hooks storage;
  std::int64_t seal_rows = 0;  // of index::IndexOptions; 0: as usual
  std::int64_t index_rows = 0;
  std::uint64_t log_changes = 0;      // that the log keeps; 0: as usual
  std::uint64_t dead_bytes = 0;       // that are worth rewriting; 0: as usual
  std::uint64_t columns_changes = 0;  // after which columns are stored; 0: as usual
};

Result<std::unique_ptr<Library>> OpenWithHooks(const std::string& path, const OpenOptions& options,
                                               const LibraryHooks& hooks);
// What is behind the interface, to commit changes that no picture stands behind.
Library::Impl& ImplOf(Library& library);

}  // namespace espy::testing

#endif  // ESPY_ENGINE_TESTING_H_
