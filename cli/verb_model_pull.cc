#include <memory>
#include <string>

#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress_meter.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "espy/pull.h"

namespace espy::cli {
namespace {

Json PullToJson(const PullReport& report) {
  Json out;
  out["name"] = report.name;
  out["repository"] = report.repository;
  out["revision"] = report.revision;
  out["commit"] = report.commit;
  SetPath(&out, "directory", report.directory);
  out["licence"] = report.licence;
  out["bytes"] = report.bytes;
  out["fetched"] = report.fetched;
  out["files"] = Json::array();
  for (const PulledFile& file : report.files) {
    Json entry;
    entry["name"] = file.name;
    entry["bytes"] = file.bytes;
    entry["fetched"] = file.fetched;
    entry["resumed"] = file.resumed;
    out["files"].push_back(std::move(entry));
  }
  out["offline"] = !report.offline.empty();
  out["dry_run"] = report.dry_run;
  return out;
}

std::string Summary(const PullReport& report) {
  std::string text = EscapeForTerminal(report.name) + ": " + EscapeForTerminal(report.repository) +
                     " at " + report.commit.substr(0, 12);
  if (!report.offline.empty()) return text + ", as it is here";
  text += ", " + FormatBytes(report.bytes) + " in " + Plural(report.files.size(), "file");
  if (report.dry_run) {
    text += ", " + FormatBytes(report.fetched) + " to fetch";
  } else if (report.fetched == 0) {
    text += ", all here already";
  } else {
    text += ", " + FormatBytes(report.fetched) + " fetched";
  }
  if (!report.licence.empty()) text += "; licence " + EscapeForTerminal(report.licence);
  return text;
}

void Answer(Session* session, const PullReport& report) {
  if (!report.offline.empty()) session->Say("espy: " + report.offline);
  if (session->json) {
    session->out.Line(ToLine(PullToJson(report)));
    return;
  }
  if (session->quiet) return;
  if (report.dry_run) {
    Table table({Table::Align::kLeft, Table::Align::kRight, Table::Align::kLeft});
    for (const PulledFile& file : report.files) {
      table.Add({EscapeForTerminal(file.name), FormatBytes(file.bytes),
                 file.fetched == 0 ? "here"
                 : file.resumed    ? FormatBytes(file.fetched) + " left to fetch"
                                   : "to fetch"});
    }
    session->out.Write(table.Format());
  }
  session->out.Line(Summary(report));
  for (const PulledFile& file : report.files) {
    session->Mention("espy: " + file.name + ": " + FormatBytes(file.fetched) + " of " +
                     FormatBytes(file.bytes) + " fetched" +
                     (file.resumed ? ", the rest before" : ""));
  }
}

Outcome Pull(Session* session, const PullOptions& options) {
  GracefulStop graceful(
      "espy: stopping; what came is kept, and the same command goes on from there");
  Result<PullReport> report = [&] {
    ProgressMeter meter(session->shows_progress());
    return PullModel(
        options, [&meter](const Progress& p) { meter.Show(p); }, graceful.token());
  }();
  if (!report.ok()) return report.status();
  Answer(session, *report);
  return kDone;
}

}  // namespace

void AddModelPull(CLI::App* model, Session* session) {
  CLI::App* pull = AddVerb(model, session, "pull",
                           "fetch a published model from the Hugging Face hub", R"(Examples:
  espy model pull clip-b32 && espy ingest ~/Pictures --model clip-b32
  espy model pull google/siglip2-base-patch16-256 --dry-run
  espy model pull laion/CLIP-ViT-B-32-laion2B-s34B-b79K@main
  HF_ENDPOINT=https://mirror.example espy model pull siglip-b16-224

NAME is a short name of espy model list or a repository of the hub, with a branch, a tag or a commit after an @.
Only what Espy reads is fetched, into the cache that the hub's other tools share: what they have fetched is not
fetched again, and they find what was fetched here. Sizes and checksums are the hub's; a pull that was interrupted
goes on where it was. $HF_HOME or $HF_HUB_CACHE say where the cache is, $HF_TOKEN or the file that `hf auth login` writes
who asks, $HF_ENDPOINT another hub; with HF_HUB_OFFLINE=1 nothing is asked and what is here is taken.
)");
  auto options = std::make_shared<PullOptions>();
  AddWord(pull, "NAME", &options->model, "a short name, or ORG/NAME; @REVISION may follow",
          Need::kRequired);
  AddSwitch(pull, "--verify", &options->verify,
            "also read what is here already, and fetch again what is damaged");
  AddSwitch(pull, "--dry-run", &options->dry_run,
            "say what would be fetched, and how much, and write nothing");
  Runs(pull, session, [session, options] { return Pull(session, *options); });
}

}  // namespace espy::cli
