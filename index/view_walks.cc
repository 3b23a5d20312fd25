// Searching the parts of a view that have indexes, each with the share of the effort that its rows
// make likely to do, and again where that turns out to have been too little.
#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "index/part_search.h"
#include "index/view.h"

namespace espy::index {
namespace {

constexpr std::int64_t kLeastEffort = 16;
// A part that holds this many times as many of the best rows as its size lets expect is walked
// again; fewer rows than kCrowd are no crowd.
constexpr double kCrowded = 3;
constexpr std::int64_t kCrowd = 3;

}  // namespace

double SegmentView::ShareOf(const ViewPart& part) const {
  return static_cast<double>(part.rows) /
         static_cast<double>(std::max({live_rows_, part.rows, std::int64_t{1}}));
}

// Of k best rows a part of a share p of all rows holds about k p, give or take their root: so the
// root of p is what its effort is scaled by.
std::int64_t SegmentView::EffortIn(const ViewPart& part, const SearchParams& params) const {
  const std::int64_t full = EffortOf(params);
  const auto scaled =
      static_cast<std::int64_t>(std::ceil(static_cast<double>(full) * std::sqrt(ShareOf(part))));
  return std::clamp(scaled, std::min(full, std::max(params.k, kLeastEffort)), full);
}

Status SegmentView::SearchOne(const ViewPart& part, const PartPlan& plan, const float* query,
                              const SearchParams& params, TopK* top) const {
  if (part.segment->far()) return SearchFar(part, plan, query, params, top);
  if (plan.way == Way::kAllowedCodes) {
    SearchAllowedCodes(part, plan, query, params, top);
    return Status::Ok();
  }
  if (plan.way == Way::kIndex && SearchIndex(part, plan, query, params, top)) return Status::Ok();
  SearchParams exact = params;
  exact.exact = true;
  if (PlanOnCpu(part, exact).way == Way::kAllowedRows) {
    SearchAllowedRows(part, query, params, top);
  } else {
    SearchRows(part, query, 1, params, top);
  }
  return Status::Ok();
}

Status SegmentView::SearchIndexes(std::vector<Walk> walks, const float* query,
                                  const SearchParams& params, TopK* top) const {
  const std::int64_t full = EffortOf(params);
  if (walks.size() == 1 && walks[0].plan.effort == full) {
    return SearchOne(walks[0].part, walks[0].plan, query, params, top);
  }
  TopK best = *top;
  for (Walk& walk : walks) {
    TopK own(params.k, walk.part.rows);
    ESPY_RETURN_IF_ERROR(SearchOne(walk.part, walk.plan, query, params, &own));
    walk.found = own.TakeSorted();
    for (const Candidate& candidate : walk.found) best.Add(candidate.score, candidate.id);
  }
  const float least = best.Least();
  for (Walk& walk : walks) {
    const std::int64_t held =
        std::count_if(walk.found.begin(), walk.found.end(),
                      [&](const Candidate& candidate) { return candidate.score >= least; });
    const double expected = ShareOf(walk.part) * static_cast<double>(params.k);
    if (walk.plan.effort == full || held < kCrowd ||
        static_cast<double>(held) <= kCrowded * expected) {
      for (const Candidate& candidate : walk.found) top->Add(candidate.score, candidate.id);
      continue;
    }
    walk.plan.effort = full;
    ESPY_RETURN_IF_ERROR(SearchOne(walk.part, walk.plan, query, params, top));
  }
  return Status::Ok();
}

void SegmentView::SearchAllowedCodes(const ViewPart& part, const PartPlan& plan, const float* query,
                                     const SearchParams& params, TopK* top) const {
  const Segment& segment = *part.segment;
  thread_local std::vector<std::int32_t> among;
  thread_local std::vector<FoundRow> found;
  among.clear();
  ForEachAllowed(segment, *params.allowed, [&](std::int64_t row) {
    if (segment.AliveAt(row, seq_)) among.push_back(static_cast<std::int32_t>(row));
  });
  segment.row_index()->SearchAmong(segment.half_rows(), RowQueryFor(part, plan, query, params),
                                   among, &found);
  for (const FoundRow& row : found) top->Add(row.score, segment.Id(row.row));
}

}  // namespace espy::index
