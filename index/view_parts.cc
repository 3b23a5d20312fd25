// Searching one part of a view on the CPU, in each of the ways that view.cc plans by.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/status_macros.h"
#include "index/aligned_bytes.h"
#include "index/dot.h"
#include "index/part_search.h"
#include "index/screen.h"
#include "index/view.h"

namespace espy::index {
namespace {

constexpr std::int64_t kSliceRows = 1024;  // scores of a slice stay in the first-level cache
constexpr std::int64_t kTileRows = 64, kTileQueries = 64;  // of a product of rows and queries

// True when none of n scores reaches `least`; a score that is no number counts as one that does.
bool AllBelow(const float* scores, std::int64_t n, float least) {
  int reach = 0;
  for (std::int64_t i = 0; i < n; ++i) reach |= scores[i] < least ? 0 : 1;
  return reach == 0;
}

}  // namespace

void SegmentView::SearchRows(const ViewPart& part, const float* queries, std::int64_t count,
                             const SearchParams& params, TopK* tops) const {
  const Segment& segment = *part.segment;
  // Rows of a slice stay in the first-level cache for all queries, or the scores of one do.
  const std::int64_t slice = count == 1 ? kSliceRows : kTileRows;
  std::vector<float> scores(static_cast<std::size_t>(slice * std::min(count, kTileQueries)));
  for (std::int64_t begin = 0; begin < part.rows;) {
    // A slice lies within one block, whose rows are one behind the other.
    const std::int64_t block_end = (begin / segment.block_rows() + 1) * segment.block_rows();
    const std::int64_t n = std::min({slice, block_end - begin, part.rows - begin});
    for (std::int64_t first = 0; first < count; first += kTileQueries) {
      const std::int64_t tile = std::min(kTileQueries, count - first);
      DotTile(queries + first * segment.padded(), tile, segment.Row(begin), n, segment.padded(),
              scores.data());
      for (std::int64_t q = 0; q < tile; ++q) {
        TopK& top = tops[first + q];
        const float* of_query = scores.data() + q * n;
        if (AllBelow(of_query, n, top.Least())) continue;
        for (std::int64_t i = 0; i < n; ++i) {
          if (!top.MayEnter(of_query[i]) && !std::isnan(of_query[i])) continue;
          if (!segment.AliveAt(begin + i, seq_)) continue;
          const std::uint64_t id = segment.Id(begin + i);
          if (IsAllowed(params, id)) top.Add(of_query[i], id);
        }
      }
    }
    begin += n;
  }
}

void SegmentView::SearchRowsScreened(const ViewPart& part, const float* queries, std::int64_t count,
                                     const SearchParams& params, TopK* tops) const {
  const Segment& segment = *part.segment;
  const std::int64_t padded = segment.padded();
  const auto screened = MakeAligned<std::uint16_t>(static_cast<std::size_t>(count * padded));
  ScreenQueries(queries, count * padded, screened.get());
  std::vector<float> bounds(static_cast<std::size_t>(count));  // for rows of norm 1
  for (std::int64_t q = 0; q < count; ++q) {
    double squares = 0;
    for (std::int64_t i = q * padded; i < (q + 1) * padded; ++i) {
      squares += double{queries[i]} * queries[i];
    }
    // What bfloat16 rounds to nothing, or to infinity, has no such bound: all rows pass.
    const bool bounded = squares > 1e-30 && squares < 1e30;
    bounds[static_cast<std::size_t>(q)] =
        bounded ? ScreenBound(padded) * static_cast<float>(std::sqrt(squares))
                : std::numeric_limits<float>::infinity();
  }
  const auto rows = MakeAligned<std::uint16_t>(static_cast<std::size_t>(kTileRows * padded));
  float scores[kTileRows * kTileQueries];
  for (std::int64_t begin = 0; begin < part.rows;) {
    const std::int64_t block_end = (begin / segment.block_rows() + 1) * segment.block_rows();
    const std::int64_t n = std::min({kTileRows, block_end - begin, part.rows - begin});
    const float norm = ScreenRows(segment.Row(begin), n, padded, rows.get());
    for (std::int64_t first = 0; first < count; first += kTileQueries) {
      const std::int64_t tile = std::min(kTileQueries, count - first);
      ScreenTile(screened.get() + first * padded, tile, rows.get(), n, padded, scores);
      for (std::int64_t q = 0; q < tile; ++q) {
        TopK& top = tops[first + q];
        const float* of_query = scores + q * n;
        // No number, or minus infinity, when a norm is: then every row passes.
        const float bound = bounds[static_cast<std::size_t>(first + q)] * norm;
        const float least =
            std::isnan(bound) ? -std::numeric_limits<float>::infinity() : top.Least() - bound;
        if (AllBelow(of_query, n, least)) continue;
        for (std::int64_t i = 0; i < n; ++i) {
          if (of_query[i] < least || !segment.AliveAt(begin + i, seq_)) continue;
          const std::uint64_t id = segment.Id(begin + i);
          if (!IsAllowed(params, id)) continue;
          top.Add(Dot(queries + (first + q) * padded, segment.Row(begin + i), padded), id);
        }
      }
    }
    begin += n;
  }
}

void SegmentView::SearchAllowedRows(const ViewPart& part, const float* query,
                                    const SearchParams& params, TopK* top) const {
  const Segment& segment = *part.segment;
  if (!segment.sealed()) {
    for (const std::uint64_t id : *params.allowed) {
      const std::int64_t row = segment.FindGrown(id, part.rows, seq_);
      if (row >= 0) top->Add(Dot(query, segment.Row(row), segment.padded()), id);
    }
    return;
  }
  ForEachAllowed(segment, *params.allowed, [&](std::int64_t row) {
    if (!segment.AliveAt(row, seq_)) return;
    top->Add(Dot(query, segment.Row(row), segment.padded()), segment.Id(row));
  });
}

RowQuery SegmentView::RowQueryFor(const ViewPart& part, const PartPlan& plan, const float* query,
                                  const SearchParams& params) const {
  const Segment& segment = *part.segment;
  RowQuery row_query;
  row_query.vector = query;
  row_query.k = params.k;
  row_query.effort = plan.effort;
  row_query.filter = segment.FilterAt(seq_, params.allowed);
  row_query.share = plan.share;
  row_query.max_cost = plan.max_cost;
  return row_query;
}

bool SegmentView::SearchIndex(const ViewPart& part, const PartPlan& plan, const float* query,
                              const SearchParams& params, TopK* top) const {
  const Segment& segment = *part.segment;
  const RowQuery row_query = RowQueryFor(part, plan, query, params);
  thread_local std::vector<FoundRow> found;
  const bool trusted = segment.row_index()->Search(segment.half_rows(), row_query, &found);
  // Too few: either there are no more, which only reading them all tells, or the index does not
  // lead to them.
  if (!trusted || static_cast<std::int64_t>(found.size()) < params.k) return false;
  for (const FoundRow& row : found) top->Add(row.score, segment.Id(row.row));
  return true;
}

Status SegmentView::SearchFar(const ViewPart& part, const PartPlan& plan, const float* query,
                              const SearchParams& params, TopK* top) const {
  const Segment& segment = *part.segment;
  if (far_rows_ == nullptr) {
    return Status::Unsupported("the index keeps its rows in a store that has none");
  }
  if (plan.way == Way::kIndex) {
    std::vector<FoundRow> found;
    bool trusted = false;
    ESPY_RETURN_IF_ERROR(segment.row_index()->SearchFar(
        {far_rows_.get(), segment.sorted_ids().data(), segment.padded()},
        RowQueryFor(part, plan, query, params), &trusted, &found));
    if (trusted && static_cast<std::int64_t>(found.size()) >= params.k) {
      for (const FoundRow& row : found) top->Add(row.score, segment.Id(row.row));
      return Status::Ok();
    }
  }
  const RowFilter filter = segment.FilterAt(seq_, params.allowed);
  std::vector<std::uint64_t> ids;
  std::vector<std::uint16_t> padded(static_cast<std::size_t>(segment.padded()), 0);
  for (std::int64_t row = 0; row < part.rows; ++row) {
    if (filter(row)) ids.push_back(segment.Id(row));
    if (ids.empty() ||
        (row + 1 < part.rows && static_cast<std::int64_t>(ids.size()) < kSliceRows)) {
      continue;
    }
    std::size_t read = 0;
    ESPY_RETURN_IF_ERROR(
        far_rows_->Read(ids, [&](std::size_t i, std::span<const std::uint16_t> half) {
          std::copy(half.begin(), half.end(), padded.begin());
          top->Add(Dot(query, padded.data(), segment.padded()), ids[i]);
          ++read;
        }));
    if (read != ids.size()) {
      return Status::Corruption(
          "a vector of the index is not among the stored ones; run `espy rebuild`");
    }
    ids.clear();
  }
  return Status::Ok();
}

}  // namespace espy::index
