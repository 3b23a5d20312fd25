#include <CLI/CLI.hpp>
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

Outcome Export(Session* session, const ExportOptions& options) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kRead);
  if (!library.ok()) return library.status();
  GracefulStop graceful("espy: stopping; no file is written");
  ProgressMeter meter(session->shows_progress());
  const Result<ExportReport> report = (*library)->Export(
      options, [&meter](const Progress& p) { meter.Show(p); }, graceful.token());
  meter.Clear();
  if (!report.ok()) return report.status();
  if (session->json) {
    Json line;
    line["items"] = report->items;
    line["without_vector"] = report->without_vector;
    line["bytes"] = report->bytes;
    line["files"] = report->files;
    session->out.Line(ToLine(line));
  } else if (!session->quiet) {
    std::string text = Plural(report->items, "item") + ", " + FormatBytes(report->bytes);
    if (report->without_vector > 0) {
      text += "; " + std::to_string(report->without_vector) + " without a vector" +
              (report->files.size() > 1 ? " left out" : "");
    }
    session->out.Line(text);
  }
  return report->items > 0 ? kDone : kNothing;
}

}  // namespace

void AddExport(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "export", "write records and vectors for other programs", R"(
The name says the form:
  .jsonl  one JSON object a line, the vector as base64 of float16 ("vector_f16"), or of float32
          ("vector_f32") where the library keeps those
  .npy    the vectors for numpy.load, and beside it a .jsonl with a record for each row
  .parquet  a row for each item: its keys as columns, user fields as "field.NAME", "vector" as float32; wants
          the program espy-parquet, which comes with espy, and Python's pyarrow (pip install pyarrow)
What is written is the library at one moment, whatever runs beside it. espy import takes all back;
a library made from them gives the same answers, bit for bit. Pictures and thumbnails are not in it.
  espy export --to pictures.npy --where 'tag = beach'
Exit code 1: no item was there to export.
)");
  auto options = std::make_shared<ExportOptions>();
  AddText(verb, "--to", "FILE", &options->to, "where to: FILE.jsonl, FILE.npy or FILE.parquet")
      ->required();
  AddText(verb, "--where", "EXPR", &options->where, "only items that match: see espy help search");
  AddSwitch(verb, "--overwrite", &options->overwrite, "replace files that are there");
  Runs(verb, session, [session, options] { return Export(session, *options); });
}

}  // namespace espy::cli
