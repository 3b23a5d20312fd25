// Segments in memory, for the index tests: counts its writes, and can break at any of them.
#ifndef ESPY_TESTS_INDEX_MEMORY_STORE_H_
#define ESPY_TESTS_INDEX_MEMORY_STORE_H_

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "index/vector_index.h"

namespace espy::testing {

class MemoryStore final : public index::SegmentStore {
 public:
  enum class Fault {
    kNone,
    kFailOnce,     // the n-th write fails and changes nothing; later ones work
    kFailForever,  // the n-th and all later writes fail
    kInDoubt,      // the n-th write fails, but is there all the same; later ones fail
  };

  void BreakAt(std::uint64_t write, Fault fault) {
    std::lock_guard lock(mutex_);
    break_at_ = writes_ + write;
    fault_ = fault;
  }
  void Heal() {
    std::lock_guard lock(mutex_);
    fault_ = Fault::kNone;
  }
  std::uint64_t writes() const {
    std::lock_guard lock(mutex_);
    return writes_;
  }
  std::size_t chunks() const {
    std::lock_guard lock(mutex_);
    return chunks_.size();
  }

  Status WriteChunk(std::uint64_t segment, std::uint32_t chunk, std::string_view bytes) override {
    return Write([&] { chunks_[{segment, chunk}] = bytes; });
  }
  Result<std::string> ReadChunk(std::uint64_t segment, std::uint32_t chunk) override {
    std::lock_guard lock(mutex_);
    const auto found = chunks_.find({segment, chunk});
    if (found == chunks_.end()) return Status::NotFound("chunk: is not there");
    return found->second;
  }
  Status DeleteSegment(std::uint64_t segment) override {
    return Write([&] {
      std::erase_if(chunks_, [&](const auto& entry) { return entry.first.first == segment; });
    });
  }
  Result<std::vector<std::uint64_t>> ListSegments() override {
    std::lock_guard lock(mutex_);
    std::vector<std::uint64_t> segments;
    for (const auto& [key, bytes] : chunks_) {
      if (segments.empty() || segments.back() != key.first) segments.push_back(key.first);
    }
    return segments;
  }
  Status WriteManifest(std::string_view bytes) override {
    return Write([&] { manifest_ = std::string(bytes); });
  }
  Result<std::string> ReadManifest() override {
    std::lock_guard lock(mutex_);
    if (!manifest_.has_value()) return Status::NotFound("manifest: is not there");
    return *manifest_;
  }

  // Damages one bit of what is stored; false when there is no such bit.
  bool Flip(std::uint64_t segment, std::uint32_t chunk, std::size_t bit) {
    std::lock_guard lock(mutex_);
    const auto found = chunks_.find({segment, chunk});
    if (found == chunks_.end() || bit / 8 >= found->second.size()) return false;
    char& byte = found->second[bit / 8];
    byte = static_cast<char>(byte ^ (1 << bit % 8));
    return true;
  }

 private:
  template <class Change>
  Status Write(const Change& change) {
    std::lock_guard lock(mutex_);
    ++writes_;
    const bool at = writes_ == break_at_, after = writes_ > break_at_;
    const bool fails = fault_ == Fault::kFailOnce ? at : fault_ != Fault::kNone && (at || after);
    if (!fails || (at && fault_ == Fault::kInDoubt)) change();
    return fails ? Status::IoError("the disk is broken") : Status::Ok();
  }

  mutable std::mutex mutex_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::string> chunks_;
  std::optional<std::string> manifest_;
  std::uint64_t writes_ = 0, break_at_ = 0;
  Fault fault_ = Fault::kNone;
};

}  // namespace espy::testing

#endif  // ESPY_TESTS_INDEX_MEMORY_STORE_H_
