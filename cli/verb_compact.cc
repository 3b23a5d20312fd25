#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress_meter.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

// Whether the library does this by itself from now on.
Outcome SetAutomatic(Session* session, bool on) {
  Result<std::string> path = FindSessionLibrary(*session);
  if (!path.ok()) return path.status();
  OpenOptions options;
  options.auto_compact = on;
  const Result<std::unique_ptr<Library>> library = Library::Open(*path, options);
  if (!library.ok()) return library.status();
  if (session->json) {
    Json line;
    line["auto_compact"] = on;
    session->out.Line(ToLine(line));
  } else if (!session->quiet) {
    session->out.Line(on ? "space is given back by itself, when the library rests"
                         : "space is given back by `espy compact` alone");
  }
  return kDone;
}

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
      AddVerb(program, session, "compact", "drop what was forgotten and give the space back", R"(
Whoever has the library open for writing does most of this by itself, when it rests: segments with a fifth of their
rows dead are written anew, thumbnails' files with a quarter of their bytes dead too (from 64 MB on, a sixteenth at a
time), and changes beyond the last million leave the log. --auto off ends the last two, until --auto on.
)");
  auto automatic = std::make_shared<std::string>();
  AddText(verb, "--auto", "on|off", automatic.get(),
          "whether the library gives space back by itself; compacts nothing now", {"on", "off"});
  Runs(verb, session, [session, automatic] {
    return automatic->empty() ? Compact(session) : SetAutomatic(session, *automatic == "on");
  });
}

}  // namespace espy::cli
