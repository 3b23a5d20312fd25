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

// Failures that the answer names one by one.
constexpr std::size_t kFailuresShown = 5;

void ShowJson(Session* session, const ImportReport& report) {
  Json line;
  line["found"] = report.found;
  line["added"] = report.added;
  line["updated"] = report.updated;
  line["unchanged"] = report.unchanged;
  line["replaced"] = report.replaced;
  line["failed"] = report.failed;
  line["cancelled"] = report.cancelled;
  line["seconds"] = report.seconds;
  line["ignored_keys"] = report.ignored_keys;
  Json failures = Json::array();
  for (const ImportFailure& failure : report.failures) {
    Json entry;
    SetPath(&entry, "where", failure.where);
    entry["code"] = StatusCodeName(failure.status.code());
    entry["message"] = failure.status.message();
    failures.push_back(std::move(entry));
  }
  line["failures"] = std::move(failures);
  session->out.Line(ToLine(line));
}

void ShowText(Session* session, const ImportReport& report, bool dry_run) {
  for (std::size_t i = 0; i < report.failures.size() && i < kFailuresShown; ++i) {
    session->Say("espy: " + report.failures[i].status.message());
  }
  if (report.failures.size() > kFailuresShown) {
    session->Say("espy: and " + std::to_string(report.failed - kFailuresShown) + " more");
  }
  if (!report.ignored_keys.empty()) {
    std::string keys;
    for (const std::string& key : report.ignored_keys) keys += (keys.empty() ? "" : ", ") + key;
    session->Say("espy: keys without meaning here: " + keys);
  }
  if (session->quiet) return;
  std::string text;
  if (dry_run) {
    text = std::to_string(report.found - report.failed) + " can be taken";
  } else {
    text = std::to_string(report.added) + " added, " + std::to_string(report.updated) +
           " updated, " + std::to_string(report.unchanged) + " unchanged";
  }
  if (report.replaced > 0) text += "; " + Plural(report.replaced, "path") + " now another item's";
  if (report.failed > 0) text += "; " + std::to_string(report.failed) + " failed";
  session->out.Line(text);
}

Outcome Import(Session* session, const ImportFilesOptions& options, const std::string& vectors,
               const LimitFlags& limits) {
  Result<std::string> path = FindSessionLibrary(*session);
  if (!path.ok()) {
    return Status::InvalidArgument("import: " + path.status().message());
  }
  OpenOptions open;
  open.create_if_missing = !options.import.space.empty() && !options.dry_run;
  open.read_only = options.dry_run;
  open.vectors = vectors;
  if (!options.dry_run) limits.Apply(&open);
  Result<std::unique_ptr<Library>> library = Library::Open(*path, open);
  if (!library.ok()) {
    if (library.status().code() != StatusCode::kNotFound || options.dry_run) {
      return library.status();
    }
    return Status::NotFound(*path +
                            ": there is no library here; --space NAME makes one for the vectors of "
                            "a model of that name");
  }
  GracefulStop graceful("espy: stopping; what was taken is kept, and the next run goes on");
  ProgressMeter meter(session->shows_progress());
  const Result<ImportReport> report = (*library)->ImportFiles(
      options, [&meter](const Progress& p) { meter.Show(p); }, graceful.token());
  meter.Clear();
  if (!report.ok()) return report.status();
  if (session->json) {
    ShowJson(session, *report);
  } else {
    ShowText(session, *report, options.dry_run);
  }
  if (!options.dry_run && !report->cancelled) {
    if (Status flushed = session->out.Flush(); !flushed.ok()) return flushed;
    const Status built = FinishBuilding(*session, library->get(), graceful.token());
    if (!built.ok()) return built;
  }
  return report->failed == 0 ? kDone : kNothing;
}

}  // namespace

void AddImport(CLI::App* program, Session* session) {
  CLI::App* verb = AddVerb(program, session, "import", "take vectors that another program made", R"(
A .jsonl file holds one JSON object a line: "vector" (numbers), "vector_f32" or "vector_f16" (base64
of little-endian values), and what is known of the picture, all of it optional: path or paths,
caption, tags, content_hash, format, file_bytes, width, height, added, modified, taken, camera,
latitude, longitude, perceptual_hash, fields. A .npy file holds float32 or float16 rows; their records are
the lines of the .jsonl file of the same name. A .parquet file has those keys as columns, user fields as
"field.NAME", and the vectors in "vector" or in its only column of lists of floats; it is read through the
program espy-parquet, which comes with espy and wants Python's pyarrow (pip install pyarrow).
No picture is read. What the library holds just so is left alone; tags and paths are added to those
that an item has. --space names the model of a new library's vectors: one that is installed, and the
library can be asked in words; or any other name, and it can be asked by example.
--vectors fp32 keeps them in single precision, at twice the disk: scores then are theirs, bit for bit, and
espy export gives them back as they came. The default is half precision.
  espy import photos.npy -L photos.espy --space clip-b32
  espy import more.jsonl -L photos.espy
  espy import table.parquet -L photos.espy
Exit code 1: some lines or rows could not be taken.
)");
  auto options = std::make_shared<ImportFilesOptions>();
  AddWords(verb, "FILE", &options->files, "FILE.jsonl, FILE.npy or FILE.parquet", Need::kRequired);
  AddText(verb, "--space", "NAME", &options->import.space, "whose vectors these are");
  AddInteger(verb, "--dimension", &options->import.dimension, 1, 65536, "values of a vector");
  AddText(verb, "--payload", "FILE", &options->payload, "the records of a .npy file's rows");
  AddSwitch(verb, "--dry-run", &options->dry_run, "read and check, change nothing");
  auto vectors = std::make_shared<std::string>();
  AddVectorPrecision(verb, vectors.get(), "how a new library keeps them (fp16)");
  auto limits = std::make_shared<LimitFlags>();
  AddLimits(verb, limits.get());
  Runs(verb, session, [session, options, vectors, limits] {
    return Import(session, *options, *vectors, *limits);
  });
}

}  // namespace espy::cli
