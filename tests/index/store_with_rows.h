// A store that keeps what kind disk reads while searching: lists, and the rows themselves.
#ifndef ESPY_TESTS_INDEX_STORE_WITH_ROWS_H_
#define ESPY_TESTS_INDEX_STORE_WITH_ROWS_H_

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "index/ivf/stored_ivf.h"
#include "index/row_reader.h"
#include "tests/index/memory_store.h"
#include "tests/index/oracle.h"

namespace espy::testing {

// A MemoryStore that keeps lists, and the rows themselves as the engine's storage does.
class StoreWithRows final : public index::SegmentStore {
 public:
  Status WriteChunk(std::uint64_t segment, std::uint32_t chunk, std::string_view bytes) override {
    return store_.WriteChunk(segment, chunk, bytes);
  }
  Result<std::string> ReadChunk(std::uint64_t segment, std::uint32_t chunk) override {
    return store_.ReadChunk(segment, chunk);
  }
  Status DeleteSegment(std::uint64_t segment) override {
    std::erase_if(lists, [&](const auto& entry) { return std::get<0>(entry.first) == segment; });
    return store_.DeleteSegment(segment);
  }
  Result<std::vector<std::uint64_t>> ListSegments() override { return store_.ListSegments(); }
  Status WriteManifest(std::string_view bytes) override { return store_.WriteManifest(bytes); }
  Result<std::string> ReadManifest() override { return store_.ReadManifest(); }
  Status WriteListChunk(std::uint64_t segment, std::uint32_t list, std::uint32_t chunk,
                        std::string_view bytes) override {
    EXPECT_LE(bytes.size(), index::kListChunkBytes);
    lists[{segment, list, chunk}] = bytes;
    return Status::Ok();
  }
  std::shared_ptr<const index::RowReader> Rows() override {
    return std::make_shared<Reader>(rows, lists, looked_up);
  }

  using Lists = std::map<std::tuple<std::uint64_t, std::uint32_t, std::uint32_t>, std::string>;
  Lists lists;
  std::map<std::uint64_t, Half> rows;
  // Ids that readers were asked for one by one.
  const std::shared_ptr<std::atomic<std::size_t>> looked_up =
      std::make_shared<std::atomic<std::size_t>>(0);

 private:
  // As of the moment it was made.
  class Reader final : public index::RowReader {
   public:
    Reader(const std::map<std::uint64_t, Half>& rows_now, const Lists& lists_now,
           std::shared_ptr<std::atomic<std::size_t>> looked_up)
        : rows_(rows_now), lists_(lists_now), looked_up_(std::move(looked_up)) {}
    Status Read(std::span<const std::uint64_t> ids, const RowFn& row) const override {
      *looked_up_ += ids.size();
      for (std::size_t i = 0; i < ids.size(); ++i) {
        EXPECT_TRUE(i == 0 || ids[i - 1] < ids[i]);
        const auto found = rows_.find(ids[i]);
        if (found != rows_.end()) row(i, found->second);
      }
      return Status::Ok();
    }

    Status ReadBetween(std::uint64_t first, std::uint64_t last, const IdRowFn& row) const override {
      for (auto at = rows_.lower_bound(first); at != rows_.end() && at->first <= last; ++at) {
        if (!row(at->first, at->second)) break;
      }
      return Status::Ok();
    }

    Status ReadList(std::uint64_t segment, std::uint32_t list,
                    const std::function<Status(std::string_view)>& chunk) const override {
      for (auto at = lists_.lower_bound({segment, list, 0}); at != lists_.end(); ++at) {
        if (std::get<0>(at->first) != segment || std::get<1>(at->first) != list) break;
        ESPY_RETURN_IF_ERROR(chunk(at->second));
      }
      return Status::Ok();
    }

   private:
    const std::map<std::uint64_t, Half> rows_;
    const Lists lists_;
    const std::shared_ptr<std::atomic<std::size_t>> looked_up_;
  };
  MemoryStore store_;
};

}  // namespace espy::testing

#endif  // ESPY_TESTS_INDEX_STORE_WITH_ROWS_H_
