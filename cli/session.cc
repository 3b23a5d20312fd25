#include "cli/session.h"

#include <cstdio>

#include "cli/flags.h"
#include "cli/text.h"

namespace espy::cli {

void Session::Say(const std::string& line) const {
  if (!quiet) std::fprintf(stderr, "%s\n", EscapeForTerminal(line).c_str());
}

void Session::Mention(const std::string& line) const {
  if (verbose) Say(line);
}

void AddCommonFlags(CLI::App* app, Session* session, bool with_environment) {
  CLI::Option* const flags[] = {
      AddText(app, "-L,--library", "DIR", &session->library,
              "the library (otherwise the nearest .espy upward)"),
      AddSwitch(app, "--json", &session->json, "answer with one JSON object a line"),
      AddSwitch(app, "--no-progress", &session->no_progress, "no progress on stderr"),
      AddSwitch(app, "-q,--quiet", &session->quiet, "nothing on stderr but errors"),
      AddSwitch(app, "-v,--verbose", &session->verbose, "more on stderr: how, and how long"),
  };
  for (CLI::Option* flag : flags) {
    flag->group("Common");
    if (!with_environment) flag->envname("");
  }
}

Result<std::string> FindSessionLibrary(const Session& session) {
  if (!session.library.empty()) return session.library;
  return FindLibrary(".");
}

Result<std::unique_ptr<Library>> OpenSessionLibrary(const Session& session, Access access) {
  Result<std::string> path = FindSessionLibrary(session);
  if (!path.ok()) return path.status();
  OpenOptions options;
  options.read_only = access == Access::kRead;
  return Library::Open(*path, options);
}

}  // namespace espy::cli
