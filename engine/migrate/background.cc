// A migration beside the searches of an open library, on a thread of its own.
#include <chrono>

#include "base/logging.h"
#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"

namespace espy {

Status Library::StartUseModel(const std::string& model, const MigrationOptions& options) try {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  return impl_->StartMigration(
      [this, model, options](const ProgressFn& progress, std::stop_token stop) {
        MigrationOptions quiet = options;
        if (quiet.jobs == 0) quiet.jobs = 1;
        return UseModel(model, quiet, progress, std::move(stop));
      });
} catch (const std::bad_alloc&) {
  return OutOfMemory("startusemodel");
}

Status Library::Impl::StartMigration(
    std::function<Result<MigrationReport>(const ProgressFn&, std::stop_token)> run) {
  std::lock_guard lock(migrating_mutex_);
  if (migrating_) {
    return Status::Unavailable(path + ": a migration is under way; wait for it, or stop it, first");
  }
  if (migration_thread_.joinable()) migration_thread_.join();
  migrating_ = true;
  migration_result_.reset();
  migration_thread_ = std::jthread([this, run = std::move(run)](const std::stop_token& stop) {
    const auto progress = [this](const Progress& now) {
      std::lock_guard progress_lock(migrating_mutex_);
      migration_progress_ = now;
    };
    Result<MigrationReport> report = run(progress, stop);
    if (!report.ok()) Log(LogLevel::kWarning, "migration: " + report.status().message());
    std::lock_guard done_lock(migrating_mutex_);
    migration_result_.emplace(std::move(report));
    migrating_ = false;
    migrating_changed_.notify_all();
  });
  return Status::Ok();
}

void Library::Impl::StopMigration() {
  std::lock_guard lock(migrating_mutex_);
  migration_thread_.request_stop();
}

Result<MigrationReport> Library::WaitForMigration(const ProgressFn& progress,
                                                  std::stop_token stop) try {
  return impl_->WaitForMigration(progress, stop);
} catch (const std::bad_alloc&) {
  return OutOfMemory("waitformigration");
}

void Library::StopMigration() { impl_->StopMigration(); }

Result<MigrationReport> Library::Impl::WaitForMigration(const ProgressFn& progress,
                                                        const std::stop_token& stop) {
  std::unique_lock lock(migrating_mutex_);
  const auto done = [this] { return !migrating_; };
  while (!migrating_changed_.wait_for(lock, stop, std::chrono::milliseconds(200), done)) {
    if (stop.stop_requested()) {
      return Status::Cancelled(path + ": no longer waiting; the migration goes on");
    }
    if (!progress) continue;
    const Progress now = migration_progress_;
    lock.unlock();
    progress(now);
    lock.lock();
  }
  if (!migration_result_) {
    return Status::NotFound(path + ": no migration was started since the library was opened");
  }
  return *migration_result_;
}

}  // namespace espy
