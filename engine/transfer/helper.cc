#include "engine/transfer/helper.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/status_macros.h"
#include "engine/transfer/record_json.h"

extern char** environ;

namespace espy::transfer {
namespace {

constexpr std::size_t kBufferBytes = 1u << 20;
constexpr std::size_t kMaxComplaintBytes = 2000;
constexpr int kNoPyarrow = 3;  // its exit code

Status CannotStart(const std::string& file, const std::string& program, int error) {
  if (error == ENOENT || error == EACCES) {
    return Status::Unsupported(
        file + ": Parquet goes through the program espy-parquet, and there is no '" + program +
        "'; it is installed beside espy: put it on the PATH, or name it in ESPY_PARQUET");
  }
  return Status::ResourceExhausted(file + ": starting '" + program + "': " + std::strerror(error) +
                                   "; run it again");
}

}  // namespace

Result<std::unique_ptr<Helper>> Helper::Start(Job job, const std::string& file) {
  const char* named = std::getenv("ESPY_PARQUET");
  const std::string program = named != nullptr && *named != '\0' ? named : "espy-parquet";
  // A socket, since writing to one whose reader is gone is an error and no signal.
  std::array<int, 2> in{}, out{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in.data()) != 0) {
    return CannotStart(file, program, errno);
  }
  if (::pipe2(out.data(), O_CLOEXEC) != 0) {
    const int error = errno;
    for (const int fd : in) ::close(fd);
    return CannotStart(file, program, error);
  }
  const int complaints = ::memfd_create("espy-parquet", MFD_CLOEXEC);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in[1], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  if (complaints >= 0) ::posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO);
  std::string verb = job == Job::kRead ? "read" : "write", name = program, path = file;
  const std::array<char*, 4> arguments = {name.data(), verb.data(), path.data(), nullptr};
  pid_t child = -1;
  const int error =
      ::posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(in[1]);
  ::close(out[1]);
  std::unique_ptr<Helper> helper(
      new Helper(file, error == 0 ? child : -1, in[0], out[0], complaints));
  if (error != 0) return CannotStart(file, program, error);
  if (job == Job::kRead) {
    ::close(helper->to_);
    helper->to_ = -1;
  }
  return helper;
}

Helper::~Helper() {
  if (to_ >= 0) ::close(to_);
  if (from_ >= 0) ::close(from_);
  if (child_ > 0) {
    ::kill(child_, SIGTERM);
    Wait();
  }
  if (complaints_ >= 0) ::close(complaints_);
}

int Helper::Wait() {
  int status = 0;
  while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
  return status;
}

// The last line that it said.
std::string Helper::Complaint() const {
  std::array<char, kMaxComplaintBytes> bytes{};
  const off_t size = complaints_ < 0 ? 0 : ::lseek(complaints_, 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(bytes.size()));
  const ssize_t n = size <= 0 ? 0 : ::pread(complaints_, bytes.data(), bytes.size(), from);
  std::string text(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

Status Helper::Failed() {
  if (to_ >= 0) ::close(to_);
  if (from_ >= 0) ::close(from_);
  to_ = from_ = -1;
  const int status = child_ > 0 ? Wait() : 0;
  const std::string complaint = Complaint();
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoPyarrow && !complaint.empty()) {
    return Status::Unsupported(file_ + ": " + complaint);
  }
  return Status::IoError(file_ + ": espy-parquet failed" +
                         (complaint.empty() ? "; run it again" : ": " + complaint));
}

Status Helper::Flush() {
  std::string_view left = held_;
  while (!left.empty()) {
    const ssize_t n = ::send(to_, left.data(), left.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed();
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  held_.clear();
  return Status::Ok();
}

Status Helper::Write(std::string_view bytes) {
  if (to_ < 0) return Failed();
  held_ += bytes;
  return held_.size() < kBufferBytes ? Status::Ok() : Flush();
}

Result<bool> Helper::ReadLine(std::string_view* line) {
  for (std::size_t seen = at_;;) {
    const std::size_t end = held_.find('\n', seen);
    if (end != std::string::npos) {
      *line = std::string_view(held_).substr(at_, end - at_);
      at_ = end + 1;
      return true;
    }
    if (held_.size() - at_ > kMaxLineBytes) {
      return Status::ResourceExhausted(file_ + ": a row is longer than 16 MiB; shorten it");
    }
    held_.erase(0, at_);
    at_ = 0;
    seen = held_.size();
    held_.resize(seen + kBufferBytes);
    ssize_t n = -1;
    do {
      n = ::read(from_, held_.data() + seen, kBufferBytes);
    } while (n < 0 && errno == EINTR);
    held_.resize(seen + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0) return Failed();
    if (n == 0) return false;
  }
}

Status Helper::Finish() {
  if (to_ >= 0) {
    ESPY_RETURN_IF_ERROR(Flush());
    ::close(to_);
    to_ = -1;
  }
  if (child_ <= 0) return Failed();
  siginfo_t ended{};
  while (::waitid(P_PID, static_cast<id_t>(child_), &ended, WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
  if (ended.si_code != CLD_EXITED || ended.si_status != 0) return Failed();
  Wait();
  return Status::Ok();
}

}  // namespace espy::transfer
