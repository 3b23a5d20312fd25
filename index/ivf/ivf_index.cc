#include "index/ivf/ivf_index.h"

#include <algorithm>

#include "index/dot.h"

namespace espy::index {
namespace {

// Lists read: a list for so many rows that are looked for. On embeddings the neighbours of a query
// lie in few lists; a filter spreads them over more.
constexpr std::int64_t kEffortPerList = 8;
// A row scored out of order costs about twice one that follows the last.
constexpr double kJumpCost = 2;

void PrefetchRow(const HalfRows& rows, std::int32_t row) {
  const char* p = reinterpret_cast<const char*>(rows.row(row));
  const std::int64_t bytes = std::min<std::int64_t>(rows.padded * 2, 1024);
  for (std::int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i);
}

}  // namespace

IndexKind IvfIndex::kind() const {
  switch (codes_.kind) {
    case CodeKind::kPq4:
      return IndexKind::kIvfPq;
    case CodeKind::kRabitq:
      return IndexKind::kIvfRabitq;
    case CodeKind::kNone:
      break;
  }
  return IndexKind::kIvfFlat;
}

std::string IvfIndex::Name() const {
  switch (codes_.kind) {
    case CodeKind::kPq4:
      return "IVF-PQ";
    case CodeKind::kRabitq:
      return "IVF-RaBitQ";
    case CodeKind::kNone:
      break;
  }
  return "IVF-flat";
}

std::int64_t IvfIndex::Probes(std::int64_t effort, double share, std::int64_t lists) {
  const double probes = static_cast<double>(effort) / kEffortPerList / std::max(share, 1e-9);
  return probes >= static_cast<double>(lists)
             ? lists
             : std::max<std::int64_t>(1, static_cast<std::int64_t>(probes));
}

double IvfIndex::QueryCost() const {
  const auto d = static_cast<double>(coarse_.dimensions());
  return d +
         static_cast<double>(coarse_.lists()) * d / static_cast<double>(coarse_.projection.from);
}

double IvfIndex::ListCost(std::int64_t rows) const {
  if (codes_.kind == CodeKind::kNone) return 1 + static_cast<double>(rows) * kJumpCost;
  // 4 bits a part beside 16 a dimension.
  return 1 + static_cast<double>(rows) * static_cast<double>(codes_.parts) /
                 (4 * static_cast<double>(coarse_.projection.from));
}

double IvfIndex::ExpectedCost(std::int64_t effort, double share) const {
  const std::int64_t probes = Probes(effort, share, coarse_.lists());
  const auto rows = static_cast<std::int64_t>(rows_.size()) / coarse_.lists();
  const double scored = codes_.kind == CodeKind::kNone ? 0 : static_cast<double>(effort);
  return QueryCost() + static_cast<double>(probes) * ListCost(rows) + scored * kJumpCost / 2;
}

bool IvfIndex::Search(const HalfRows& rows, const RowQuery& query,
                      std::vector<FoundRow>* found) const {
  thread_local Probe probe;
  thread_local ListQuery list_query;
  thread_local Shortlist shortlist;
  found->clear();
  const std::int64_t lists = coarse_.lists();
  const std::int64_t probes = Probes(query.effort, query.share, lists);
  const bool exact = codes_.kind == CodeKind::kNone;
  probe.Begin(coarse_, query.vector, probes);
  list_query.Begin(codes_, probe.projected());
  shortlist.Begin(exact ? query.k : query.effort);
  double cost = QueryCost();
  for (std::int64_t i = 0; i < lists; ++i) {
    // Past the lists that were planned only until k rows are there.
    if (i >= probes && shortlist.count() >= query.k) break;
    const std::int32_t list = probe.List(i);
    const std::int64_t n = ListSize(list);
    cost += ListCost(n);
    if (cost > query.max_cost) return false;
    const std::int32_t* list_rows = rows_.data() + list_begin_[list];
    if (!exact) {
      list_query.ScanList(codes_, bytes_.data() + codes_begin_[list], list_rows, n,
                          probe.Score(list), query.filter, &shortlist);
      continue;
    }
    const bool all = query.filter.all();
    for (std::int64_t j = 0; j < n; ++j) {
      if (j + 2 < n) PrefetchRow(rows, list_rows[j + 2]);
      if (!all && !query.filter(list_rows[j])) continue;
      shortlist.Add({Dot(query.vector, rows.row(list_rows[j]), rows.padded), 0, list_rows[j]});
    }
  }
  if (exact) {
    for (const Estimated& row : shortlist.Sorted()) found->push_back({row.estimate, row.row});
  } else {
    Rerank(rows, query.vector, query.k, &shortlist, found);
  }
  return true;
}

void Rerank(const HalfRows& rows, const float* query, std::int64_t k, Shortlist* shortlist,
            std::vector<FoundRow>* found) {
  BestScores best(k);
  const std::vector<Estimated>& sorted = shortlist->Sorted();
  constexpr std::size_t kAhead = 4;
  for (std::size_t i = 0; i < std::min(kAhead, sorted.size()); ++i) {
    PrefetchRow(rows, sorted[i].row);
  }
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const Estimated& next = sorted[i];
    if (best.full() && next.estimate + next.slack < best.least()) continue;
    if (i + kAhead < sorted.size()) PrefetchRow(rows, sorted[i + kAhead].row);
    const float score = Dot(query, rows.row(next.row), rows.padded);
    found->push_back({score, next.row});
    best.Add(score);
  }
}

std::uint64_t IvfIndex::MemoryBytes() const {
  return coarse_.Bytes() + codes_.pq.centres.size() * 4 + rows_.size() * 4 + bytes_.size() +
         (list_begin_.size() + codes_begin_.size()) * 8;
}

}  // namespace espy::index
