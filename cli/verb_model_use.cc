// model use, rollback, drop: another model for a library, the way back, and the old one's end.
#include <functional>
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

struct UseFlags {
  std::string model;
  MigrationOptions options;
  std::int64_t jobs = 0;
  std::int64_t batch = 0;
  ComputeFlags compute;
  std::string vectors;
};

Json ReportToJson(const MigrationReport& report) {
  Json out;
  out["model"] = report.model;
  out["space_id"] = report.space_id;
  out["items"] = report.items;
  out["already"] = report.already;
  out["embedded"] = report.embedded;
  out["by_thumbnail"] = report.by_thumbnail;
  out["failed"] = report.failed;
  out["switched"] = report.switched;
  out["cancelled"] = report.cancelled;
  out["dry_run"] = report.dry_run;
  out["seconds"] = report.seconds;
  out["failures"] = FailuresToJson(report.failures);
  return out;
}

void Answer(Session* session, const MigrationReport& report) {
  if (session->json) {
    session->out.Line(ToLine(ReportToJson(report)));
    return;
  }
  const std::string model = EscapeForTerminal(report.model);
  for (const IngestFailure& failure : report.failures) {
    session->Say("espy: " + failure.status.message());
  }
  if (report.dry_run) {
    session->out.Line(model + ": " + Plural(report.embedded, "picture") + " of " +
                      FormatCount(report.items) + " would be embedded");
    return;
  }
  if (session->quiet) return;
  const std::string done = Plural(report.embedded, "picture") + " embedded";
  if (!report.switched) {
    session->out.Line(model + ": " + done + ", " +
                      FormatCount(report.items - report.already - report.embedded) +
                      " left; the same command goes on");
    return;
  }
  session->out.Line(model + ": the library's model; " + done + ", " + FormatCount(report.already) +
                    " were already; " + FormatDuration(report.seconds));
  if (report.by_thumbnail > 0) {
    session->Say("espy: " + FormatCount(report.by_thumbnail) +
                 " of them by the thumbnails kept here (files gone, or --from-thumbnails); espy "
                 "model use " +
                 report.model + " takes them from their files when these are there");
  }
  if (report.failed > 0) {
    session->Say("espy: " + Plural(report.failed, "picture") +
                 " without a vector, so not found by searches; espy failures says why");
  }
}

using Migrating =
    std::function<Result<MigrationReport>(Library*, const ProgressFn&, std::stop_token)>;

Outcome Migrate(Session* session, const UseFlags& flags, const Migrating& run) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(
      *session, flags.options.dry_run ? Access::kRead : Access::kWrite, flags.compute,
      /*index=*/{}, flags.vectors);
  if (!library.ok()) return library.status();
  GracefulStop graceful("espy: stopping after what is under way; Ctrl-C again ends at once");
  ProgressMeter meter(session->shows_progress());
  const ProgressFn show = [&meter](const Progress& p) { meter.Show(p); };
  const Result<MigrationReport> report = run(library->get(), show, graceful.token());
  meter.Clear();
  if (!report.ok()) return report.status();
  Status built;
  if (report->switched && !flags.options.dry_run) {
    built = FinishBuilding(*session, library->get(), graceful.token());
  }
  Answer(session, *report);
  if (!built.ok()) return built;
  return report->failed > 0 ? kNothing : kDone;
}

MigrationOptions ToOptions(const UseFlags& flags) {
  MigrationOptions options = flags.options;
  options.jobs = static_cast<int>(flags.jobs);
  options.batch_size = static_cast<int>(flags.batch);
  return options;
}

void AddMigrationFlags(CLI::App* verb, UseFlags* flags) {
  AddSwitch(verb, "--from-thumbnails", &flags->options.from_thumbnails,
            "embed the thumbnails that the library keeps and read no file: fast, less exact");
  AddSwitch(verb, "--allow-missing", &flags->options.allow_missing,
            "change although some pictures could not be embedded");
  AddSwitch(verb, "--feed-old", &flags->options.feed_old,
            "go on embedding new pictures with the old model too, so that the way back is at once");
  AddSwitch(verb, "--dry-run", &flags->options.dry_run,
            "say how many pictures would be embedded and change nothing");
  AddInteger(verb, "--jobs", &flags->jobs, 0, 1024, "decoding threads (0: one for each core)");
  AddInteger(verb, "--batch-size", &flags->batch, 0, 4096,
             "pictures encoded at once (0: the model's choice)");
  AddVectorPrecision(verb, &flags->vectors,
                     "how the new model's vectors are kept (as the old one's)");
  AddCompute(verb, &flags->compute);
}

Outcome Drop(Session* session, const std::string& name) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kWrite);
  if (!library.ok()) return library.status();
  const Result<DropReport> report = (*library)->DropSpace(name);
  if (!report.ok()) return report.status();
  if (session->json) {
    Json out;
    out["model"] = report->model;
    out["space_id"] = report->space_id;
    out["vectors"] = report->vectors;
    out["disk_bytes_before"] = report->disk_bytes_before;
    out["disk_bytes_after"] = report->disk_bytes_after;
    session->out.Line(ToLine(out));
  } else if (!session->quiet) {
    session->out.Line(EscapeForTerminal(report->model) + ": dropped " +
                      Plural(report->vectors, "vector") + "; " +
                      FormatBytes(report->disk_bytes_before) + " before, " +
                      FormatBytes(report->disk_bytes_after) + " after");
  }
  return kDone;
}

}  // namespace

void AddModelUse(CLI::App* model, Session* session) {
  CLI::App* use = AddVerb(model, session, "use", "change the library's model", R"(Examples:
  espy model use clip-b32
  espy search beach --space espy-mini
  espy model rollback
  espy model drop espy-mini

Every picture is embedded with the new model, from its file or its archive, while searches answer with the old one; then
the library changes over in one step. Ctrl-C stops cleanly with exit code 130, and the same command goes on from there,
also after a crash; espy info says how far it is. Files that are gone or hold other bytes now are taken by the thumbnails
kept in the library; running it again later takes them whole. Pictures that fail are listed by espy failures and keep the
library from changing, unless --allow-missing is given (exit code 1 then). The old model's vectors stay, for rollback and
for search --space, until they are dropped.
)");
  auto flags = std::make_shared<UseFlags>();
  AddWord(use, "NAME", &flags->model, "a model's name, or a directory that holds one",
          Need::kRequired);
  AddMigrationFlags(use, flags.get());
  Runs(use, session, [session, flags] {
    return Migrate(session, *flags,
                   [&](Library* library, const ProgressFn& progress, std::stop_token stop) {
                     return library->UseModel(flags->model, ToOptions(*flags), progress, stop);
                   });
  });

  auto back = std::make_shared<UseFlags>();
  CLI::App* rollback =
      AddVerb(model, session, "rollback", "go back to the model that the library had before", R"(
At once when no picture came since; else those are embedded with it first. Twice is there and back again.
)");
  AddMigrationFlags(rollback, back.get());
  Runs(rollback, session, [session, back] {
    return Migrate(session, *back,
                   [&](Library* library, const ProgressFn& progress, std::stop_token stop) {
                     return library->RollBack(ToOptions(*back), progress, stop);
                   });
  });

  auto name = std::make_shared<std::string>();
  CLI::App* drop =
      AddVerb(model, session, "drop", "free the vectors and the index of a model not in use", "");
  AddWord(drop, "SPACE", name.get(), "a model's name, or the id of a space that espy info lists",
          Need::kRequired);
  Runs(drop, session, [session, name] { return Drop(session, *name); });
}

}  // namespace espy::cli
