// What `espy help` prints, and the manual page; both read from the parser, so that neither can name
// a flag that is not.
#ifndef ESPY_CLI_HELP_H_
#define ESPY_CLI_HELP_H_

#include <string>

namespace CLI {
class App;
}

namespace espy::cli {

// Help for the program or for one verb, for a terminal of 100 columns or more.
std::string HelpText(const CLI::App& app);

// espy(1) as roff, for man(1). docs/man/espy.1 is this text.
std::string ManualPage(const CLI::App& program);

}  // namespace espy::cli

#endif  // ESPY_CLI_HELP_H_
