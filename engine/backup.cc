// backup and restore: generations of a library in a folder, and a library made of one again.
#include "espy/backup.h"

#include <filesystem>
#include <system_error>

#include "base/env.h"
#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"
#include "storage/backup.h"
#include "storage/library_files.h"

namespace espy {
namespace {

namespace fs = std::filesystem;

// A name beside `path` that a rename reaches, whatever its last character is.
std::string Beside(const std::string& path, const std::string& what) {
  return path + "." + what + std::to_string(Env::Default()->RandomSeed() & 0xffffff);
}

Status Remove(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  return error ? IoStatus(path, error.value()) : Status::Ok();
}

Status Rename(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  return error ? IoStatus(to, error.value()) : Status::Ok();
}

}  // namespace

Result<BackupReport> Library::Backup(const BackupOptions& options, const ProgressFn& progress,
                                     std::stop_token stop) try {
  if (options.directory.empty()) {
    return Status::InvalidArgument("backup: names no directory to back up into");
  }
  BackupOptions absolute = options;
  absolute.directory = AbsolutePath(options.directory);
  if ((absolute.directory + "/").starts_with(impl_->path + "/")) {
    return Status::InvalidArgument(options.directory +
                                   ": lies in the library itself; name a directory outside it, "
                                   "better on another disk");
  }
  return impl_->store->Backup(absolute, progress, stop);
} catch (const std::bad_alloc&) {
  return OutOfMemory("backup");
}

Result<std::vector<BackupGeneration>> ListBackups(const std::string& directory) {
  return storage::ListBackups(AbsolutePath(directory));
}

Status VerifyBackup(const std::string& directory, std::uint32_t generation) {
  return storage::VerifyBackup(AbsolutePath(directory), generation);
}

Result<BackupGeneration> RestoreBackup(const RestoreOptions& options, std::stop_token stop) {
  if (options.library.empty()) {
    return Status::InvalidArgument("restore: names no library to make");
  }
  const std::string library = AbsolutePath(options.library);
  ESPY_ASSIGN_OR_RETURN(const storage::LibraryState state, storage::InspectLibrary(library));
  std::unique_ptr<storage::LibraryLock> lock;
  if (state == storage::LibraryState::kPresent) {
    if (!options.overwrite) {
      return Status::InvalidArgument(options.library +
                                     ": a library is there already; name a new directory, or give "
                                     "--overwrite to replace it");
    }
    ESPY_ASSIGN_OR_RETURN(lock, storage::LibraryLock::Take(library));
  }
  const std::string fresh = Beside(library, "restoring-");
  const Result<BackupGeneration> generation =
      storage::RestoreInto(AbsolutePath(options.directory), options.generation, fresh);
  if (!generation.ok() || stop.stop_requested()) {
    ESPY_RETURN_IF_ERROR(Remove(fresh));
    if (!generation.ok()) return generation;
    return Status::Cancelled("restore: stopped; nothing was changed");
  }
  const std::string old = Beside(library, "replaced-");
  if (state != storage::LibraryState::kAbsent) ESPY_RETURN_IF_ERROR(Rename(library, old));
  if (const Status renamed = Rename(fresh, library); !renamed.ok()) {
    if (state != storage::LibraryState::kAbsent) ESPY_RETURN_IF_ERROR(Rename(old, library));
    return renamed;
  }
  ESPY_RETURN_IF_ERROR(SyncDirectory(fs::path(library).parent_path().string()));
  if (state != storage::LibraryState::kAbsent) ESPY_RETURN_IF_ERROR(Remove(old));
  return generation;
}

}  // namespace espy
