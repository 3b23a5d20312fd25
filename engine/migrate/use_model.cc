// model use, rollback, drop: the verbs of spaces.
#include <algorithm>

#include "base/status_macros.h"
#include "encoders/model_store.h"
#include "engine/feeds.h"
#include "engine/library_impl.h"
#include "engine/migrate/migration.h"
#include "engine/out_of_memory.h"

namespace espy {
namespace {

Status CheckMigration(const MigrationOptions& options) {
  if (options.jobs < 0 || options.jobs > 1024 || options.batch_size < 0 ||
      options.batch_size > 4096) {
    return Status::InvalidArgument("model use: --jobs must be 0 to 1024 and the batch 0 to 4096");
  }
  return Status::Ok();
}

Status Busy(const std::string& path) {
  return Status::Unavailable(path +
                             ": a migration is under way; wait for it, or stop it, then try again");
}

}  // namespace

// The space of the model, made if need be; by the model's files when they are here, else by the
// name of a space.
Result<storage::SpaceRow> Library::Impl::SpaceForModel(const std::string& model) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> rows, store->Spaces());
  const auto directory = encoders::ResolveModel(model);
  if (!directory.ok()) {
    const auto named = FindSpaceRow(model);
    if (!named.ok()) return directory.status();
    return named;
  }
  ESPY_ASSIGN_OR_RETURN(const auto info, encoders::DescribeEncoder(*directory));
  for (const storage::SpaceRow& row : rows) {
    if (row.space_id == info.space_id) return row;
  }
  storage::SpaceRow row;
  row.model = info.name;
  row.space_id = info.space_id;
  row.directory = *directory;
  row.dimension = info.dimension;
  row.fp32 = options.vectors == kFp32Vectors;
  if (options.vectors.empty() && !rows.empty()) {
    ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow current, Space());
    row.fp32 = current.fp32;
  }
  row.role = rows.empty() ? storage::SpaceRole::kKept : storage::SpaceRole::kFilling;
  return row;  // without a number: it is new
}

// One migration at a time, in the library as in this process. From here on new pictures get their
// vector in the target too.
Result<std::shared_ptr<OpenSpace>> Library::Impl::BeginMigration(storage::SpaceRow target) {
  std::lock_guard lock(write_mutex_);
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::SpaceRow> rows, store->Spaces());
  const auto current = store->CurrentSpace();
  for (const storage::SpaceRow& row : rows) {
    if (row.role != storage::SpaceRole::kFilling || row.number == target.number ||
        (current.ok() && row.number == *current)) {
      continue;
    }
    return Status::InvalidArgument(path + ": a migration to " + NameOf(row) +
                                   " is under way; go on with it (espy model use " + row.model +
                                   ") or give it up (espy model drop " + row.model + ") first");
  }
  if (target.number == 0) {
    ESPY_ASSIGN_OR_RETURN(target, store->AddSpace(target));
  } else if (!current.ok() || target.number != *current) {
    ESPY_RETURN_IF_ERROR(store->SetSpaceRole(target.number, storage::SpaceRole::kFilling));
  }
  const std::shared_ptr<OpenSpace> space = Opened(target);
  // The index learns of each vector as it is committed.
  ESPY_RETURN_IF_ERROR(OpenIndexLocked(space.get()));
  return space;
}

Status Library::Impl::SwitchLocked(const OpenSpace& target, storage::SpaceRole role_of_previous) {
  ESPY_RETURN_IF_ERROR(store->SwitchSpace(target.row.number, role_of_previous));
  {
    std::lock_guard lock(space_mutex_);
    current_ = target.row.number;
  }
  RefreshStateLocked();
  return Status::Ok();
}

void Library::Impl::CloseIndex(OpenSpace* space) {
  const BackgroundPause pause(this);
  std::lock_guard lock(write_mutex_);
  if (const auto current = Current(); current.ok() && current->get() == space) return;
  CloseIndexLocked(space);
}

Result<MigrationReport> Library::Impl::Migrate(const std::function<Result<storage::SpaceRow>()>& to,
                                               const MigrationOptions& migration_options,
                                               const ProgressFn& progress, std::stop_token stop) {
  if (!migration_options.dry_run) ESPY_RETURN_IF_ERROR(RequireWritable());
  ESPY_RETURN_IF_ERROR(CheckMigration(migration_options));
  const std::unique_lock one(migration_mutex_, std::try_to_lock);
  if (!one.owns_lock()) return Busy(path);
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow target, to());
  if (migration_options.dry_run) {
    ESPY_ASSIGN_OR_RETURN(const migrate::Plan plan,
                          migrate::MakePlan(store.get(), target.number,
                                            /*better=*/!migration_options.from_thumbnails, {}));
    MigrationReport report;
    report.model = target.model;
    report.space_id = target.space_id;
    report.items = plan.items;
    report.embedded = plan.wanted.size();
    report.already = plan.items - plan.wanted.size();
    report.dry_run = true;
    return report;
  }
  ESPY_ASSIGN_OR_RETURN(const std::shared_ptr<OpenSpace> space, BeginMigration(target));
  const recall::Monitor::Activity activity(recall.get());
  migrate::Migration migration(this, migration_options, std::move(stop));
  ESPY_RETURN_IF_ERROR(migration.Run(space, progress));
  return migration.TakeReport();
}

Result<storage::SpaceRow> Library::Impl::PreviousSpaceRow() {
  const auto previous = store->PreviousSpace();
  if (previous.status().code() == StatusCode::kNotFound) {
    return Status::NotFound(path + ": no earlier model to go back to; espy info lists its spaces");
  }
  ESPY_RETURN_IF_ERROR(previous.status());
  return FindSpaceRow(std::to_string(*previous));
}

Result<MigrationReport> Library::UseModel(const std::string& model, const MigrationOptions& options,
                                          const ProgressFn& progress, std::stop_token stop) try {
  return impl_->Migrate([&] { return impl_->SpaceForModel(model); }, options, progress,
                        std::move(stop));
} catch (const std::bad_alloc&) {
  return OutOfMemory("usemodel");
}

Result<MigrationReport> Library::RollBack(const MigrationOptions& options,
                                          const ProgressFn& progress, std::stop_token stop) try {
  return impl_->Migrate([&] { return impl_->PreviousSpaceRow(); }, options, progress,
                        std::move(stop));
} catch (const std::bad_alloc&) {
  return OutOfMemory("rollback");
}

Result<DropReport> Library::DropSpace(const std::string& name) try {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  const std::unique_lock one(impl_->migration_mutex_, std::try_to_lock);
  if (!one.owns_lock()) return Busy(impl_->path);
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow row, impl_->FindSpaceRow(name));
  DropReport report;
  report.model = row.model;
  report.space_id = row.space_id;
  ESPY_ASSIGN_OR_RETURN(report.vectors, impl_->store->CountVectors(row.number));
  ESPY_ASSIGN_OR_RETURN(report.disk_bytes_before, impl_->store->DiskBytes());
  ESPY_RETURN_IF_ERROR(impl_->Drop(row));
  ESPY_RETURN_IF_ERROR(impl_->store->FreeDropped(row.number));
  ESPY_ASSIGN_OR_RETURN(report.disk_bytes_after, impl_->store->DiskBytes());
  return report;
} catch (const std::bad_alloc&) {
  return OutOfMemory("dropspace");
}

Status Library::Impl::Drop(const storage::SpaceRow& row) {
  const BackgroundPause pause(this);  // it may be building the very index
  std::lock_guard lock(write_mutex_);
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow current, Space());
  if (row.number == current.number) {
    return Status::InvalidArgument(path + ": " + NameOf(row) +
                                   " is what the library answers with; change to another model "
                                   "first (espy model use NAME)");
  }
  for (const Feeds* feeds : running_feeds) {
    if (feeds->Contains(row.number)) {
      return Status::Unavailable(path + ": an ingest is writing vectors of " + NameOf(row) +
                                 "; drop it when the ingest is done");
    }
  }
  ESPY_RETURN_IF_ERROR(store->DropSpace(row.number));
  {
    std::lock_guard space_lock(space_mutex_);
    open_spaces_.erase(row.number);
  }
  RefreshStateLocked();
  return Status::Ok();
}

}  // namespace espy
