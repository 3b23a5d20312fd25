#include "base/env.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <random>
#include <system_error>

namespace espy {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Status WriteAll(int fd, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoStatus(path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return Status::Ok();
}

std::string DirectoryOf(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

FileFacts FactsOf(const struct stat& st) {
  FileFacts facts;
  facts.kind = S_ISREG(st.st_mode)   ? FileFacts::Kind::kFile
               : S_ISDIR(st.st_mode) ? FileFacts::Kind::kDirectory
                                     : FileFacts::Kind::kOther;
  facts.size = static_cast<std::uint64_t>(st.st_size);
  facts.modified_ns = st.st_mtim.tv_sec * std::int64_t{1'000'000'000} + st.st_mtim.tv_nsec;
  facts.device = st.st_dev;
  facts.inode = st.st_ino;
  facts.owner = st.st_uid;
  facts.others_may_write = (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  return facts;
}

std::string ErrnoMessage(int error) { return std::generic_category().message(error); }

Status IoStatus(const std::string& path, int error) {
  std::string message = path + ": " + ErrnoMessage(error);
  if (error == ENOENT || error == ENOTDIR) return Status::NotFound(std::move(message));
  return Status::IoError(std::move(message));
}

Status SyncDirectory(const std::string& path) {
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) return IoStatus(path, errno);
  return Status::Ok();
}

Result<std::string> Env::ReadFile(const std::string& path, std::uint64_t max_bytes) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return IoStatus(path, errno);
  struct stat st {};
  if (::fstat(file.get(), &st) != 0) return IoStatus(path, errno);
  if (!S_ISREG(st.st_mode)) return Status::InvalidArgument(path + ": not a regular file");
  const auto too_long = [&](std::uint64_t size) {
    return Status::ResourceExhausted(path + ": " + std::to_string(size) +
                                     " bytes, more than the limit of " + std::to_string(max_bytes));
  };
  const auto size = static_cast<std::uint64_t>(st.st_size);
  if (size > max_bytes) return too_long(size);
  std::string bytes(size, '\0');
  std::size_t filled = 0;
  for (;;) {
    if (filled == bytes.size()) {  // one byte more tells whether the file has grown meanwhile
      if (filled >= max_bytes) break;
      bytes.resize(filled + 1);
    }
    const ssize_t n = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoStatus(path, errno);
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
    if (filled == bytes.size() && filled > size) bytes.resize(std::min(max_bytes, 2 * filled));
  }
  bytes.resize(filled);
  return bytes;
}

Result<FileFacts> Env::Stat(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return IoStatus(path, errno);
  return FactsOf(st);
}

Result<std::vector<std::string>> Env::ListDirectory(const std::string& path) {
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) return IoStatus(path, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory)) {
    std::string name(entry->d_name);
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  const int error = errno;
  ::closedir(directory);
  if (error != 0) return IoStatus(path, error);
  std::sort(names.begin(), names.end());
  return names;
}

Status Env::WriteFileAtomically(const std::string& path, std::string_view bytes) {
  const std::string beside = path + ".new";
  {
    const Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) return IoStatus(beside, errno);
    Status written = WriteAll(file.get(), beside, bytes);
    if (written.ok() && ::fsync(file.get()) != 0) written = IoStatus(beside, errno);
    if (!written.ok()) {
      ::unlink(beside.c_str());
      return written;
    }
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return IoStatus(path, errno);
  return SyncDirectory(DirectoryOf(path));
}

Status Env::WriteFileExclusively(const std::string& path,
                                 std::span<const std::string_view> pieces) {
  const std::string beside = path + ".new";
  const Descriptor file(
      ::open(beside.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644));
  if (file.get() < 0) return IoStatus(beside, errno);
  const auto busy = [&] {
    return Status::Unavailable(path + ": another process is writing it; leave it to that one");
  };
  // The lock goes with the process, so that a killed writer keeps nobody out.
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? busy() : IoStatus(beside, errno);
  }
  // Between opening and locking, the writer before may have renamed the file into place.
  struct stat mine {
  }, named{};
  if (::fstat(file.get(), &mine) != 0) return IoStatus(beside, errno);
  if (::lstat(beside.c_str(), &named) != 0 || named.st_ino != mine.st_ino ||
      named.st_dev != mine.st_dev) {
    return busy();
  }
  if (!S_ISREG(mine.st_mode)) return Status::InvalidArgument(beside + ": not a regular file");
  Status written = ::ftruncate(file.get(), 0) == 0 ? Status::Ok() : IoStatus(beside, errno);
  for (const std::string_view piece : pieces) {
    if (written.ok()) written = WriteAll(file.get(), beside, piece);
  }
  if (written.ok() && ::fsync(file.get()) != 0) written = IoStatus(beside, errno);
  if (written.ok() && ::rename(beside.c_str(), path.c_str()) != 0) written = IoStatus(path, errno);
  if (!written.ok()) {
    ::unlink(beside.c_str());
    return written;
  }
  return SyncDirectory(DirectoryOf(path));
}

Result<std::uint64_t> Env::FreeBytes(const std::string& directory) {
  struct statvfs facts {};
  if (::statvfs(directory.c_str(), &facts) != 0) return IoStatus(directory, errno);
  return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

std::int64_t Env::NowUnixNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t Env::MonotonicNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::uint64_t Env::RandomSeed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

Env* Env::Default() {
  static Env env;
  return &env;
}

std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) absolute = path;
  std::string text = absolute.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

}  // namespace espy
