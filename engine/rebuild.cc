// rebuild and compact: the index made again, and dead rows dropped.
#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "text/stemmer.h"

namespace espy {

Status Library::Rebuild(const ProgressFn& progress, std::stop_token stop) {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> spaces, impl_->store->Spaces());
  if (spaces.empty()) return Status::Ok();
  ESPY_RETURN_IF_ERROR(impl_->RebuildIndex(progress, stop));
  return impl_->words->Rebuild(progress, stop);
}

std::vector<std::string> TextLanguages() { return text::Languages(); }

Status Library::SetTextLanguage(const std::string& language, const ProgressFn& progress,
                                std::stop_token stop) {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  ESPY_RETURN_IF_ERROR(text::Stemmer::Create(language).status());
  ESPY_RETURN_IF_ERROR(impl_->store->SetTextLanguage(language));
  return impl_->words->Rebuild(progress, stop);
}

// The new index is filled from one snapshot while the old one serves; writers wait (they hold the
// same lock), searches do not. Its manifest replaces the old one when it is written; until then a
// crash leaves the old index in use.
Status Library::Impl::RebuildIndex(const ProgressFn& progress, std::stop_token stop) {
  StopBackground();
  const Status rebuilt = [&]() -> Status {
    std::lock_guard lock(write_mutex_);
    ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow space, Space());
    if (!segment_store_) segment_store_ = std::make_unique<IndexStore>(store.get(), space.number);
    const auto snapshot = store->TakeSnapshot();
    const std::uint64_t seq = store->SeqOf(*snapshot);
    std::shared_ptr<index::VectorIndex> fresh =
        index::VectorIndex::Empty(IndexOptionsFor(space), segment_store_.get());
    std::uint64_t added = 0;
    bool cancelled = false;
    Status sealed;
    ESPY_RETURN_IF_ERROR(store->ScanVectors(
        space.number,
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
    index_ = std::move(fresh);
    RefreshStateLocked();
    return Status::Ok();
  }();
  if (!options.read_only && options.background_build) StartBackground();
  return rebuilt;
}

Result<CompactReport> Library::Compact(const ProgressFn& progress, std::stop_token stop) {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  CompactReport report;
  ESPY_ASSIGN_OR_RETURN(report.disk_bytes_before, impl_->store->DiskBytes());
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> spaces, impl_->store->Spaces());
  if (!spaces.empty()) {
    ESPY_RETURN_IF_ERROR(impl_->OpenIndex());
    if (progress) progress({"segments", 0, 0});
    report.tombstones_dropped = impl_->Stats().dead_rows;
    ESPY_RETURN_IF_ERROR(impl_->CompactIndex(stop));
    report.tombstones_dropped -= impl_->Stats().dead_rows;
  }
  if (stop.stop_requested()) return Status::Cancelled(impl_->path + ": stopped; nothing is lost");
  if (progress) progress({"files", 0, 0});
  ESPY_RETURN_IF_ERROR(impl_->store->CompactAll());
  ESPY_ASSIGN_OR_RETURN(report.disk_bytes_after, impl_->store->DiskBytes());
  return report;
}

Status Library::Impl::CompactIndex(std::stop_token stop) {
  StopBackground();  // one maintenance at a time
  std::shared_ptr<index::VectorIndex> index;
  {
    std::lock_guard lock(write_mutex_);
    index = index_;
  }
  const Status compacted = index->Maintain(/*everything=*/true, std::move(stop));
  {
    std::lock_guard lock(write_mutex_);
    RefreshStateLocked();
  }
  if (options.background_build) StartBackground();
  return compacted;
}

}  // namespace espy
