// An inverted file whose lists lie in the store, for collections larger than memory. In memory are
// the centres, the sizes of the lists, and whatever of the lists the store's cache holds; a search
// reads the best lists' codes from the store, and the rows with the best estimates by their ids.
//
// A list in the store: its row numbers (4 bytes each), zeros up to a multiple of 64, its codes as
// list_codes.h has them; cut into chunks that a store can cache as blocks.
#ifndef ESPY_INDEX_IVF_STORED_IVF_H_
#define ESPY_INDEX_IVF_STORED_IVF_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "index/ivf/ivf_index.h"

namespace espy::index {

inline constexpr std::size_t kListChunkBytes = 4'000;

class StoredIvf final : public RowIndex {
 public:
  // Built over rows that are in memory for the while; its lists too, until Place() writes them.
  static Result<std::unique_ptr<RowIndex>> Build(const HalfRows& rows, int threads,
                                                 const std::stop_token& stop);
  // Lists are those of the segment that Attach() names.
  static Result<std::unique_ptr<RowIndex>> Parse(const HalfRows& rows, std::uint64_t bytes,
                                                 const ByteSource& source);

  IndexKind kind() const override { return IndexKind::kDisk; }
  std::string Name() const override { return "IVF-PQ on disk"; }
  double ExpectedCost(std::int64_t effort, double share) const override;
  bool Search(const HalfRows&, const RowQuery&, std::vector<FoundRow>*) const override {
    return false;  // its rows are not in memory
  }
  Status SearchFar(const FarRows& rows, const RowQuery& query, bool* trusted,
                   std::vector<FoundRow>* found) const override;
  Status Place(SegmentStore* store, std::uint64_t segment, const std::stop_token& stop) override;
  void Attach(std::uint64_t segment) override { segment_ = segment; }
  std::uint64_t MemoryBytes() const override;
  std::uint64_t EncodedBytes() const override;
  Status Encode(const ByteSink& sink) const override;

 private:
  StoredIvf() = default;

  std::int64_t ListBytes(std::int64_t list) const;

  Coarse coarse_;
  ListCodes codes_;
  std::vector<std::uint32_t> sizes_;  // of the lists
  std::int64_t n_ = 0;
  std::unique_ptr<const IvfIndex> built_;  // until Place
  std::uint64_t segment_ = 0;
};

// Rerank for rows that are not in memory.
Status RerankFar(const FarRows& rows, const float* query, std::int64_t k, Shortlist* shortlist,
                 std::vector<FoundRow>* found);

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_STORED_IVF_H_
