// Refresh: a reader goes on to what its library's writer has done since. Nothing that a running
// search holds is touched: it has its snapshot, and its views never change.
#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"
#include "index/segment_format.h"

namespace espy {
namespace {

// Rows that no segment of the index holds are searched one by one, and a reader seals none. Past so
// many times the size of a segment it reads what the writer has sealed meanwhile.
constexpr std::uint64_t kUnsealedSegments = 2;

}  // namespace

// With as little reading as its distance allows. An index that is not followed is closed, and
// opened by the next search.
Status Library::Impl::FollowIndexLocked(OpenSpace* space, const storage::Snapshot& snapshot) {
  const std::uint64_t shown = space->index->TakeView()->seq();
  const std::uint64_t behind = store->SeqOf(snapshot) - shown;
  const std::uint64_t waiting = space->index->stats().growing_rows + behind;
  const auto seal_rows = static_cast<std::uint64_t>(IndexOptionsFor(space->row).seal_rows);
  const bool logged = shown + 1 >= store->log_begin();
  if (logged && waiting <= kUnsealedSegments * seal_rows) {
    return ReplayLog(*space, space->index.get(), snapshot, shown);
  }
  if (logged) {
    const Result<std::string> bytes = space->segments.ReadManifest();
    const Result<index::Manifest> manifest =
        bytes.ok() ? index::ParseManifest(*bytes) : bytes.status();
    const bool sealed_more = manifest.ok() && manifest->applied_seq > space->index->applied_seq();
    if (!sealed_more) return ReplayLog(*space, space->index.get(), snapshot, shown);
  }
  auto opened =
      index::VectorIndex::Open(IndexOptionsFor(space->row), &space->segments, /*read_only=*/true);
  ESPY_RETURN_IF_ERROR(opened.status());
  std::shared_ptr<index::VectorIndex> index = std::move(*opened);
  ESPY_RETURN_IF_ERROR(ReplayLog(*space, index.get(), snapshot, index->applied_seq()));
  ESPY_RETURN_IF_ERROR(index->ReadRows());
  space->index = std::move(index);
  return Status::Ok();
}

Result<bool> Library::Impl::Refresh() {
  if (!options.read_only) return false;
  std::lock_guard making(fields_mutex_);  // no table is made meanwhile
  std::lock_guard lock(write_mutex_);
  words->LookAgain();
  const std::uint64_t before = store->last_seq();
  ESPY_ASSIGN_OR_RETURN(const bool moved, store->Refresh());
  if (!moved && !behind_) return false;
  behind_ = false;
  const auto follow = [&]() -> Status {
    ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> rows, store->Spaces());
    {
      // Which space is current is read again; those that were dropped are let go.
      std::lock_guard spaces(space_mutex_);
      current_ = 0;
      std::erase_if(open_spaces_, [&](const auto& open) {
        return std::none_of(rows.begin(), rows.end(),
                            [&](const storage::SpaceRow& row) { return row.number == open.first; });
      });
    }
    const std::shared_ptr<const storage::Snapshot> snapshot = store->TakeSnapshot();
    for (const std::shared_ptr<OpenSpace>& space : OpenSpaces()) {
      if (space->index) ESPY_RETURN_IF_ERROR(FollowIndexLocked(space.get(), *snapshot));
    }
    stored_fields->Forget();
    if (fields_) {
      const std::uint64_t changes = store->SeqOf(*snapshot) - before;
      if (before + 1 >= store->log_begin() && changes <= fields_->TakeView()->items() / 2) {
        ESPY_RETURN_IF_ERROR(CatchUpFields(fields_.get(), before, *snapshot));
      } else {
        fields_.reset();  // the next filter reads what is stored
      }
    }
    RefreshStateLocked();
    return Status::Ok();
  };
  const Status followed = follow();
  if (followed.ok()) return true;
  // What was opened before goes on answering; whatever is opened next is of the new state.
  for (const std::shared_ptr<OpenSpace>& space : OpenSpaces()) space->index.reset();
  fields_.reset();
  return followed;
}

Result<bool> Library::Refresh() try { return impl_->Refresh(); } catch (const std::bad_alloc&) {
  return OutOfMemory("refresh");
}

}  // namespace espy
