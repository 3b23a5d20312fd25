// What the builder does for the disk when the library rests: the log of changes is shortened, and
// files with dead values are rewritten, a slice at a time.
#include <algorithm>
#include <chrono>

#include "base/logging.h"
#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "index/segment_format.h"

namespace espy {
namespace {

// The log keeps this many changes, whoever has taken them in: a reader that refreshes follows them
// one by one. Some 30 MB.
constexpr std::uint64_t kKeptChanges = 1'000'000;
// Dead bytes that are worth rewriting, as they are and as a part of all.
constexpr std::uint64_t kLeastDead = 64u << 20;
constexpr std::uint64_t kDeadPart = 4;
// One slice is rewritten without a break; then the disk is left alone for as long.
constexpr std::uint32_t kSlices = 16;

std::uint64_t KeptChanges(const testing::LibraryHooks& hooks) {
  return hooks.log_changes > 0 ? hooks.log_changes : kKeptChanges;
}

bool IsWorthRewriting(const storage::Store::DeadSpace& space, const testing::LibraryHooks& hooks) {
  const std::uint64_t least = hooks.dead_bytes > 0 ? hooks.dead_bytes : kLeastDead;
  return space.dead >= least && space.dead * kDeadPart >= space.total;
}

}  // namespace

bool Library::Impl::UpkeepIsDue() {
  if (options.read_only || !auto_compact_) return false;
  const std::uint64_t kept = KeptChanges(hooks);
  return store->last_seq() + 1 - store->log_begin() > kept + kept / 8 ||
         IsWorthRewriting(store->CountDead(), hooks);
}

// The first change that someone may still need: an index that was not written since, the text
// index, or a reader that was open a while ago.
Result<std::uint64_t> Library::Impl::LogHorizon() {
  const std::uint64_t last = store->last_seq(), kept = KeptChanges(hooks);
  std::uint64_t begin = last + 1 - std::min(last, kept);
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> rows, store->Spaces());
  for (const storage::SpaceRow& row : rows) {
    // A migration looks back to where it began.
    if (row.role == storage::SpaceRole::kFilling) return std::uint64_t{0};
    const Result<std::string> bytes = store->GetManifest(row.number);
    if (bytes.status().code() == StatusCode::kNotFound) continue;  // made of the vectors
    ESPY_RETURN_IF_ERROR(bytes.status());
    ESPY_ASSIGN_OR_RETURN(const index::Manifest manifest, index::ParseManifest(*bytes));
    if (manifest.applied_seq > 0) begin = std::min(begin, manifest.applied_seq + 1);
  }
  ESPY_ASSIGN_OR_RETURN(const TextInfo text, words->Info());
  // It knows its place by the change that it took in last.
  return std::min(begin, last - std::min(last, text.behind));
}

Status Library::Impl::KeepUp(const std::stop_token& stop) {
  if (!UpkeepIsDue()) return Status::Ok();
  const std::uint64_t kept = KeptChanges(hooks);
  if (store->last_seq() + 1 - store->log_begin() > kept + kept / 8) {
    ESPY_ASSIGN_OR_RETURN(const std::uint64_t begin, LogHorizon());
    ESPY_RETURN_IF_ERROR(store->TrimLog(begin));
  }
  if (!IsWorthRewriting(store->CountDead(), hooks)) return Status::Ok();
  for (std::uint32_t done = 0; done < kSlices && !stop.stop_requested(); ++done) {
    const auto start = std::chrono::steady_clock::now();
    ESPY_RETURN_IF_ERROR(store->CompactSlice(next_slice_, kSlices));
    next_slice_ = (next_slice_ + 1) % kSlices;
    const auto took = std::chrono::steady_clock::now() - start;
    std::unique_lock lock(background_mutex_);
    // Someone has work for the builder: the next rest goes on with the next slice.
    if (background_wake_.wait_for(lock, stop, took, [this] { return background_requested_; }))
      break;
  }
  return Status::Ok();
}

}  // namespace espy
