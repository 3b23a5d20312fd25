// info: what a library holds, and how well its index finds it.
#include <algorithm>

#include "base/cpu_features.h"
#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/migrate/wanted.h"
#include "engine/out_of_memory.h"
#include "engine/recall/window.h"
#include "espy/model.h"
#include "index/device_search.h"
#include "index/index_kind.h"

namespace espy {
namespace {
constexpr std::size_t kRecallSample = 100;
constexpr std::int64_t kRecallHits = 10;
constexpr double k95 = 1.96;  // standard deviations on either side of 95 % of a normal distribution

std::string StateOf(const storage::SpaceRow& row, const storage::SpaceRow& current) {
  if (row.number == current.number) return "current";
  switch (row.role) {
    case storage::SpaceRole::kFilling:
      return "migrating";
    case storage::SpaceRole::kFed:
      return "fed";
    case storage::SpaceRole::kKept:
      break;
  }
  return "retired";
}
}  // namespace

// The share of the exact ten nearest that the index finds, over a sample of the library's own
// vectors.
Result<double> Library::Impl::MeasureRecall(const ReadState& state) {
  const std::vector<std::uint64_t> ids = state.view->LiveIds();
  if (ids.size() <= static_cast<std::size_t>(kRecallHits)) return -1.0;
  const std::size_t step = std::max<std::size_t>(1, ids.size() / kRecallSample);
  std::int64_t found = 0, wanted = 0;
  for (std::size_t i = 0; i < ids.size(); i += step) {
    ESPY_ASSIGN_OR_RETURN(const std::vector<float> query, ItemVector(ids[i], state));
    index::SearchParams params;
    params.k = kRecallHits;
    params.ef_search = static_cast<int>(state.space->recall->effort());
    ESPY_ASSIGN_OR_RETURN(const auto quick, state.view->Search(query, params));
    params.exact = true;
    ESPY_ASSIGN_OR_RETURN(const auto exact, state.view->Search(query, params));
    for (const index::Candidate& e : exact) {
      ++wanted;
      found += std::any_of(quick.begin(), quick.end(),
                           [&](const index::Candidate& q) { return q.id == e.id; });
    }
  }
  return static_cast<double>(found) / static_cast<double>(std::max<std::int64_t>(1, wanted));
}

Result<LibraryInfo> Library::Info(bool measure_recall) try {
  LibraryInfo info;
  info.path = impl_->path;
  info.format_version = storage::kFormatVersion;
  info.seq = impl_->store->last_seq();
  info.device = impl_->options.device == Device::kCpu ? CpuDescription() : DeviceDescription();
  ESPY_ASSIGN_OR_RETURN(const storage::Store::Counts counts, impl_->store->Count());
  info.items = counts.items;
  info.paths = counts.paths;
  info.picture_bytes = counts.picture_bytes;
  info.failures = counts.failures;
  info.disk_quota = impl_->disk_quota();
  info.memory_budget = impl_->memory_budget();
  info.auto_compact = impl_->auto_compact();
  info.recall_target = impl_->recall->target();
  ESPY_ASSIGN_OR_RETURN(info.disk_bytes, impl_->store->DiskBytes());
  ESPY_ASSIGN_OR_RETURN(info.text, impl_->words->Info());
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> spaces, impl_->store->Spaces());
  if (spaces.empty()) return info;
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow current, impl_->Space());
  for (const storage::SpaceRow& row : spaces) {
    SpaceInfo space;
    space.number = row.number;
    space.model = row.model;
    space.id = row.space_id;
    space.dimension = row.dimension;
    space.dtype = row.fp32 ? "f32" : "f16";
    space.state = StateOf(row, current);
    if (row.number == current.number) {
      ESPY_ASSIGN_OR_RETURN(const auto state, impl_->SearchState());
      if (const auto search_device = impl_->SearchDevice()) {
        info.search_device = search_device->name();
      }
      space.vectors = static_cast<std::uint64_t>(state->view->live_rows());
      if (measure_recall) {
        ESPY_ASSIGN_OR_RETURN(space.recall_at_10, impl_->MeasureRecall(*state));
      }
    } else {
      ESPY_ASSIGN_OR_RETURN(space.vectors, impl_->store->CountVectors(row.number));
    }
    const std::shared_ptr<OpenSpace> open = impl_->Opened(row);
    const storage::RecallRow recall = open->recall->row();
    const recall::Window window{recall.searches, recall.wanted, recall.shares, recall.squares};
    space.recall_searches = recall.searches;
    if (recall.searches > 0) space.recall_live = window.mean();
    space.recall_low = window.Bounds(k95).low;
    space.recall_high = window.Bounds(k95).high;
    space.effort = open->recall->effort();
    if (const auto adapter = impl_->store->GetAdapter(row.number); adapter.ok()) {
      space.adapter = adapter->info;
    }
    if (const std::optional<index::IndexStats> stats = impl_->Stats(*open)) {
      info.memory_bytes += stats->memory_bytes;
      space.index = index::IndexKindName(stats->kind);
      space.sealed_segments = stats->sealed_segments;
      space.growing = stats->growing_rows;
      space.tombstones = stats->dead_rows;
    }
    space.missing = info.items - std::min(info.items, space.vectors);
    info.spaces.push_back(std::move(space));
  }
  if (current.number > 1 || spaces.size() > 1) {  // none else has been through a migration
    ESPY_RETURN_IF_ERROR(impl_->store->ScanItems([&](const Record& record) {
      for (SpaceInfo& space : info.spaces) {
        space.by_thumbnail += migrate::Noted(record.spaces_by_thumbnail, space.number) ? 1 : 0;
      }
      return true;
    }));
  }
  return info;
} catch (const std::bad_alloc&) {
  return OutOfMemory("info");
}

Status Library::SetRecallTarget(double target) try {
  if (!(target >= 0.5 && target <= 0.9999)) {
    return Status::InvalidArgument(
        "recall target: must be 0.5 to 0.9999; for all of it search "
        "exactly");
  }
  ESPY_RETURN_IF_ERROR(impl_->store->PutRecallTarget(target));
  impl_->recall->SetTarget(target);
  return Status::Ok();
} catch (const std::bad_alloc&) {
  return OutOfMemory("setrecalltarget");
}

std::optional<index::IndexStats> Library::Impl::Stats(const OpenSpace& space) {
  std::lock_guard lock(write_mutex_);
  return space.index ? std::optional(space.index->stats()) : std::nullopt;
}

}  // namespace espy
