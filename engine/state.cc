// Views and commits: how a change becomes durable, then visible, in one step for every reader.
#include <cmath>

#include "base/check.h"
#include "base/half.h"
#include "base/logging.h"
#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "index/index_kind.h"

namespace espy {

std::vector<float> UnitFromHalf(std::span<const std::uint16_t> half) {
  std::vector<float> vector(half.size());
  HalfToFloat(half.data(), half.size(), vector.data());
  Normalize(vector);
  return vector;
}

std::vector<std::uint16_t> HalfFromUnit(std::span<const float> vector) {
  std::vector<std::uint16_t> half(vector.size());
  FloatToHalf(vector.data(), vector.size(), half.data());
  return half;
}

bool Normalize(std::span<float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * x;
  if (!(squares > 0) || !std::isfinite(squares)) return false;
  const auto scale = static_cast<float>(1.0 / std::sqrt(squares));
  for (float& x : vector) x *= scale;
  return true;
}

index::IndexOptions Library::Impl::IndexOptionsFor(const storage::SpaceRow& space) {
  index::IndexOptions index_options;
  index_options.dimension = space.dimension;
  index_options.threads = options.threads;
  index_options.device = SearchDevice();
  index_options.memory_budget = memory_budget_ / 2;
  index_options.keep_kind = options.index.empty();
  // Open has refused a name that is none.
  const Result<index::IndexKind> kind = index::ParseIndexKind(options.index);
  if (kind.ok()) index_options.kind = *kind;
  if (hooks.seal_rows > 0) index_options.seal_rows = hooks.seal_rows;
  if (hooks.hnsw_rows > 0) index_options.hnsw_rows = hooks.hnsw_rows;
  return index_options;
}

Status Library::Impl::OpenIndex() {
  std::lock_guard lock(write_mutex_);
  return OpenIndexLocked();
}

Status Library::Impl::OpenIndexLocked() {
  if (index_) return Status::Ok();
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow space, Space());
  segment_store_ = std::make_unique<IndexStore>(store.get(), space.number);
  // A reader beside a live writer sees the store as it was when the reader opened; its replay ends
  // there.
  const std::shared_ptr<const storage::Snapshot> snapshot = store->TakeSnapshot();
  auto opened =
      index::VectorIndex::Open(IndexOptionsFor(space), segment_store_.get(), options.read_only);
  if (!opened.ok()) {
    return Status(opened.status().code(),
                  path + ": " + opened.status().message() +
                      "; nothing is lost: run `espy rebuild` to make the index again");
  }
  std::shared_ptr<index::VectorIndex> index = std::move(*opened);
  ESPY_RETURN_IF_ERROR(ReplayLog(index.get(), *snapshot));
  index_ = std::move(index);
  RefreshStateLocked();
  if (index_->NeedsMaintenance()) WakeBackground();  // a build that an earlier run left undone
  return Status::Ok();
}

// Brings the index from its applied sequence number to the store's. A new index reads the vectors
// in one sweep, which is many times faster than looking up each row of the log.
Status Library::Impl::ReplayLog(index::VectorIndex* index, const storage::Snapshot& snapshot) {
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow space, Space());
  const std::uint64_t seq = store->SeqOf(snapshot);
  const std::uint64_t applied = index->applied_seq();
  if (applied == 0) {
    ESPY_RETURN_IF_ERROR(store->ScanVectors(
        space.number,
        [&](ItemId id, std::span<const std::uint16_t> half) {
          index->Add(seq, id, half);
          return true;
        },
        &snapshot));
    index->Publish(seq);
    return Status::Ok();
  }
  Status failed;
  std::vector<std::uint16_t> half;
  ESPY_RETURN_IF_ERROR(store->ScanLog(
      applied,
      [&](const storage::LogEntry& entry) {
        if (entry.kind == storage::ChangeKind::kForget) {
          index->Remove(entry.seq, entry.item);
        } else if (entry.kind == storage::ChangeKind::kPutVector && entry.space == space.number) {
          Status read = store->GetVector(space.number, entry.item, &half, &snapshot);
          if (read.code() == StatusCode::kNotFound) return true;  // forgotten later in the log
          if (!read.ok()) {
            failed = std::move(read);
            return false;
          }
          index->Add(entry.seq, entry.item, half);
        }
        return true;
      },
      &snapshot));
  ESPY_RETURN_IF_ERROR(failed);
  index->Publish(seq);
  return Status::Ok();
}

void Library::Impl::RefreshStateLocked() {
  auto state = std::make_shared<ReadState>();
  state->snapshot = store->TakeSnapshot();
  if (index_) state->view = index_->TakeView();
  if (fields_) state->fields = fields_->TakeView();
  std::lock_guard lock(state_mutex_);
  state_ = std::move(state);
}

Result<std::shared_ptr<const ReadState>> Library::Impl::SearchState() {
  {
    std::lock_guard lock(state_mutex_);
    if (state_ && state_->view) return state_;
  }
  ESPY_RETURN_IF_ERROR(OpenIndex());
  std::lock_guard lock(state_mutex_);
  return state_;
}

std::shared_ptr<const storage::Snapshot> Library::Impl::RecordSnapshot() {
  {
    std::lock_guard lock(state_mutex_);
    if (state_) return state_->snapshot;
  }
  return store->TakeSnapshot();
}

Status Library::Impl::Commit(Change change) {
  std::lock_guard lock(write_mutex_);
  return CommitLocked(std::move(change));
}

Status Library::Impl::CommitLocked(Change change) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  const bool touches_index =
      !change.vectors.empty() || !change.new_vectors.empty() || !change.forgotten.empty();
  // The index must stand at the sequence number before this change, so that applying the change
  // brings it to the one after.
  if (touches_index) ESPY_RETURN_IF_ERROR(OpenIndexLocked());
  std::vector<ItemId> touched;
  if (fields_) {
    for (const storage::LogEntry& entry : change.transaction.log()) touched.push_back(entry.item);
  }
  ESPY_ASSIGN_OR_RETURN(const std::uint64_t seq, store->Commit(std::move(change.transaction)));
  if (fields_) {
    // The change is made, whatever comes of this: a table that cannot follow is made anew.
    if (Status kept = UpdateFieldsLocked(fields_.get(), std::move(touched), nullptr); !kept.ok()) {
      Log(LogLevel::kWarning, path + ": reading back what changed: " + kept.message() +
                                  "; the next filter reads all records");
      fields_.reset();
    }
  }
  if (index_) {
    for (const ItemId id : change.forgotten) index_->Remove(seq, id);
    for (const auto& [id, half] : change.new_vectors) index_->AddNew(seq, id, half);
    for (const auto& [id, half] : change.vectors) index_->Add(seq, id, half);
    index_->Publish(seq);
  }
  RefreshStateLocked();
  if (options.background_build) words->Wake();
  if ((touches_index && index_->NeedsMaintenance()) || (fields_ && fields_->NeedsMerge())) {
    WakeBackground();
  }
  return Status::Ok();
}

}  // namespace espy
