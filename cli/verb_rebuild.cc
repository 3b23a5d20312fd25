#include <chrono>
#include <memory>

#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress_meter.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

Outcome Rebuild(Session* session) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kWrite);
  if (!library.ok()) return library.status();
  const auto start = std::chrono::steady_clock::now();
  GracefulStop graceful("espy: stopping; the old index stays in use");
  ProgressMeter meter(session->shows_progress());
  const Status status =
      (*library)->Rebuild([&meter](const Progress& p) { meter.Show(p); }, graceful.token());
  meter.Clear();
  if (!status.ok()) return status;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (session->json) {
    Json line;
    line["rebuilt"] = true;
    line["seconds"] = seconds;
    session->out.Line(ToLine(line));
  } else if (!session->quiet) {
    session->out.Line("rebuilt in " + FormatDuration(seconds));
  }
  return kDone;
}

}  // namespace

void AddRebuild(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "rebuild", "make the index again from the stored vectors", "");
  Runs(verb, session, [session] { return Rebuild(session); });
}

}  // namespace espy::cli
