// A graph over codes as an index of a segment: codes lead to a beam of rows, whose half-precision
// vectors then say which are best.
#ifndef ESPY_INDEX_GRAPH_INDEX_H_
#define ESPY_INDEX_GRAPH_INDEX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "index/code_graph.h"
#include "index/codes.h"
#include "index/projection.h"
#include "index/row_index.h"

namespace espy::index {

class GraphIndex final : public RowIndex {
 public:
  // The same index for any number of threads; cancelled soon after `stop`.
  static Result<std::unique_ptr<RowIndex>> Build(const HalfRows& rows,
                                                 const CodeGraphOptions& options, int threads,
                                                 std::stop_token stop);
  static Result<std::unique_ptr<RowIndex>> Parse(const HalfRows& rows, std::uint64_t bytes,
                                                 const ByteSource& source);

  IndexKind kind() const override { return IndexKind::kGraph; }
  std::string Name() const override { return "graph"; }
  double ExpectedCost(std::int64_t effort, double share) const override;
  double ExpectedCostAmong(std::int64_t effort, double rows) const override;
  bool Search(const HalfRows& rows, const RowQuery& query,
              std::vector<FoundRow>* found) const override;
  Status SearchFar(const FarRows& rows, const RowQuery& query, bool* trusted,
                   std::vector<FoundRow>* found) const override;
  void SearchAmong(const HalfRows& rows, const RowQuery& query, std::span<const std::int32_t> among,
                   std::vector<FoundRow>* found) const override;
  std::uint64_t MemoryBytes() const override;
  std::uint64_t EncodedBytes() const override;
  Status Encode(const ByteSink& sink) const override;

  std::int64_t dims() const { return projection_.dims; }

 private:
  GraphIndex(Projection projection, CodeMatrix codes, CodeGraph graph)
      : projection_(std::move(projection)), codes_(std::move(codes)), graph_(std::move(graph)) {}
  double CostOfCode() const;
  // Leaves the query as codes are scored with in this thread's scratch.
  void SetCodeQuery(const RowQuery& query) const;
  // Leaves the rows that a walk leads to there, by their codes. False when it gave up.
  bool Walk(const RowQuery& query) const;

  const Projection projection_;
  const CodeMatrix codes_;
  const CodeGraph graph_;
};

}  // namespace espy::index

#endif  // ESPY_INDEX_GRAPH_INDEX_H_
