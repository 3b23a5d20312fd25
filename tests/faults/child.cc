#include "tests/faults/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

namespace espy::testing {

Child::Child(const std::string& program, const std::vector<std::string>& arguments) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  std::vector<char*> words = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  process_ = ::fork();
  if (process_ == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execv(program.c_str(), words.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  output_ = ends[0];
}

Child::~Child() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, &status_, 0);
  }
  if (output_ >= 0) ::close(output_);
}

bool Child::KillAfter(double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(seconds));
  bool killed = false;
  char buffer[4096];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(end - Clock::now());
    if (!killed && left.count() <= 0) {
      ::kill(process_, SIGKILL);
      killed = true;
    }
    pollfd waiting{output_, POLLIN, 0};
    const timespec most{killed ? 10 : left.count() / 1'000'000,
                        killed ? 0 : left.count() % 1'000'000 * 1000};
    if (::ppoll(&waiting, 1, &most, nullptr) <= 0) continue;
    const ssize_t got = ::read(output_, buffer, sizeof(buffer));
    if (got <= 0) break;  // it has ended, or closed its output
    said_.append(buffer, static_cast<std::size_t>(got));
  }
  ::waitpid(process_, &status_, 0);
  process_ = -1;
  return killed;
}

}  // namespace espy::testing
