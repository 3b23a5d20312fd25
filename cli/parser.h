// The whole command line as one parser (CLI11), and what its help, the manual page and the
// completions read from it.
#ifndef ESPY_CLI_PARSER_H_
#define ESPY_CLI_PARSER_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/session.h"

namespace espy::cli {

// The program with every verb. The session must outlive it.
std::unique_ptr<CLI::App> BuildParser(Session* session);

// Names of all verbs, also those below another ("model" and "list").
std::vector<std::string> VerbNames(const CLI::App& program);

// Verbs other than `verb` read no variables: ESPY_K means nothing to `espy info`, not even when it
// is no number.
void KeepEnvironmentFor(CLI::App* program, const std::string& verb);

struct FlagFacts {
  std::vector<std::string> names;  // "-q", "--quiet"
  std::string value_name;          // "" for a switch
  std::string description;
  std::string variable;  // "ESPY_QUIET"
  bool common = false;   // -L, --json, ...: every verb has it
};
struct ArgumentFacts {
  std::string name;
  std::string description;
  bool required = false;
  bool several = false;
};
std::vector<FlagFacts> FlagsOf(const CLI::App& app);
std::vector<ArgumentFacts> ArgumentsOf(const CLI::App& app);
std::vector<const CLI::App*> VerbsOf(const CLI::App& app);
// "model add DIR", with its parents' names and its arguments.
std::string UsageOf(const CLI::App& verb);

}  // namespace espy::cli

#endif  // ESPY_CLI_PARSER_H_
