#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

Outcome Failures(Session* session, bool nul) {
  if (session->json && nul) {
    return Status::InvalidArgument("failures: --json and -0 exclude each other; give one of them");
  }
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kRead);
  if (!library.ok()) return library.status();
  const Result<std::vector<Failure>> failures = (*library)->Failures();
  if (!failures.ok()) return failures.status();
  for (const Failure& failure : *failures) {
    if (session->json) {
      session->out.Line(ToLine(FailureToJson(failure)));
    } else if (nul) {
      session->out.Path(failure.path, true);
    } else {
      session->out.Line(session->out.Bold(EscapeForTerminal(failure.path)));
      session->out.Line("    " + failure.code + ": " + EscapeForTerminal(failure.message));
    }
  }
  if (failures->empty()) session->Say("espy: no failures");
  return kDone;
}

}  // namespace

void AddFailures(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "failures", "files that were not taken, and why", R"(Examples:
  espy failures
  espy failures -0 | xargs -0 ls -l

A failed file is tried again when it changes, or with espy ingest --retry-failures.
)");
  auto nul = std::make_shared<bool>(false);
  AddSwitch(verb, "-0,--null", nul.get(),
            "print the paths alone, each ended by NUL (for xargs -0)");
  Runs(verb, session, [session, nul] { return Failures(session, *nul); });
}

}  // namespace espy::cli
