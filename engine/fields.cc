// The table of fields: made once from the records, then kept up by every commit.
#include <algorithm>

#include "base/logging.h"
#include "base/status_macros.h"
#include "engine/library_impl.h"

namespace espy {
namespace {

// A library of fewer items is read through in the time in which a person sees nothing.
constexpr std::uint64_t kFewChanges = 4096;
// Columns are stored again once one in so many items has changed and the library rests; while it
// does not, once as many have changed as there are, which doubles the work of the last time.
constexpr std::uint64_t kQuietShare = 32;
constexpr std::uint64_t kBusyFactor = 16;
constexpr std::uint64_t kBytesAnItem = 256;  // of a table in memory, at least

}  // namespace

// Of what is stored, brought up to a snapshot; or of all records, where that is quicker or nothing
// is stored.
Result<FieldsAt> Library::Impl::MakeFields(const std::stop_token& stop) {
  FieldsAt made = stored_fields->Load();
  const std::shared_ptr<const storage::Snapshot> snapshot = store->TakeSnapshot();
  const std::uint64_t now = store->SeqOf(*snapshot);
  if (made.table && made.seq <= now && made.seq + 1 >= store->log_begin() &&
      now - made.seq <= stored_fields->items() / 2 + kFewChanges) {
    ESPY_RETURN_IF_ERROR(CatchUpFields(made.table.get(), made.seq, *snapshot));
    return FieldsAt{std::move(made.table), now};
  }
  auto block = std::make_shared<fields::Block>();
  ESPY_RETURN_IF_ERROR(store->ScanItems(
      [&](const Record& record) {
        block->Add(record);
        return !stop.stop_requested();
      },
      snapshot.get()));
  if (stop.stop_requested()) return Status::Cancelled("columns: stopped");
  block->Finish();
  return FieldsAt{std::make_shared<fields::Table>(std::move(block)), now};
}

// What the log says that changed after `seq`.
Status Library::Impl::CatchUpFields(fields::Table* table, std::uint64_t seq,
                                    const storage::Snapshot& snapshot) {
  std::vector<ItemId> changed;
  ESPY_RETURN_IF_ERROR(store->ScanLog(
      seq,
      [&](const storage::LogEntry& entry) {
        changed.push_back(entry.item);
        return true;
      },
      &snapshot));
  return UpdateFields(table, std::move(changed), &snapshot);
}

Status Library::Impl::OpenFields() {
  std::lock_guard making(fields_mutex_);
  {
    std::lock_guard lock(write_mutex_);
    if (behind_) ESPY_RETURN_IF_ERROR(CatchUpLocked());
    if (fields_) return Status::Ok();
  }
  // Commits go on meanwhile; what they change is taken up after.
  ESPY_ASSIGN_OR_RETURN(const FieldsAt made, MakeFields({}));
  std::lock_guard lock(write_mutex_);
  ESPY_RETURN_IF_ERROR(CatchUpFields(made.table.get(), made.seq, *store->TakeSnapshot()));
  fields_ = made.table;
  RefreshStateLocked();
  WakeForFields();
  return Status::Ok();
}

// Reading many records one by one takes about as long as reading all of them in order, twice as
// many.
bool Library::Impl::FieldsAreDue(bool quiet) {
  if (options.read_only) return false;
  if (hooks.columns_changes > 0) return stored_fields->Behind() >= hooks.columns_changes;
  const std::uint64_t items = stored_fields->items();
  const std::uint64_t least = quiet ? std::max(kFewChanges, items / kQuietShare)
                                    : std::max(kFewChanges * kBusyFactor, items);
  return stored_fields->Behind() >= least;
}

void Library::Impl::WakeForFields() {
  if (!FieldsAreDue(/*quiet=*/true) || rest_waiting_.exchange(true)) return;
  WakeBackground();
}

Status Library::Impl::StoreFields(const std::stop_token& stop) {
  std::shared_ptr<const fields::View> view;
  std::uint64_t seq = 0;
  {
    std::lock_guard lock(write_mutex_);
    if (behind_) return Status::Ok();  // the next question mends that, and the next change asks
    if (fields_) {
      view = fields_->TakeView();
      seq = store->last_seq();
    }
  }
  if (!view) {
    // Nobody has asked a filter: a table for as long as this takes, where there is room for it.
    if (memory_budget_ > 0 && store->last_seq() * kBytesAnItem > memory_budget_ / 4) {
      return Status::Ok();
    }
    ESPY_ASSIGN_OR_RETURN(const FieldsAt made, MakeFields(stop));
    made.table->Merge(stop);
    made.table->Publish();
    view = made.table->TakeView();
    seq = made.seq;
  }
  const Status saved = stored_fields->Save(*view, seq, stop);
  if (!saved.ok() && saved.code() != StatusCode::kCancelled) {
    Log(LogLevel::kInfo, path + ": keeping columns for filters: " + saved.message() +
                             "; the first filter of a process reads the records instead");
    return Status::Ok();
  }
  return saved;
}

// Closing takes no longer than in proportion to what was done since opening.
void Library::Impl::StoreFieldsAtClose() try {
  if (!options.background_build || !FieldsAreDue(/*quiet=*/true)) return;
  if (!fields_ && (store->last_seq() - opened_seq_) * 2 < stored_fields->Behind()) return;
  [[maybe_unused]] const Status ignored = StoreFields({});  // it was logged
} catch (const std::bad_alloc&) {
  // The next opening reads the records instead. This runs in a destructor.
}

Status Library::Impl::ForgetFields() {
  const BackgroundPause pause(this);
  std::lock_guard making(fields_mutex_);
  std::lock_guard lock(write_mutex_);
  ESPY_RETURN_IF_ERROR(stored_fields->Clear());
  fields_.reset();
  RefreshStateLocked();
  return Status::Ok();
}

Status Library::Impl::UpdateFields(fields::Table* table, std::vector<ItemId> ids,
                                   const storage::Snapshot* snapshot) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const ItemId id : ids) {
    auto record = store->GetItem(id, snapshot);
    if (record.ok()) {
      table->Put(std::move(*record));
    } else if (record.status().code() == StatusCode::kNotFound) {
      table->Remove(id);
    } else {
      return record.status();
    }
  }
  table->Publish();
  return Status::Ok();
}

Result<std::shared_ptr<const ReadState>> Library::Impl::FilterState() {
  for (;;) {
    {
      std::lock_guard lock(state_mutex_);
      if (state_ && state_->fields && !behind_) return state_;
    }
    ESPY_RETURN_IF_ERROR(OpenFields());
  }
}

}  // namespace espy
