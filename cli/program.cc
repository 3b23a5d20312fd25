#include "cli/program.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/arguments.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/parser.h"
#include "cli/session.h"
#include "cli/text.h"
#include "espy/log.h"

namespace espy::cli {
namespace {

constexpr int kWrongUseOrFailure = 2;

int Fail(const Status& status) {
  std::fprintf(stderr, "espy: %s\n", EscapeForTerminal(status.message()).c_str());
  return kWrongUseOrFailure;
}

// The last verb that the parser came to.
const CLI::App& Reached(const CLI::App& program) {
  const CLI::App* app = &program;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return *app;
}

Status WrongUse(const CLI::App& program, const CLI::ParseError& error) {
  const CLI::App& app = Reached(program);
  const bool has_verb = app.get_parent() != nullptr;
  std::string name;
  for (const CLI::App* at = &app; at->get_parent() != nullptr; at = at->get_parent()) {
    name = at->get_name() + (name.empty() ? "" : " " + name);
  }
  std::string why = error.what();
  std::string remedy = has_verb ? "; see espy help " + name : "; espy help lists the verbs";
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !VerbsOf(app).empty()) {
    why = "needs a verb after it";
  }
  const std::vector<std::string> unknown = program.remaining(/*recurse=*/true);
  if (!unknown.empty()) {
    const std::string& first = unknown.front();
    why = first + ": no such " + (first[0] == '-' ? "flag" : has_verb ? "argument" : "verb");
  }
  why.erase(std::remove(why.begin(), why.end(), '\x1f'), why.end());
  return Status::InvalidArgument((has_verb ? name + ": " : std::string()) + why + remedy);
}

// The verb's outcome, then the last of stdout: a verb whose answer could not be written has failed.
int Finish(Session* session, const Outcome& outcome) {
  const Status written = session->out.Flush();
  const int interrupted = InterruptExitCode();
  if (!outcome.ok()) {
    if (interrupted != 0 && outcome.status().code() == StatusCode::kCancelled) return interrupted;
    return Fail(outcome.status());
  }
  if (!written.ok()) return Fail(written);
  return interrupted != 0 ? interrupted : *outcome;
}

void SendLogToStderr() {
  SetLogHook([](LogLevel level, std::string_view message) {
    std::fprintf(stderr, "espy: %s%s\n", level == LogLevel::kWarning ? "warning: " : "",
                 EscapeForTerminal(message).c_str());
  });
}

}  // namespace

int RunProgram(const std::vector<std::string>& arguments) {
  Session session;
  const std::unique_ptr<CLI::App> program = BuildParser(&session);
  ProtectedArguments typed = Protect(arguments, VerbNames(*program));
  KeepEnvironmentFor(program.get(), typed.verb);
  if (typed.arguments.empty()) {
    std::fputs(HelpText(*program).c_str(), stderr);
    return kWrongUseOrFailure;
  }
  try {
    std::reverse(typed.arguments.begin(), typed.arguments.end());  // as CLI11 takes a vector
    program->parse(typed.arguments);
  } catch (const CLI::CallForHelp&) {
    session.out.Write(HelpText(Reached(*program)));
    return Finish(&session, kDone);
  } catch (const CLI::CallForVersion& version) {
    session.out.Line(version.what());
    return Finish(&session, kDone);
  } catch (const CLI::ParseError& error) {
    return Fail(WrongUse(*program, error));
  }
  if (session.verbose && !session.quiet) SendLogToStderr();
  return Finish(&session, session.run());
}

}  // namespace espy::cli
