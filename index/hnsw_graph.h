// A hierarchical navigable small-world graph over the rows of a sealed segment (Malkov and
// Yashunin, 2016), as arrays.
//
// FAISS builds it (hnsw_build.cc). Walking it is ours: a walk reads half-precision rows in place,
// keeps only the rows that are alive and allowed while it passes through the others, gives up when
// a budget is spent, and depends on no version of FAISS. docs/decisions/0022 says what was weighed.
#ifndef ESPY_INDEX_HNSW_GRAPH_H_
#define ESPY_INDEX_HNSW_GRAPH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "espy/status.h"
#include "index/row_index.h"

namespace espy::index {

// Links of row i: 2m on layer 0, then m for each further layer that the row is on; -1 ends a
// layer's list early. The layout is FAISS's own.
struct HnswGraph {
  std::int32_t m = 0;
  std::int32_t entry = -1;  // a row on the top layer
  std::int32_t top_layer = -1;
  std::vector<std::uint8_t> layers;    // [n]: how many layers a row is on, 1 or more
  std::vector<std::uint64_t> offsets;  // [n + 1]: where a row's links begin; follows from layers
  std::vector<std::int32_t> links;

  std::span<const std::int32_t> LinksOf(std::int64_t row, int layer) const {
    const std::uint64_t begin =
        offsets[row] + (layer == 0 ? 0 : std::uint64_t{1} * m * (layer + 1));
    return {links.data() + begin, static_cast<std::size_t>(layer == 0 ? 2 * m : m)};
  }
  static std::uint64_t LinkCount(std::int32_t m, std::uint8_t row_layers) {
    return std::uint64_t{1} * m * (row_layers + 1);
  }
  std::uint64_t MemoryBytes() const {
    return layers.size() + offsets.size() * 8 + links.size() * 4;
  }

  // Fills offsets from layers.
  void ComputeOffsets();
  // Every number in range, so that no walk can leave the arrays: for graphs that were read.
  Status Validate() const;
};

struct HnswBuildOptions {
  int m = 32;
  int ef_construction = 200;
  int threads = 1;
};
// Cancelled soon after `stop`. With one thread the graph follows from the rows alone.
Result<std::unique_ptr<HnswGraph>> BuildHnsw(const HalfRows& rows, const HnswBuildOptions& options,
                                             std::stop_token stop);
const char* FaissVersion();  // of the library compiled against, "1.7.3"

// Walks to the `ef` best accepted rows that the graph leads to, in no given order. `accept(row)`
// says which rows count; the walk goes on until `ef` of them are found and no open row is better
// than the worst of them. False when `budget` rows were scored before that: what was found is then
// not to be trusted. `query` has `rows.padded` floats.
bool WalkHnsw(const HnswGraph& graph, const HalfRows& rows, const float* query, std::int64_t ef,
              std::int64_t budget, const std::function<bool(std::int32_t)>& accept,
              std::vector<FoundRow>* found);

}  // namespace espy::index

#endif  // ESPY_INDEX_HNSW_GRAPH_H_
