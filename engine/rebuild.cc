// rebuild and compact: the index made again, and dead rows dropped.
#include <algorithm>

#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"
#include "text/stemmer.h"

namespace espy {

Status Library::Rebuild(const ProgressFn& progress, std::stop_token stop) try {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> spaces, impl_->store->Spaces());
  for (const storage::SpaceRow& row : spaces) {
    ESPY_RETURN_IF_ERROR(impl_->RebuildIndex(row, progress, stop));
  }
  ESPY_RETURN_IF_ERROR(impl_->ForgetFields());
  return impl_->words->Rebuild(progress, stop);
} catch (const std::bad_alloc&) {
  return OutOfMemory("rebuild");
}

std::vector<std::string> TextLanguages() { return text::Languages(); }

Status Library::SetTextLanguage(const std::string& language, const ProgressFn& progress,
                                std::stop_token stop) try {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  ESPY_RETURN_IF_ERROR(text::Stemmer::Create(language).status());
  ESPY_RETURN_IF_ERROR(impl_->store->SetTextLanguage(language));
  return impl_->words->Rebuild(progress, stop);
} catch (const std::bad_alloc&) {
  return OutOfMemory("settextlanguage");
}

// The new index is filled from one snapshot while the old one serves; writers wait (they hold the
// same lock), searches do not. Its manifest replaces the old one when it is written; until then a
// crash leaves the old index in use.
Status Library::Impl::RebuildIndex(const storage::SpaceRow& row, const ProgressFn& progress,
                                   std::stop_token stop) {
  const BackgroundPause pause(this);
  const std::shared_ptr<OpenSpace> space = Opened(row);
  std::lock_guard lock(write_mutex_);
  const auto snapshot = store->TakeSnapshot();
  const std::uint64_t seq = store->SeqOf(*snapshot);
  std::shared_ptr<index::VectorIndex> fresh =
      index::VectorIndex::Empty(IndexOptionsFor(row), &space->segments);
  std::uint64_t added = 0;
  bool cancelled = false;
  Status sealed;
  ESPY_RETURN_IF_ERROR(store->ScanVectors(
      row.number,
      [&](ItemId id, std::span<const std::uint16_t> half) {
        fresh->Add(seq, id, half);
        if (++added % 1000 == 0) {
          if (progress) progress({"vectors", added, 0});
          sealed = fresh->SealFull(seq, stop);
        }
        cancelled = stop.stop_requested();
        return sealed.ok() && !cancelled;
      },
      snapshot.get()));
  if (cancelled) return Status::Cancelled(path + ": stopped; the old index stays in use");
  ESPY_RETURN_IF_ERROR(sealed);
  fresh->Publish(seq);
  if (progress) progress({"segments", 0, 0});
  ESPY_RETURN_IF_ERROR(fresh->Maintain(/*everything=*/true, stop));
  space->index = std::move(fresh);
  RefreshStateLocked();
  return Status::Ok();
}

Result<CompactReport> Library::Compact(const ProgressFn& progress, std::stop_token stop) try {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  CompactReport report;
  ESPY_ASSIGN_OR_RETURN(report.disk_bytes_before, impl_->store->DiskBytes());
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> spaces, impl_->store->Spaces());
  if (progress && !spaces.empty()) progress({"segments", 0, 0});
  for (const storage::SpaceRow& row : spaces) {
    ESPY_ASSIGN_OR_RETURN(const std::uint64_t dropped, impl_->CompactIndex(row, stop));
    report.tombstones_dropped += dropped;
  }
  if (stop.stop_requested()) return Status::Cancelled(impl_->path + ": stopped; nothing is lost");
  if (progress) progress({"files", 0, 0});
  ESPY_RETURN_IF_ERROR(impl_->store->CompactAll());
  ESPY_ASSIGN_OR_RETURN(report.disk_bytes_after, impl_->store->DiskBytes());
  return report;
} catch (const std::bad_alloc&) {
  return OutOfMemory("compact");
}

Result<std::uint64_t> Library::Impl::CompactIndex(const storage::SpaceRow& row,
                                                  std::stop_token stop) {
  const BackgroundPause pause(this);  // one maintenance at a time
  const std::shared_ptr<OpenSpace> space = Opened(row);
  std::shared_ptr<index::VectorIndex> index;
  bool was_open = false;
  {
    std::lock_guard lock(write_mutex_);
    was_open = space->index != nullptr;
    ESPY_RETURN_IF_ERROR(OpenIndexLocked(space.get()));
    index = space->index;
  }
  const std::uint64_t dead = index->stats().dead_rows;
  const Status compacted = index->Maintain(/*everything=*/true, std::move(stop));
  const std::uint64_t left = index->stats().dead_rows;
  std::lock_guard lock(write_mutex_);
  if (was_open) {
    RefreshStateLocked();
  } else {
    CloseIndexLocked(space.get());  // nobody searched it: its memory is given back
  }
  ESPY_RETURN_IF_ERROR(compacted);
  return dead - std::min(dead, left);
}

}  // namespace espy
