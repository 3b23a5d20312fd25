// Views and commits: how a change becomes durable, then visible, in one step for every reader.
#include <cmath>

#include "base/check.h"
#include "base/half.h"
#include "base/logging.h"
#include "base/status_macros.h"
#include "engine/fp32_view.h"
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
  index_options.rows_stay =
      options.read_only && options.few_searches && index_options.device == nullptr;
  index_options.memory_budget = memory_budget_ / 2;
  index_options.keep_kind = options.index.empty();
  // Open has refused a name that is none.
  const Result<index::IndexKind> kind = index::ParseIndexKind(options.index);
  if (kind.ok()) index_options.kind = *kind;
  if (hooks.seal_rows > 0) index_options.seal_rows = hooks.seal_rows;
  if (hooks.index_rows > 0) index_options.index_rows = hooks.index_rows;
  return index_options;
}

Status Library::Impl::OpenIndex() {
  std::lock_guard lock(write_mutex_);
  ESPY_ASSIGN_OR_RETURN(const std::shared_ptr<OpenSpace> current, Current());
  return OpenIndexLocked(current.get());
}

Status Library::Impl::OpenIndexLocked(OpenSpace* space) {
  if (behind_) ESPY_RETURN_IF_ERROR(CatchUpLocked());
  if (space->index) return Status::Ok();
  // A reader beside a live writer sees the store as it was when the reader opened; its replay ends
  // there.
  const std::shared_ptr<const storage::Snapshot> snapshot = store->TakeSnapshot();
  auto opened =
      index::VectorIndex::Open(IndexOptionsFor(space->row), &space->segments, options.read_only);
  if (!opened.ok()) {
    return Status(opened.status().code(),
                  path + ": " + opened.status().message() +
                      "; nothing is lost: run `espy rebuild` to make the index again");
  }
  std::shared_ptr<index::VectorIndex> index = std::move(*opened);
  if (index->applied_seq() > 0 && index->applied_seq() + 1 < store->log_begin()) {
    return Status::Corruption(path + ": its index stands at change " +
                              std::to_string(index->applied_seq()) + ", and its log begins at " +
                              std::to_string(store->log_begin()) +
                              "; nothing is lost: run `espy rebuild` to make the index again");
  }
  ESPY_RETURN_IF_ERROR(ReplayLog(*space, index.get(), *snapshot, index->applied_seq()));
  if (const Status read = index->ReadRows(); !read.ok()) {
    return Status(read.code(), path + ": the index's vectors: " + read.message());
  }
  space->index = std::move(index);
  RefreshStateLocked();
  // What an earlier run left undone, or what has just been built for a migration.
  if (space->index->NeedsMaintenance() || space->index->NeedsConsolidation()) WakeBackground();
  return Status::Ok();
}

void Library::Impl::CloseIndexLocked(OpenSpace* space) {
  space->index.reset();
  RefreshStateLocked();
}

// Brings the index from its applied sequence number to the store's. A new index reads the vectors
// in one sweep, which is many times faster than looking up each row of the log.
Status Library::Impl::ReplayLog(const OpenSpace& space, index::VectorIndex* index,
                                const storage::Snapshot& snapshot, std::uint64_t applied) {
  const storage::SpaceNumber number = space.row.number;
  const std::uint64_t seq = store->SeqOf(snapshot);
  if (applied == 0) {
    ESPY_RETURN_IF_ERROR(store->ScanVectors(
        number,
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
        } else if (entry.kind == storage::ChangeKind::kPutVector && entry.space == number) {
          Status read = store->GetVector(number, entry.item, &half, &snapshot);
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
  auto records = std::make_shared<ReadState>();
  records->snapshot = store->TakeSnapshot();
  if (fields_) records->fields = fields_->TakeView();
  std::map<storage::SpaceNumber, std::shared_ptr<const ReadState>> states;
  for (const std::shared_ptr<OpenSpace>& space : OpenSpaces()) {
    if (!space->index) continue;
    auto state = std::make_shared<ReadState>(*records);
    state->space = space;
    state->view = space->index->TakeView();
    if (space->row.fp32) {
      state->view =
          std::make_shared<const Fp32View>(state->view, space->row, store.get(), records->snapshot);
    }
    states.emplace(space->row.number, std::move(state));
  }
  std::shared_ptr<const ReadState> state = std::move(records);
  std::lock_guard lock(state_mutex_);
  states_.swap(states);  // the old ones are let go after the lock
  state_.swap(state);
}

Result<std::shared_ptr<const ReadState>> Library::Impl::SearchState(const std::string& name) {
  ESPY_ASSIGN_OR_RETURN(const std::shared_ptr<OpenSpace> space, SpaceNamed(name));
  {
    std::lock_guard lock(state_mutex_);
    const auto found = states_.find(space->row.number);
    if (found != states_.end() && !behind_) return found->second;
  }
  std::lock_guard lock(write_mutex_);
  ESPY_RETURN_IF_ERROR(OpenIndexLocked(space.get()));
  const auto shown = [&] {
    std::lock_guard state_lock(state_mutex_);
    return states_.contains(space->row.number);
  };
  if (!shown()) RefreshStateLocked();  // memory had not sufficed to show it when it was opened
  std::lock_guard state_lock(state_mutex_);
  const auto found = states_.find(space->row.number);
  if (found != states_.end()) return found->second;
  return Status::NotFound(NameOf(space->row) + ": was dropped from " + path + " just now");
}

std::shared_ptr<const storage::Snapshot> Library::Impl::RecordSnapshot() {
  {
    std::lock_guard lock(state_mutex_);
    if (state_ && !behind_) return state_->snapshot;
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
  // The current space's index takes part from the first change on, so that it is sealed and merged
  // as it grows. Others that are not open read the log when they are opened.
  if (touches_index || behind_) {
    ESPY_ASSIGN_OR_RETURN(const std::shared_ptr<OpenSpace> current, Current());
    ESPY_RETURN_IF_ERROR(OpenIndexLocked(current.get()));
  }
  std::vector<ItemId> touched;
  if (fields_) {
    for (const storage::LogEntry& entry : change.transaction.log()) {
      if (entry.item != kNoItem) touched.push_back(entry.item);
    }
  }
  ESPY_ASSIGN_OR_RETURN(const std::uint64_t seq, store->Commit(std::move(change.transaction)));
  try {
    ShowLocked(change, seq, std::move(touched));
  } catch (const std::bad_alloc&) {
    // The change is made. What memory did not suffice for is made up for before the library is next
    // asked or changed.
    fields_.reset();
    behind_ = true;
  }
  return Status::Ok();
}

void Library::Impl::ShowLocked(const Change& change, std::uint64_t seq,
                               std::vector<ItemId> touched) {
  if (fields_) {
    // The change is made, whatever comes of this: a table that cannot follow is made anew.
    if (Status kept = UpdateFields(fields_.get(), std::move(touched), nullptr); !kept.ok()) {
      Log(LogLevel::kWarning, path + ": reading back what changed: " + kept.message() +
                                  "; the next filter reads all records");
      fields_.reset();
    }
  }
  lull_.Changed();
  const bool touches_index =
      !change.vectors.empty() || !change.new_vectors.empty() || !change.forgotten.empty();
  bool needs_maintenance = fields_ && fields_->NeedsMerge();
  for (const std::shared_ptr<OpenSpace>& space : OpenSpaces()) {
    if (!space->index) continue;
    for (const ItemId id : change.forgotten) space->index->Remove(seq, id);
    for (const Change::Vector& vector : change.new_vectors) {
      if (vector.space == space->row.number) space->index->AddNew(seq, vector.item, vector.half);
    }
    for (const Change::Vector& vector : change.vectors) {
      if (vector.space == space->row.number) space->index->Add(seq, vector.item, vector.half);
    }
    space->index->Publish(seq);
    needs_maintenance = needs_maintenance || (touches_index && space->index->NeedsMaintenance());
  }
  RefreshStateLocked();
  if (options.background_build) words->Wake();
  if (needs_maintenance) WakeBackground();
  WakeForFields();
}

// The changes of the log that indexes have not shown, after memory ran out while they took them in.
Status Library::Impl::CatchUpLocked() {
  const std::shared_ptr<const storage::Snapshot> snapshot = store->TakeSnapshot();
  for (const std::shared_ptr<OpenSpace>& space : OpenSpaces()) {
    if (!space->index) continue;
    ESPY_RETURN_IF_ERROR(
        ReplayLog(*space, space->index.get(), *snapshot, space->index->TakeView()->seq()));
  }
  RefreshStateLocked();
  behind_ = false;
  return Status::Ok();
}

}  // namespace espy
