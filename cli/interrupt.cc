#include "cli/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <mutex>
#include <optional>
#include <thread>

namespace espy::cli {
namespace {

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

void WaitForSignals(sigset_t signals) {
  for (;;) {
    int number = 0;
    if (::sigwait(&signals, &number) != 0) continue;
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
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction now {};
    // A shell that starts the program in the background has it ignore Ctrl-C: that stays so.
    if (::sigaction(number, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) {
      sigaddset(&signals, number);
    }
  }
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread(WaitForSignals, signals).detach();
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
