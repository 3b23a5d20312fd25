// The HNSW graph that FAISS builds, as an index of a segment: its walk scores half-precision rows.
#ifndef ESPY_INDEX_HNSW_INDEX_H_
#define ESPY_INDEX_HNSW_INDEX_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "index/hnsw_graph.h"
#include "index/row_index.h"

namespace espy::index {

class HnswIndex final : public RowIndex {
 public:
  static Result<std::unique_ptr<RowIndex>> Build(const HalfRows& rows,
                                                 const HnswBuildOptions& options,
                                                 std::stop_token stop);
  static Result<std::unique_ptr<RowIndex>> Parse(const HalfRows& rows, std::uint64_t bytes,
                                                 const ByteSource& source);
  // The layers and links behind `graph`'s m, entry and top_layer, which were read before.
  static Result<std::unique_ptr<RowIndex>> ParseLinks(std::unique_ptr<HnswGraph> graph,
                                                      const HalfRows& rows, std::uint64_t bytes,
                                                      const ByteSource& source);

  IndexKind kind() const override { return IndexKind::kHnsw; }
  std::string Name() const override { return "HNSW"; }
  bool ReadsDeadRows() const override { return true; }
  double ExpectedCost(std::int64_t effort, double share) const override;
  bool Search(const HalfRows& rows, const RowQuery& query,
              std::vector<FoundRow>* found) const override;
  std::uint64_t MemoryBytes() const override { return graph_->MemoryBytes(); }
  std::uint64_t EncodedBytes() const override;
  Status Encode(const ByteSink& sink) const override;

 private:
  explicit HnswIndex(std::unique_ptr<HnswGraph> graph) : graph_(std::move(graph)) {}
  const std::unique_ptr<const HnswGraph> graph_;
};

}  // namespace espy::index

#endif  // ESPY_INDEX_HNSW_INDEX_H_
