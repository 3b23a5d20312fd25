// What the phrases asked of a space go through: one row of `meta` a space.
#include <rocksdb/write_batch.h>

#include "base/status_macros.h"
#include "storage/keys.h"
#include "storage/rocks_store.h"
#include "storage/rows.h"

namespace espy::storage {

Result<AdapterRow> RocksStore::GetAdapter(SpaceNumber space) {
  rocksdb::PinnableSlice value;
  const std::string what = "adapter of space " + std::to_string(space);
  ESPY_RETURN_IF_ERROR(db_->Get(kMeta, AdapterKey(space), nullptr, what, &value));
  Result<AdapterRow> row = ParseAdapter(value.ToStringView());
  if (!row.ok()) {
    return Status(row.status().code(), directory_ + ": " + what + ": " + row.status().message() +
                                           "; train it anew with `espy train adapter`");
  }
  return row;
}

Status RocksStore::PutAdapter(SpaceNumber space, const AdapterRow& row) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  std::lock_guard lock(spaces_mutex_);
  ESPY_RETURN_IF_ERROR(SpaceAt(space).status());
  rocksdb::WriteBatch batch;
  ESPY_RETURN_IF_ERROR(
      db_->ToStatus(batch.Put(db_->handle(kMeta), AdapterKey(space), EncodeAdapter(row))));
  return Write(&batch, options_.sync);
}

Status RocksStore::DeleteAdapter(SpaceNumber space) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  std::lock_guard lock(spaces_mutex_);
  rocksdb::WriteBatch batch;
  ESPY_RETURN_IF_ERROR(db_->ToStatus(batch.Delete(db_->handle(kMeta), AdapterKey(space))));
  return Write(&batch, options_.sync);
}

}  // namespace espy::storage
