// What a test may replace in a store: the file system under RocksDB, and sizes that make small data
// behave as large. No program includes this.
#ifndef ESPY_STORAGE_TESTING_H_
#define ESPY_STORAGE_TESTING_H_

#include <cstdint>
#include <memory>
#include <string>

#include "storage/store.h"

namespace espy::storage::testing {

struct Hooks {
  std::shared_ptr<void> file_system;     // a rocksdb::FileSystem; null: the real one
  std::uint64_t write_buffer_bytes = 0;  // of all column families together; 0: as usual
};

Result<std::unique_ptr<Store>> OpenWithHooks(const std::string& directory,
                                             const StoreOptions& options, const Hooks& hooks);

}  // namespace espy::storage::testing

#endif  // ESPY_STORAGE_TESTING_H_
