// Ctrl-C. The handler of SIGINT and SIGTERM only passes the number on to a thread that waits for
// it, so that what follows runs outside of other code. (Blocking the signals would not do:
// libraries start threads before main.) While a verb says that it can stop by itself, the first
// signal asks it to and the second ends the program at once; otherwise the first one does. The
// library on disk is whole either way.
#ifndef ESPY_CLI_INTERRUPT_H_
#define ESPY_CLI_INTERRUPT_H_

#include <stop_token>

namespace espy::cli {

// Once, at the start of main.
void StartInterruptThread();

// While one lives, the first signal requests its stop token.
class GracefulStop {
 public:
  // `message` goes to stderr when the signal comes ("" : none).
  explicit GracefulStop(const char* message);
  ~GracefulStop();
  GracefulStop(const GracefulStop&) = delete;
  GracefulStop& operator=(const GracefulStop&) = delete;

  std::stop_token token() const;
};

// The exit code that the signal which came calls for, 128 + its number: 130 or 143; 0 when none
// came.
int InterruptExitCode();

}  // namespace espy::cli

#endif  // ESPY_CLI_INTERRUPT_H_
