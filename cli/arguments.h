// The command line before the flag parser sees it.
//
// Espy's arguments are phrases, paths and patterns, and some of them look like something else:
// `espy search a - b`, the term `-0.5:car`, a folder named `info`, the tag change `-draft`, the
// pattern `[ab]`. The flag parser would take these for flags, verbs or lists. So an argument that
// is certainly a value is marked here with a byte in front, and the mark is taken off again where
// the value arrives (cli/flags.h). The parser then reads only what is a flag.
#ifndef ESPY_CLI_ARGUMENTS_H_
#define ESPY_CLI_ARGUMENTS_H_

#include <string>
#include <string_view>
#include <vector>

namespace espy::cli {

struct ProtectedArguments {
  std::vector<std::string> arguments;  // without the program's name
  std::string verb;                    // the first argument that is no flag; "" when there is none
};

// `verbs` are the names of the verbs and of those below them ("model" and "list").
ProtectedArguments Protect(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& verbs);

// The argument as it was typed.
std::string Unprotect(std::string_view argument);

}  // namespace espy::cli

#endif  // ESPY_CLI_ARGUMENTS_H_
