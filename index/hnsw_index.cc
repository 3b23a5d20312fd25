#include "index/hnsw_index.h"

#include <algorithm>

#include "base/status_macros.h"

namespace espy::index {
namespace {

// A walk scores about this many rows for each row of its beam (degree 64, two thirds of a row's
// links met before), and each costs about twice what a row read in sequence costs, because it is a
// jump in memory. Measured; see bench/.
constexpr double kScoredPerBeamRow = 20;
constexpr double kJumpCost = 2;

// m, entry, top layer
struct GraphHeader {
  std::int32_t m;
  std::int32_t entry;
  std::int32_t top_layer;
};

}  // namespace

Result<std::unique_ptr<RowIndex>> HnswIndex::Build(const HalfRows& rows,
                                                   const HnswBuildOptions& options,
                                                   std::stop_token stop) {
  ESPY_ASSIGN_OR_RETURN(auto graph, BuildHnsw(rows, options, std::move(stop)));
  return std::unique_ptr<RowIndex>(new HnswIndex(std::move(graph)));
}

Result<std::unique_ptr<RowIndex>> HnswIndex::Parse(const HalfRows& rows, std::uint64_t bytes,
                                                   const ByteSource& source) {
  GraphHeader header{};
  if (bytes < sizeof(header)) return Status::Corruption("its graph does not fit its length");
  ESPY_RETURN_IF_ERROR(source(&header, sizeof(header)));
  auto graph = std::make_unique<HnswGraph>();
  graph->m = header.m;
  graph->entry = header.entry;
  graph->top_layer = header.top_layer;
  return ParseLinks(std::move(graph), rows, bytes - sizeof(header), source);
}

Result<std::unique_ptr<RowIndex>> HnswIndex::ParseLinks(std::unique_ptr<HnswGraph> graph,
                                                        const HalfRows& rows, std::uint64_t bytes,
                                                        const ByteSource& source) {
  const auto n = static_cast<std::uint64_t>(rows.n);
  if (graph->m < 2 || graph->m > 1024 || n > bytes) {
    return Status::Corruption("its graph does not fit its length");
  }
  graph->layers.resize(n);
  ESPY_RETURN_IF_ERROR(source(graph->layers.data(), n));
  graph->ComputeOffsets();
  if (graph->offsets.back() * sizeof(std::int32_t) != bytes - n) {
    return Status::Corruption("its graph does not fit its length");
  }
  graph->links.resize(graph->offsets.back());
  ESPY_RETURN_IF_ERROR(source(graph->links.data(), graph->links.size() * sizeof(std::int32_t)));
  ESPY_RETURN_IF_ERROR(graph->Validate());
  return std::unique_ptr<RowIndex>(new HnswIndex(std::move(graph)));
}

double HnswIndex::ExpectedCost(std::int64_t effort, double share) const {
  // effort / share rows must be met to fill the beam.
  return static_cast<double>(effort) / std::max(share, 1e-9) * kScoredPerBeamRow * kJumpCost;
}

bool HnswIndex::Search(const HalfRows& rows, const RowQuery& query,
                       std::vector<FoundRow>* found) const {
  return WalkHnsw(
      *graph_, rows, query.vector, query.effort, static_cast<std::int64_t>(query.max_cost),
      [&](std::int32_t row) { return query.filter(row); }, found);
}

std::uint64_t HnswIndex::EncodedBytes() const {
  return sizeof(GraphHeader) + graph_->layers.size() + graph_->links.size() * sizeof(std::int32_t);
}

Status HnswIndex::Encode(const ByteSink& sink) const {
  const GraphHeader header{graph_->m, graph_->entry, graph_->top_layer};
  ESPY_RETURN_IF_ERROR(sink(&header, sizeof(header)));
  ESPY_RETURN_IF_ERROR(sink(graph_->layers.data(), graph_->layers.size()));
  return sink(graph_->links.data(), graph_->links.size() * sizeof(std::int32_t));
}

}  // namespace espy::index
