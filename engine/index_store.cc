#include "engine/index_store.h"

namespace espy {

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

}  // namespace espy
