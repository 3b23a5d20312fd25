#include "index/view.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/status_macros.h"
#include "index/aligned_bytes.h"
#include "index/dot.h"
#include "index/part_search.h"
#include "index/screen.h"

namespace espy::index {
namespace {

// What a row that is a jump in memory away costs beside one read in sequence. Measured; see bench/.
constexpr double kJumpCost = 2;
// What an id costs beside a row read in sequence, when it is looked for among rows in no order: to
// be put in a list, which a set of many ids is spared otherwise, and to be looked up.
constexpr double kLookUpCost = 0.5;
constexpr double kFarRowCost = 100;         // of a row that is read from the store
constexpr std::int64_t kScreenQueries = 8;  // fewer do not repay converting the rows

}  // namespace

SegmentView::PartPlan SegmentView::PlanPart(const ViewPart& part,
                                            const SearchParams& params) const {
  if (device_ != nullptr && !part.segment->far()) {
    const std::int64_t allowed =
        params.allowed.has_value() ? static_cast<std::int64_t>(params.allowed->size()) : part.rows;
    if (device_->Takes(part.rows, std::min(allowed, part.rows), params.k))
      return {Way::kDevice, 1, 0};
  }
  return PlanOnCpu(part, params);
}

SegmentView::PartPlan SegmentView::PlanOnCpu(const ViewPart& part,
                                             const SearchParams& params) const {
  const Segment& segment = *part.segment;
  const auto allowed = params.allowed.has_value()
                           ? static_cast<std::int64_t>(params.allowed->size())
                           : std::numeric_limits<std::int64_t>::max();
  // The share of rows that may be returned.
  const double share =
      std::min(1.0, params.allowed.has_value()
                        ? static_cast<double>(allowed) /
                              static_cast<double>(std::max<std::int64_t>(live_rows_, 1))
                        : 1.0);
  const double rows = static_cast<double>(part.rows);
  // Reading the allowed rows one by one beats reading all rows when they are clearly fewer.
  const bool few_allowed =
      segment.sealed()
          ? allowed <= part.rows / 4
          : kLookUpCost * static_cast<double>(allowed) + kJumpCost * share * rows < rows;
  PartPlan plan{few_allowed ? Way::kAllowedRows : Way::kRows, share, 0, EffortIn(part, params)};
  if (segment.row_index() == nullptr || params.exact) return plan;
  double cost = segment.far() ? rows * share * kFarRowCost
                : few_allowed ? rows * share * kJumpCost
                              : rows;
  if (few_allowed && !segment.far()) {
    const double among = segment.row_index()->ExpectedCostAmong(plan.effort, rows * share);
    if (among < cost) {
      cost = among;
      plan.way = Way::kAllowedCodes;
    }
  }
  if (segment.row_index()->ExpectedCost(plan.effort, share) >= cost) return plan;
  return {Way::kIndex, share, cost, plan.effort};
}

std::vector<ViewPart> SegmentView::SearchDevice(const DeviceQuery& query,
                                                const SearchParams& params, TopK* top) const {
  std::vector<ViewPart> left, taken;
  for (const ViewPart& part : parts_) {
    (PlanPart(part, params).way == Way::kDevice ? taken : left).push_back(part);
  }
  if (taken.empty()) return left;
  std::vector<DevicePart> asked;
  for (const ViewPart& part : taken) {
    DevicePart device_part{.segment = part.segment, .rows = part.rows, .seq = seq_, .allowed = {}};
    if (params.allowed.has_value()) {
      device_part.allowed = [&, part](RowMask* mask) {
        const Segment& segment = *part.segment;
        const auto allow = [&](std::int64_t row) {
          if (!segment.AliveAt(row, seq_)) return;
          (*mask)[static_cast<std::size_t>(row / 32)] |= 1u << row % 32;
        };
        if (segment.sealed()) {
          ForEachAllowed(segment, *params.allowed, allow);
        } else {
          for (std::int64_t row = 0; row < part.rows; ++row) {
            if (IsAllowed(params, segment.Id(row))) allow(row);
          }
        }
      };
    }
    asked.push_back(std::move(device_part));
  }
  std::vector<bool> searched;
  // An error was logged, and leaves all of them to the CPU.
  const Status status = device_->Search(asked, query, params.k, top, &searched);
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (!status.ok() || !searched[i]) left.push_back(taken[i]);
  }
  return left;
}

Status SegmentView::CheckQuery(std::span<const float> query, const SearchParams& params) const {
  if (static_cast<std::int64_t>(query.size()) != dimension_) {
    return Status::InvalidArgument("the query has dimension " + std::to_string(query.size()) +
                                   ", and the index " + std::to_string(dimension_));
  }
  if (params.k < 0 || params.ef_search < 1) {
    return Status::InvalidArgument("k and ef_search must not be negative");
  }
  for (const float x : query) {
    if (!std::isfinite(x))
      return Status::InvalidArgument("the query holds a value that is no number");
  }
  return Status::Ok();
}

Result<std::vector<Candidate>> SegmentView::Search(std::span<const float> query,
                                                   const SearchParams& params) const {
  ESPY_RETURN_IF_ERROR(CheckQuery(query, params));
  if (params.k == 0 || live_rows_ == 0) return std::vector<Candidate>{};
  if (params.allowed.has_value() && params.allowed->empty()) return std::vector<Candidate>{};
  std::vector<float> padded(static_cast<std::size_t>(PaddedDimension(dimension_)), 0.0f);
  std::copy(query.begin(), query.end(), padded.begin());
  TopK top(params.k, live_rows_);
  if (device_ == nullptr) {
    ESPY_RETURN_IF_ERROR(SearchOnCpu(parts_, padded.data(), params, &top));
  } else {
    ESPY_RETURN_IF_ERROR(SearchOnCpu(SearchDevice({.data = padded.data()}, params, &top),
                                     padded.data(), params, &top));
  }
  return top.TakeSorted();
}

Result<std::vector<std::vector<Candidate>>> SegmentView::SearchBatch(
    std::span<const float> queries, const SearchParams& params) const {
  const auto dimension = static_cast<std::size_t>(dimension_);
  if (queries.size() % dimension != 0) {
    return Status::InvalidArgument("the queries have " + std::to_string(queries.size()) +
                                   " numbers in all, and the index dimension " +
                                   std::to_string(dimension_));
  }
  const std::size_t count = queries.size() / dimension;
  std::vector<std::vector<Candidate>> found(count);
  const bool nothing =
      params.k == 0 || live_rows_ == 0 || (params.allowed.has_value() && params.allowed->empty());
  const auto reads_rows = [&](const ViewPart& part) {
    return PlanPart(part, params).way == Way::kRows && !part.segment->far();
  };
  if (nothing || count < 2 || !std::all_of(parts_.begin(), parts_.end(), reads_rows)) {
    for (std::size_t q = 0; q < count; ++q) {
      ESPY_ASSIGN_OR_RETURN(found[q], Search(queries.subspan(q * dimension, dimension), params));
    }
    return found;
  }
  const auto width = static_cast<std::size_t>(PaddedDimension(dimension_));
  const AlignedArray<float> padded = MakeAligned<float>(count * width);
  std::fill_n(padded.get(), count * width, 0.0f);
  std::vector<TopK> tops;
  for (std::size_t q = 0; q < count; ++q) {
    const std::span<const float> query = queries.subspan(q * dimension, dimension);
    ESPY_RETURN_IF_ERROR(CheckQuery(query, params));
    std::copy(query.begin(), query.end(), padded.get() + q * width);
    tops.emplace_back(params.k, live_rows_);
  }
  const auto n = static_cast<std::int64_t>(count);
  const bool screened = CanScreen() && n >= kScreenQueries;
  for (const ViewPart& part : parts_) {
    if (screened) {
      SearchRowsScreened(part, padded.get(), n, params, tops.data());
    } else {
      SearchRows(part, padded.get(), n, params, tops.data());
    }
  }
  for (std::size_t q = 0; q < count; ++q) found[q] = tops[q].TakeSorted();
  return found;
}

Result<std::vector<Candidate>> SegmentView::SearchFromDevice(const float* query,
                                                             const SearchParams& params) const {
  if (device_ == nullptr) return Status::Unsupported("the index is not searched on a GPU");
  if (params.k < 0 || params.ef_search < 1) {
    return Status::InvalidArgument("k and ef_search must not be negative");
  }
  if (params.k == 0 || live_rows_ == 0) return std::vector<Candidate>{};
  if (params.allowed.has_value() && params.allowed->empty()) return std::vector<Candidate>{};
  TopK top(params.k, live_rows_);
  const std::vector<ViewPart> left = SearchDevice({.data = query, .on_device = true}, params, &top);
  if (!left.empty()) {
    std::vector<float> padded(static_cast<std::size_t>(PaddedDimension(dimension_)));
    ESPY_RETURN_IF_ERROR(device_->Read(query, std::ssize(padded), padded.data()));
    ESPY_RETURN_IF_ERROR(SearchOnCpu(left, padded.data(), params, &top));
  }
  std::vector<Candidate> found = top.TakeSorted();
  // Scores that are no numbers count as minus infinity, and come first only where all are.
  if (!found.empty() && found.front().score == -std::numeric_limits<float>::infinity()) {
    return Status::InvalidArgument("the query holds a value that is no number");
  }
  return found;
}

Status SegmentView::SearchOnCpu(const std::vector<ViewPart>& parts, const float* query,
                                const SearchParams& params, TopK* top) const {
  std::vector<Walk> walks;
  for (const ViewPart& part : parts) {
    const PartPlan plan = PlanOnCpu(part, params);
    if (plan.way == Way::kIndex || plan.way == Way::kAllowedCodes) {
      walks.push_back({part, plan, {}});
    } else {
      ESPY_RETURN_IF_ERROR(SearchOne(part, plan, query, params, top));
    }
  }
  return walks.empty() ? Status::Ok() : SearchIndexes(std::move(walks), query, params, top);
}

std::vector<std::uint64_t> SegmentView::LiveIds() const {
  std::vector<std::uint64_t> ids;
  ids.reserve(static_cast<std::size_t>(live_rows_));
  for (const ViewPart& part : parts_) {
    for (std::int64_t row = 0; row < part.rows; ++row) {
      if (part.segment->AliveAt(row, seq_)) ids.push_back(part.segment->Id(row));
    }
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::string SegmentView::Plan(const SearchParams& params) const {
  struct Parts {
    std::int64_t segments = 0, rows = 0;
  };
  std::map<std::string, Parts> by_index;  // by its name
  Parts exact;
  std::int64_t device_rows = 0;
  for (const ViewPart& part : parts_) {
    const Way way = PlanPart(part, params).way;
    if (way == Way::kDevice) {
      device_rows += part.rows;
      continue;
    }
    Parts& parts = way == Way::kIndex ? by_index[part.segment->row_index()->Name()]
                   : way == Way::kAllowedCodes
                       ? by_index["codes of the " + part.segment->row_index()->Name()]
                       : exact;
    ++parts.segments;
    parts.rows += part.rows;
  }
  std::string plan;
  if (device_rows > 0) {
    plan = "exact over " + std::to_string(device_rows) + " rows on " + device_->name();
  }
  const auto add = [&](const std::string& name, const Parts& parts) {
    plan += (plan.empty() ? "" : "; ") + name + " over " + std::to_string(parts.rows) +
            " rows in " + std::to_string(parts.segments) +
            (parts.segments == 1 ? " segment" : " segments");
  };
  for (const auto& [name, parts] : by_index) {
    add(name, parts);
    plan += ", ef " + std::to_string(EffortOf(params));
  }
  if (exact.segments > 0 || plan.empty()) add("exact", exact);
  if (params.allowed.has_value()) {
    plan += "; " + std::to_string(params.allowed->size()) + " ids allowed";
  }
  return plan;
}

}  // namespace espy::index
