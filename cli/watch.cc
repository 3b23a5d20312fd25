#include "cli/watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace espy::cli {
namespace {

constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM |
                                  IN_DELETE | IN_DELETE_SELF | IN_ATTRIB | IN_ONLYDIR;
constexpr int kQuietMs = 500;
constexpr std::chrono::seconds kLongestBurst(10);

Status WatchError(const std::string& folder, int error) {
  if (error == ENOSPC) {
    return Status::ResourceExhausted(
        folder +
        ": the system gives no more watches; raise fs.inotify.max_user_watches with sysctl");
  }
  return Status::IoError(folder + ": " + std::strerror(error) + "; check the folder");
}

}  // namespace

Result<std::unique_ptr<FolderWatch>> FolderWatch::Create(const std::vector<std::string>& roots,
                                                         const std::string& library) {
  std::unique_ptr<FolderWatch> watch(new FolderWatch);
  watch->inotify_fd_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  watch->stop_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (watch->inotify_fd_ < 0 || watch->stop_fd_ < 0) return WatchError("--watch", errno);
  struct stat facts {};
  if (::stat(library.c_str(), &facts) == 0) {
    watch->library_device_ = facts.st_dev;
    watch->library_inode_ = facts.st_ino;
  }
  for (const std::string& root : roots) {
    std::error_code ignored;
    std::filesystem::path folder(root);
    if (!std::filesystem::is_directory(folder, ignored)) folder = folder.parent_path();
    watch->roots_.push_back(folder.empty() ? "." : folder.string());
  }
  for (const std::string& root : watch->roots_) {
    if (Status status = watch->Add(root); !status.ok()) return status;
  }
  return watch;
}

FolderWatch::~FolderWatch() {
  if (inotify_fd_ >= 0) ::close(inotify_fd_);
  if (stop_fd_ >= 0) ::close(stop_fd_);
}

Status FolderWatch::Add(const std::string& folder) {
  std::vector<std::string> left = {folder};
  while (!left.empty()) {
    const std::string here = std::move(left.back());
    left.pop_back();
    struct stat facts {};
    if (::stat(here.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode)) continue;  // gone again
    if (facts.st_dev == library_device_ && facts.st_ino == library_inode_) continue;
    const int id = ::inotify_add_watch(inotify_fd_, here.c_str(), kEvents);
    if (id < 0) {
      if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) continue;
      return WatchError(here, errno);
    }
    // The same folder by another way (a link, a loop) has the same watch: what is below it is
    // watched already.
    if (!folders_.try_emplace(id, here).second) continue;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(here, error), end; !error && entry != end;
         entry.increment(error)) {
      std::error_code ignored;
      // Ingest enters no hidden folder, and so not the library's own either.
      if (entry->is_directory(ignored) && entry->path().filename().native().front() != '.') {
        left.push_back(entry->path().string());
      }
    }
  }
  return Status::Ok();
}

Status FolderWatch::ReadEvents(bool* changed) {
  alignas(inotify_event) std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t size = ::read(inotify_fd_, buffer.data(), buffer.size());
    if (size <= 0) return Status::Ok();  // all read
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      const std::string_view name(event.len > 0 ? buffer.data() + at + sizeof(event) : "");
      at += static_cast<ssize_t>(sizeof(event) + event.len);
      if ((event.mask & IN_IGNORED) != 0) {
        folders_.erase(event.wd);
        continue;
      }
      if (name.substr(0, 1) == ".") continue;
      *changed = true;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {  // events were lost: look at everything again
        folders_.clear();
        for (const std::string& root : roots_) {
          if (Status status = Add(root); !status.ok()) return status;
        }
      } else if ((event.mask & IN_ISDIR) != 0 && (event.mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
        const auto parent = folders_.find(event.wd);
        if (parent == folders_.end()) continue;
        const std::string folder = parent->second + "/" + std::string(name);
        if (Status status = Add(folder); !status.ok()) return status;
      }
    }
  }
}

bool FolderWatch::Poll(int timeout_ms) {
  std::array<pollfd, 2> files = {pollfd{inotify_fd_, POLLIN, 0}, pollfd{stop_fd_, POLLIN, 0}};
  int ready = 0;
  do {
    ready = ::poll(files.data(), files.size(), timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

Result<bool> FolderWatch::WaitForChange(std::stop_token stop) {
  const int stop_fd = stop_fd_;
  std::stop_callback wake(stop, [stop_fd] {
    const std::uint64_t one = 1;
    (void)!::write(stop_fd, &one, sizeof(one));
  });
  bool changed = false;
  while (!changed) {
    Poll(-1);
    if (stop.stop_requested()) return false;
    if (Status status = ReadEvents(&changed); !status.ok()) return status;
  }
  const auto deadline = std::chrono::steady_clock::now() + kLongestBurst;
  while (Poll(kQuietMs) && std::chrono::steady_clock::now() < deadline) {
    if (stop.stop_requested()) return false;
    if (Status status = ReadEvents(&changed); !status.ok()) return status;
  }
  return !stop.stop_requested();
}

}  // namespace espy::cli
