#include "cli/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <optional>
#include <thread>

namespace espy::cli {
namespace {

int g_pipe[2] = {-1, -1};       // from the handler to the thread; set before either is there
std::atomic<int> g_signal = 0;  // the first that came
std::mutex g_mutex;
std::optional<std::stop_source>
    g_stop;                  // guarded by g_mutex: present while a verb can stop by itself
const char* g_message = "";  // guarded by g_mutex

[[noreturn]] void EndAtOnce(int number) {
  // The cursor may stand behind a progress line.
  if (::isatty(STDERR_FILENO) == 1) (void)!::write(STDERR_FILENO, "\n", 1);
  ::_exit(128 + number);
}

// Runs on whatever thread the system picks, in the midst of anything: it may only write.
void PassOn(int number) {
  const int error = errno;
  const char byte = static_cast<char>(number);
  (void)!::write(g_pipe[1], &byte, 1);
  errno = error;
}

void WaitForSignals() {
  char byte = 0;
  for (;;) {
    if (::read(g_pipe[0], &byte, 1) != 1) continue;
    const int number = byte;
    int none = 0;
    const bool first = g_signal.compare_exchange_strong(none, number);
    std::lock_guard lock(g_mutex);
    if (!first || !g_stop) EndAtOnce(number);
    if (*g_message != '\0') {
      std::fprintf(stderr, "%s%s\n", ::isatty(STDERR_FILENO) == 1 ? "\n" : "", g_message);
    }
    g_stop->request_stop();
  }
}

}  // namespace

void StartInterruptThread() {
  if (::pipe2(g_pipe, O_CLOEXEC) != 0) return;  // signals then end the program at once, as ever
  std::thread(WaitForSignals).detach();
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction now {};
    // A shell that starts the program in the background has it ignore Ctrl-C: that stays so.
    if (::sigaction(number, nullptr, &now) != 0 || now.sa_handler == SIG_IGN) continue;
    struct sigaction pass_on {};
    pass_on.sa_handler = PassOn;
    pass_on.sa_flags = SA_RESTART;
    sigemptyset(&pass_on.sa_mask);
    ::sigaction(number, &pass_on, nullptr);
  }
}

GracefulStop::GracefulStop(const char* message) {
  std::lock_guard lock(g_mutex);
  g_stop.emplace();
  g_message = message;
}

GracefulStop::~GracefulStop() {
  std::lock_guard lock(g_mutex);
  g_stop.reset();
}

std::stop_token GracefulStop::token() const {
  std::lock_guard lock(g_mutex);
  return g_stop->get_token();
}

int InterruptExitCode() {
  const int number = g_signal.load();
  return number == 0 ? 0 : 128 + number;
}

}  // namespace espy::cli
