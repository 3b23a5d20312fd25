// The segments of one space's index, kept in the store. The only place where index/ and storage/
// meet.
#ifndef ESPY_ENGINE_INDEX_STORE_H_
#define ESPY_ENGINE_INDEX_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "index/vector_index.h"
#include "storage/store.h"

namespace espy {

// The store must outlive it. Any thread.
class IndexStore final : public index::SegmentStore {
 public:
  IndexStore(storage::Store* store, storage::SpaceNumber space) : store_(store), space_(space) {}

  Status WriteChunk(std::uint64_t segment, std::uint32_t chunk, std::string_view bytes) override;
  Result<std::string> ReadChunk(std::uint64_t segment, std::uint32_t chunk) override;
  Status DeleteSegment(std::uint64_t segment) override;
  Result<std::vector<std::uint64_t>> ListSegments() override;
  Status WriteManifest(std::string_view bytes) override;
  Result<std::string> ReadManifest() override;
  Status WriteListChunk(std::uint64_t segment, std::uint32_t list, std::uint32_t chunk,
                        std::string_view bytes) override;
  std::shared_ptr<const index::RowReader> Rows() override;

 private:
  storage::Store* const store_;
  const storage::SpaceNumber space_;
};

}  // namespace espy

#endif  // ESPY_ENGINE_INDEX_STORE_H_
