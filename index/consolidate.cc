// Fewer segments, for when nobody waits: a query walks each of them, so several small ones cost
// several walks, and merging by size alone leaves up to a fan-in of each size.
//
// Segments are merged, the smallest first, to ones of at most kMostBytes of rows, where that pays:
// a quarter of what is written anew, at least, must come from others than the largest. So a row is
// written again only once its library has grown by a third, about.
#include <algorithm>
#include <new>
#include <utility>

#include "base/status_macros.h"
#include "index/dot.h"
#include "index/segmented_index.h"

namespace espy::index {
namespace {

// As much memory as the building of one takes beside what is there; half of a memory budget at
// most.
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
constexpr std::int64_t kLeastShare = 4;  // one part of so many comes from others than the largest

}  // namespace

std::int64_t SegmentedIndex::MostRows() const {
  const std::int64_t merged = options_.seal_rows * std::max(options_.merge_fan_in, 1);
  const std::uint64_t budget = options_.memory_budget;
  const std::uint64_t bytes = budget == 0 ? kMostBytes : std::min(kMostBytes, budget / 2);
  return std::max(merged,
                  static_cast<std::int64_t>(bytes) / (2 * PaddedDimension(options_.dimension)));
}

std::vector<SegmentedIndex::Job> SegmentedIndex::PlanConsolidation() const {
  if (rows_missing_ || BuildsOnDisk()) return {};  // rows are read when someone searches
  std::vector<SegmentPtr> sealed;
  for (const SegmentPtr& segment : segments_) {
    // Lists that are read from the store cost a look-up each wherever they lie.
    if (segment->sealed() && !segment->far()) sealed.push_back(segment);
  }
  std::stable_sort(sealed.begin(), sealed.end(), [&](const SegmentPtr& a, const SegmentPtr& b) {
    return LiveRows(*a) < LiveRows(*b);
  });
  std::vector<Job> jobs;
  Job job;
  std::int64_t rows = 0;
  const auto close = [&] {
    while (job.size() > 1 && (rows - LiveRows(*job.back())) * kLeastShare < rows) {
      rows -= LiveRows(*job.back());
      job.pop_back();
    }
    if (job.size() > 1) jobs.push_back(std::move(job));
    job.clear();
    rows = 0;
  };
  for (const SegmentPtr& segment : sealed) {
    if (rows + LiveRows(*segment) > MostRows()) close();
    rows += LiveRows(*segment);
    job.push_back(segment);
  }
  close();
  return jobs;
}

bool SegmentedIndex::NeedsConsolidation() const {
  if (read_only_) return false;
  std::lock_guard lock(write_mutex_);
  return !PlanConsolidation().empty();
}

Status SegmentedIndex::Consolidate(std::stop_token stop) try {
  if (read_only_) {
    return Status::InvalidArgument(
        "the index is open for reading only; open the library for writing");
  }
  std::lock_guard maintaining(maintain_mutex_);
  ESPY_RETURN_IF_ERROR(ChooseNextSegment());
  std::vector<Job> jobs;
  {
    std::lock_guard lock(write_mutex_);
    jobs = PlanConsolidation();
  }
  for (const Job& job : jobs) ESPY_RETURN_IF_ERROR(Run(job, stop));
  return Status::Ok();
} catch (const std::bad_alloc&) {
  return Status::ResourceExhausted("maintaining the index: there is not enough memory");
}

}  // namespace espy::index
