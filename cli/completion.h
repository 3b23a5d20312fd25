// Shell completions, read from the parser.
#ifndef ESPY_CLI_COMPLETION_H_
#define ESPY_CLI_COMPLETION_H_

#include <string>

namespace CLI {
class App;
}

namespace espy::cli {

std::string BashCompletion(const CLI::App& program);
std::string ZshCompletion(const CLI::App& program);
std::string FishCompletion(const CLI::App& program);

}  // namespace espy::cli

#endif  // ESPY_CLI_COMPLETION_H_
