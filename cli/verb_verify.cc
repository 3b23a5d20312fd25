#include <memory>
#include <string>

#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress_meter.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

// A damaged write-ahead log keeps a library from opening; with --repair what is intact is opened
// without the rest.
Result<std::unique_ptr<Library>> OpenToVerify(const Session& session, bool repair) {
  if (!repair) return OpenSessionLibrary(session, Access::kRead);
  Result<std::string> path = FindSessionLibrary(session);
  if (!path.ok()) return path.status();
  Result<std::unique_ptr<Library>> library = Library::Open(*path);
  if (library.ok() || library.status().code() != StatusCode::kCorruption) return library;
  session.Say("espy: " + library.status().message());
  OpenOptions options;
  options.recover_tail = true;
  return Library::Open(*path, options);
}

Outcome Verify(Session* session, bool repair) {
  Result<std::unique_ptr<Library>> library = OpenToVerify(*session, repair);
  if (!library.ok()) return library.status();
  GracefulStop graceful("");
  ProgressMeter meter(session->shows_progress());
  const Result<VerifyReport> report = (*library)->Verify(
      repair, [&meter](const Progress& p) { meter.Show(p); }, graceful.token());
  meter.Clear();
  if (!report.ok()) return report.status();
  if (session->json) {
    Json line;
    line["ok"] = report->problems.empty();
    line["items"] = report->items;
    line["vectors"] = report->vectors;
    line["segments"] = report->segments;
    line["other_vectors"] = report->other_vectors;
    line["problems"] = report->problems;
    line["repaired"] = report->repaired;
    session->out.Line(ToLine(line));
  } else {
    for (const std::string& problem : report->problems) {
      session->out.Line("problem: " + EscapeForTerminal(problem));
    }
    for (const std::string& repaired : report->repaired) {
      session->out.Line("repaired: " + EscapeForTerminal(repaired));
    }
    session->out.Line((report->problems.empty() ? "sound: " : "not sound: ") +
                      Plural(report->items, "item") + ", " + Plural(report->vectors, "vector") +
                      ", " + Plural(report->segments, "segment"));
  }
  return report->problems.empty() ? kDone : kNothing;
}

}  // namespace

void AddVerify(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "verify", "check every record, vector and index entry", R"(
Reads the whole library: checksums, references between records, and every item in the index.
Exit code 1: problems were found (and are still there).
)");
  auto repair = std::make_shared<bool>(false);
  AddSwitch(verb, "--repair", repair.get(), "put right what can be");
  Runs(verb, session, [session, repair] { return Verify(session, *repair); });
}

}  // namespace espy::cli
