// The table of fields: made once from the records, then kept up by every commit.
#include <algorithm>

#include "base/logging.h"
#include "base/status_macros.h"
#include "engine/library_impl.h"

namespace espy {

Status Library::Impl::OpenFields() {
  std::lock_guard making(fields_mutex_);
  {
    std::lock_guard lock(write_mutex_);
    if (behind_) ESPY_RETURN_IF_ERROR(CatchUpLocked());
    if (fields_) return Status::Ok();
  }
  // Commits go on meanwhile; what they change is taken up after.
  const std::shared_ptr<const storage::Snapshot> snapshot = store->TakeSnapshot();
  auto block = std::make_shared<fields::Block>();
  ESPY_RETURN_IF_ERROR(store->ScanItems(
      [&](const Record& record) {
        block->Add(record);
        return true;
      },
      snapshot.get()));
  block->Finish();
  auto table = std::make_shared<fields::Table>(std::move(block));

  std::lock_guard lock(write_mutex_);
  const std::shared_ptr<const storage::Snapshot> now = store->TakeSnapshot();
  std::vector<ItemId> changed;
  ESPY_RETURN_IF_ERROR(store->ScanLog(
      store->SeqOf(*snapshot),
      [&](const storage::LogEntry& entry) {
        changed.push_back(entry.item);
        return true;
      },
      now.get()));
  ESPY_RETURN_IF_ERROR(UpdateFieldsLocked(table.get(), std::move(changed), now.get()));
  fields_ = std::move(table);
  RefreshStateLocked();
  return Status::Ok();
}

Status Library::Impl::UpdateFieldsLocked(fields::Table* table, std::vector<ItemId> ids,
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
