// One run, from the arguments to the exit code.
#ifndef ESPY_CLI_PROGRAM_H_
#define ESPY_CLI_PROGRAM_H_

#include <string>
#include <vector>

namespace espy::cli {

// `arguments` without the program's name.
int RunProgram(const std::vector<std::string>& arguments);

}  // namespace espy::cli

#endif  // ESPY_CLI_PROGRAM_H_
