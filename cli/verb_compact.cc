#include <memory>

#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress_meter.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

Outcome Compact(Session* session) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kWrite);
  if (!library.ok()) return library.status();
  GracefulStop graceful("espy: stopping; the library stays as it is");
  ProgressMeter meter(session->shows_progress());
  const Result<CompactReport> report =
      (*library)->Compact([&meter](const Progress& p) { meter.Show(p); }, graceful.token());
  meter.Clear();
  if (!report.ok()) return report.status();
  if (session->json) {
    Json line;
    line["disk_bytes_before"] = report->disk_bytes_before;
    line["disk_bytes_after"] = report->disk_bytes_after;
    line["tombstones_dropped"] = report->tombstones_dropped;
    session->out.Line(ToLine(line));
  } else if (!session->quiet) {
    session->out.Line(FormatBytes(report->disk_bytes_before) + " before, " +
                      FormatBytes(report->disk_bytes_after) + " after; " +
                      Plural(report->tombstones_dropped, "dead row") + " dropped");
  }
  return kDone;
}

}  // namespace

void AddCompact(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "compact", "drop what was forgotten and give the space back", "");
  Runs(verb, session, [session] { return Compact(session); });
}

}  // namespace espy::cli
