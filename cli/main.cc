#include <signal.h>

#include <string>
#include <vector>

#include "cli/interrupt.h"
#include "cli/program.h"

int main(int argc, char** argv) {
  // A reader that closes the pipe (head) ends the program quietly, whatever the parent made of the
  // signal.
  ::signal(SIGPIPE, SIG_DFL);
  espy::cli::StartInterruptThread();
  return espy::cli::RunProgram(std::vector<std::string>(argv + 1, argv + argc));
}
