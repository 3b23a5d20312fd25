#include "index/row_index.h"

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
  return GraphIndex::Build(rows, {.ef_construction = options.graph_ef_construction}, threads,
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
