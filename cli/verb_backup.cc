#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress_meter.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "espy/backup.h"

namespace espy::cli {
namespace {

struct BackupFlags {
  std::string directory;
  std::int64_t keep = 0;
  bool list = false;
  bool verify = false;
};

Json ToJson(const BackupGeneration& generation) {
  Json out;
  out["generation"] = generation.number;
  out["when"] = generation.when_unix;
  out["seq"] = generation.seq;
  out["bytes"] = generation.bytes;
  out["files"] = generation.files;
  SetPath(&out, "library", generation.library);
  return out;
}

Outcome List(Session* session, const std::string& directory) {
  const auto generations = ListBackups(directory);
  if (!generations.ok()) return generations.status();
  Table table(
      {Table::Align::kRight, Table::Align::kLeft, Table::Align::kRight, Table::Align::kLeft});
  for (const BackupGeneration& generation : *generations) {
    if (session->json) session->out.Line(ToLine(ToJson(generation)));
    table.Add({std::to_string(generation.number), FormatDate(generation.when_unix),
               FormatBytes(generation.bytes), EscapeForTerminal(generation.library)});
  }
  if (!session->json) session->out.Write(table.Format());
  return generations->empty() ? kNothing : kDone;
}

Outcome Check(Session* session, const std::string& directory) {
  const Status sound = VerifyBackup(directory);
  if (!sound.ok()) return sound;
  if (session->json) {
    session->out.Line(ToLine(Json{{"ok", true}}));
  } else if (!session->quiet) {
    session->out.Line("sound: every file agrees with its checksum");
  }
  return kDone;
}

Outcome Backup(Session* session, const BackupFlags& flags) {
  if (flags.list && flags.verify) {
    return Status::InvalidArgument("backup: --list and --verify exclude each other; give one");
  }
  if (flags.list) return List(session, flags.directory);
  if (flags.verify) return Check(session, flags.directory);
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kRead);
  if (!library.ok()) return library.status();
  GracefulStop graceful("espy: stopping; earlier generations are whole");
  ProgressMeter meter(session->shows_progress());
  BackupOptions options;
  options.directory = flags.directory;
  options.keep = static_cast<std::uint32_t>(flags.keep);
  const Result<BackupReport> report = (*library)->Backup(
      options, [&meter](const Progress& p) { meter.Show(p); }, graceful.token());
  meter.Clear();
  if (!report.ok()) return report.status();
  if (session->json) {
    Json line = ToJson(report->generation);
    line["copied_bytes"] = report->copied_bytes;
    line["generations"] = report->generations;
    session->out.Line(ToLine(line));
  } else if (!session->quiet) {
    session->out.Line("generation " + std::to_string(report->generation.number) + ": " +
                      FormatBytes(report->generation.bytes) + ", " +
                      FormatBytes(report->copied_bytes) + " of them new");
  }
  return kDone;
}

Outcome Restore(Session* session, const RestoreOptions& given) {
  RestoreOptions options = given;
  options.library = session->library;
  if (options.library.empty()) {
    return Status::InvalidArgument(
        "restore: does not say where to; give the new library with --library");
  }
  GracefulStop graceful("espy: stopping; nothing is changed");
  const Result<BackupGeneration> generation = RestoreBackup(options, graceful.token());
  if (!generation.ok()) return generation.status();
  if (session->json) {
    session->out.Line(ToLine(ToJson(*generation)));
  } else if (!session->quiet) {
    session->out.Line("generation " + std::to_string(generation->number) + " of " +
                      FormatDate(generation->when_unix) + ": " + FormatBytes(generation->bytes));
  }
  return kDone;
}

}  // namespace

void AddBackup(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "backup", "copy the library to a folder of backups", R"(
Each run adds a generation: the library as it was at one moment, whatever is written meanwhile, also
by another process. Files that an earlier generation has are not copied again. A run that is cut
short leaves the earlier generations whole.
  espy backup /mnt/disk/photos.backup --keep 7
  espy backup /mnt/disk/photos.backup --list
)");
  auto flags = std::make_shared<BackupFlags>();
  AddWord(verb, "DIR", &flags->directory, "the folder of backups", Need::kRequired);
  AddInteger(verb, "--keep", &flags->keep, 1, 1'000'000, "drop all but this many generations");
  AddSwitch(verb, "--list", &flags->list, "show the generations, and make none");
  AddSwitch(verb, "--verify", &flags->verify, "compare every file with its checksum");
  Runs(verb, session, [session, flags] { return Backup(session, *flags); });
}

void AddRestore(CLI::App* program, Session* session) {
  CLI::App* verb = AddVerb(program, session, "restore", "make a library of a backup", R"(
Every file is compared with its checksum first. --library names the directory to make; one that is
there is left alone, unless --overwrite is given, and then until the new one is whole.
  espy restore /mnt/disk/photos.backup --library photos.espy
)");
  auto options = std::make_shared<RestoreOptions>();
  auto generation = std::make_shared<std::int64_t>(0);
  AddWord(verb, "DIR", &options->directory, "the folder of backups", Need::kRequired);
  AddInteger(verb, "--generation", generation.get(), 1, UINT32_MAX, "which one; the newest if not");
  AddSwitch(verb, "--overwrite", &options->overwrite, "replace the library that is there");
  Runs(verb, session, [session, options, generation] {
    options->generation = static_cast<std::uint32_t>(*generation);
    return Restore(session, *options);
  });
}

}  // namespace espy::cli
