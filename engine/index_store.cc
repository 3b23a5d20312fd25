#include "engine/index_store.h"

#include <utility>

#include "index/row_reader.h"

namespace espy {
namespace {

// A space's vectors and lists as they were when it was made.
class SnapshotRows final : public index::RowReader {
 public:
  SnapshotRows(storage::Store* store, storage::SpaceNumber space)
      : store_(store), space_(space), snapshot_(store->TakeSnapshot()) {}
  Status Read(std::span<const std::uint64_t> ids, const RowFn& row) const override {
    return store_->GetVectors(space_, ids, row, snapshot_.get());
  }
  Status ReadBetween(std::uint64_t first, std::uint64_t last, const IdRowFn& row) const override {
    return store_->ScanVectorsBetween(space_, first, last, row, snapshot_.get());
  }
  Status ReadList(std::uint64_t segment, std::uint32_t list,
                  const std::function<Status(std::string_view)>& chunk) const override {
    return store_->GetList(space_, segment, list, chunk, snapshot_.get());
  }

 private:
  storage::Store* const store_;
  const storage::SpaceNumber space_;
  const std::shared_ptr<const storage::Snapshot> snapshot_;
};

}  // namespace

Status IndexStore::WriteChunk(std::uint64_t segment, std::uint32_t chunk, std::string_view bytes) {
  return store_->PutChunk(space_, segment, chunk, bytes);
}

Result<std::string> IndexStore::ReadChunk(std::uint64_t segment, std::uint32_t chunk) {
  return store_->GetChunk(space_, segment, chunk);
}

Status IndexStore::DeleteSegment(std::uint64_t segment) {
  return store_->DeleteSegment(space_, segment);
}

Result<std::vector<std::uint64_t>> IndexStore::ListSegments() {
  return store_->ListSegments(space_);
}

Status IndexStore::WriteManifest(std::string_view bytes) {
  return store_->PutManifest(space_, bytes);
}

Result<std::string> IndexStore::ReadManifest() { return store_->GetManifest(space_); }

Status IndexStore::WriteListChunk(std::uint64_t segment, std::uint32_t list, std::uint32_t chunk,
                                  std::string_view bytes) {
  return store_->PutListChunk(space_, segment, list, chunk, bytes);
}

std::shared_ptr<const index::RowReader> IndexStore::Rows() {
  return std::make_shared<SnapshotRows>(store_, space_);
}

}  // namespace espy
