#include "index/row_index.h"

#include <algorithm>
#include <cmath>

#include "base/thread_pool.h"
#include "index/graph_index.h"
#include "index/hnsw_index.h"
#include "index/ivf/ivf_index.h"
#include "index/ivf/stored_ivf.h"

namespace espy::index {
namespace {

constexpr std::int64_t kLeastIvfRows = 2'048;

// The codes of an inverted file's kind; nothing for the other kinds.
std::optional<CodeKind> CodesOf(IndexKind kind) {
  switch (kind) {
    case IndexKind::kIvfFlat:
      return CodeKind::kNone;
    case IndexKind::kIvfPq:
      return CodeKind::kPq4;
    case IndexKind::kIvfRabitq:
      return CodeKind::kRabitq;
    default:
      return std::nullopt;
  }
}

// With one effort for all sizes, links of a large graph would be found worse than those of a small
// one: at a million rows recall at the same speed is far below (docs/decisions/0133).
std::int64_t GraphEffort(const IndexOptions& options, std::int64_t rows) {
  constexpr double kRows = 100'000, kMostTimes = 4;
  const double times = std::sqrt(static_cast<double>(rows) / kRows);
  return static_cast<std::int64_t>(options.graph_ef_construction *
                                   std::clamp(times, 1.0, kMostTimes));
}

}  // namespace

Result<std::unique_ptr<RowIndex>> BuildRowIndex(const HalfRows& rows, const IndexOptions& options,
                                                std::stop_token stop) {
  const bool flat = options.kind == IndexKind::kFlat ||
                    (options.kind == IndexKind::kAuto && rows.n < options.index_rows);
  if (flat) return std::unique_ptr<RowIndex>();
  const int threads = options.threads > 0 ? options.threads : CoreCount();
  if (options.kind == IndexKind::kDisk) {
    if (rows.n < kLeastIvfRows) return std::unique_ptr<RowIndex>();
    return StoredIvf::Build(rows, threads, stop);
  }
  if (const auto codes = CodesOf(options.kind); codes.has_value()) {
    // Reading so few rows is quicker than choosing among them.
    if (rows.n < kLeastIvfRows) return std::unique_ptr<RowIndex>();
    return IvfIndex::Build(*codes, rows, threads, stop);
  }
  if (options.kind == IndexKind::kHnsw) {
    return HnswIndex::Build(rows, {options.hnsw_m, options.hnsw_ef_construction, threads},
                            std::move(stop));
  }
  return GraphIndex::Build(rows, {.ef_construction = GraphEffort(options, rows.n)}, threads,
                           std::move(stop));
}

Result<std::unique_ptr<RowIndex>> ParseRowIndex(IndexKind kind, const HalfRows& rows,
                                                std::uint64_t bytes, const ByteSource& source) {
  if (const auto codes = CodesOf(kind); codes.has_value()) {
    return IvfIndex::Parse(*codes, rows, bytes, source);
  }
  switch (kind) {
    case IndexKind::kHnsw:
      return HnswIndex::Parse(rows, bytes, source);
    case IndexKind::kGraph:
      return GraphIndex::Parse(rows, bytes, source);
    case IndexKind::kDisk:
      return StoredIvf::Parse(rows, bytes, source);
    default:
      return Status::Unsupported("its index is of kind " + std::to_string(static_cast<int>(kind)) +
                                 ", which this program does not know");
  }
}

}  // namespace espy::index
