#include "engine/hub/cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/hub_cache.h"

namespace espy::hub {
namespace {

namespace fs = std::filesystem;

Status MakeFolders(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  return error ? IoStatus(path, error.value()) : Status::Ok();
}

}  // namespace

RepositoryCache::RepositoryCache(std::string cache, const std::string& repository)
    : cache_(AbsolutePath(cache)),
      folder_(cache_ + "/" + encoders::HubFolder(repository)),
      locks_(cache_ + "/.locks/" + encoders::HubFolder(repository)) {}

std::string RepositoryCache::Blob(const std::string& hash) const {
  return folder_ + "/blobs/" + hash;
}
std::string RepositoryCache::Incomplete(const std::string& hash) const {
  return Blob(hash) + ".incomplete";
}
std::string RepositoryCache::Snapshot(const std::string& commit) const {
  return folder_ + "/snapshots/" + commit;
}

Status RepositoryCache::Prepare() const {
  ESPY_RETURN_IF_ERROR(MakeFolders(folder_ + "/blobs"));
  return MakeFolders(locks_);
}

Status RepositoryCache::Link(const std::string& commit, const std::string& file,
                             const std::string& hash) const {
  const std::string folder = Snapshot(commit);
  ESPY_RETURN_IF_ERROR(MakeFolders(folder));
  const std::string path = folder + "/" + file;
  const std::string target = "../../blobs/" + hash;
  std::error_code error;
  if (fs::read_symlink(path, error) == target) return Status::Ok();
  // Made beside its place and renamed into it, so that the name is never without a file.
  const std::string made = folder + "/." + file + "." + std::to_string(::getpid()) + ".tmp";
  fs::remove(made, error);
  if (::symlink(target.c_str(), made.c_str()) != 0) {
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return IoStatus(path, errno);
    fs::rename(Blob(hash), path, error);
    return error ? IoStatus(path, error.value()) : SyncDirectory(folder);
  }
  if (::rename(made.c_str(), path.c_str()) != 0) {
    const int failed = errno;
    fs::remove(made, error);
    return IoStatus(path, failed);
  }
  return SyncDirectory(folder);
}

Status RepositoryCache::SetRef(const std::string& revision, const std::string& commit) const {
  if (revision == commit) return Status::Ok();
  const fs::path path = folder_ + "/refs/" + revision;
  ESPY_RETURN_IF_ERROR(MakeFolders(path.parent_path().string()));
  const Result<std::string> now = Env::Default()->ReadFile(path.string(), 256);
  if (now.ok() && *now == commit) return Status::Ok();
  return Env::Default()->WriteFileAtomically(path.string(), commit);
}

Result<std::uint64_t> RepositoryCache::FreeBytes() const {
  std::string path = cache_;
  struct statvfs facts {};
  while (::statvfs(path.c_str(), &facts) != 0) {
    if (errno != ENOENT || path == "/" || path.empty()) return IoStatus(path, errno);
    path = fs::path(path).parent_path().string();
  }
  return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

Result<std::unique_ptr<BlobLock>> BlobLock::Take(const RepositoryCache& cache,
                                                 const std::string& hash, std::stop_token stop) {
  const std::string path = cache.locks_ + "/" + hash + ".lock";
  for (;;) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0664);
    if (fd < 0) return IoStatus(path, errno);
    std::unique_ptr<BlobLock> lock(new BlobLock(fd));
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
      struct stat facts {};
      if (::fstat(fd, &facts) == 0 && facts.st_nlink > 0) return lock;
      continue;  // removed by its former holder: the name means another file now
    }
    // A file system without locks: two that write the same blob then only fetch it twice.
    if (errno == ENOSYS || errno == EOPNOTSUPP) return lock;
    if (errno != EWOULDBLOCK && errno != EINTR) return IoStatus(path, errno);
    if (stop.stop_requested()) return Status::Cancelled(path + ": stopped while waiting for it");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

BlobLock::~BlobLock() { ::close(fd_); }

}  // namespace espy::hub
