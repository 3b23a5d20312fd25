#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress_meter.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

struct FeedbackFlags {
  std::vector<std::string> words;  // QUERY_ID PATH|ID...
  double dwell = 0;
  bool keep = false;
  bool reject = false;
  std::string client;
  std::string log;  // "on", "off" or ""
  ClickExportOptions out;
};

Outcome ShowCounts(Session* session, Library* library) {
  const Result<ClickCounts> counts = library->CountClicks();
  if (!counts.ok()) return counts.status();
  const Result<ClickSettings> settings = library->GetClickSettings();
  if (!settings.ok()) return settings.status();
  if (session->json) {
    Json line;
    line["log"] = settings->log;
    line["pages"] = counts->pages;
    line["clicked"] = counts->clicked;
    line["kept"] = counts->kept;
    line["rejected"] = counts->rejected;
    session->out.Line(ToLine(line));
  } else if (!session->quiet) {
    session->out.Line(std::string("the log is ") + (settings->log ? "on" : "off") + "; " +
                      Plural(counts->pages, "page") + " shown, " +
                      Plural(counts->clicked, "picture") + " clicked, " +
                      FormatCount(counts->kept) + " kept, " + FormatCount(counts->rejected) +
                      " not wanted");
  }
  return kDone;
}

Outcome ExportLog(Session* session, const ClickExportOptions& options) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kRead);
  if (!library.ok()) return library.status();
  GracefulStop graceful("espy: stopping; no file is written");
  ProgressMeter meter(session->shows_progress());
  const Result<ClickExportReport> report = (*library)->ExportClicks(
      options, [&meter](const Progress& p) { meter.Show(p); }, graceful.token());
  meter.Clear();
  if (!report.ok()) return report.status();
  if (session->json) {
    Json line;
    line["pages"] = report->pages;
    line["feedback"] = report->feedback;
    line["bytes"] = report->bytes;
    session->out.Line(ToLine(line));
  } else if (!session->quiet) {
    session->out.Line(Plural(report->pages, "page") + " with feedback about " +
                      Plural(report->feedback, "picture") + ", " + FormatBytes(report->bytes));
  }
  return report->pages > 0 ? kDone : kNothing;
}

Outcome GiveFeedback(Session* session, const FeedbackFlags& flags) {
  if (!flags.log.empty() && !flags.words.empty()) {
    return Status::InvalidArgument("feedback: --log stands alone; give it without a query");
  }
  if (!flags.out.to.empty()) {
    if (!flags.log.empty() || !flags.words.empty()) {
      return Status::InvalidArgument(
          "feedback: --export stands alone; give it without a query or --log");
    }
    return ExportLog(session, flags.out);
  }
  if (flags.out.overwrite) {
    return Status::InvalidArgument("feedback: --overwrite is about --export; name its file");
  }
  if (flags.words.size() == 1) {
    return Status::InvalidArgument("feedback: which picture of query " + flags.words[0] +
                                   "? Give its path or id behind it");
  }
  if (flags.reject && (flags.keep || flags.dwell > 0)) {
    return Status::InvalidArgument(
        "feedback: --not-this excludes --keep and --dwell; leave one of them out");
  }
  const bool writes = !flags.words.empty() || !flags.log.empty();
  Result<std::unique_ptr<Library>> library =
      OpenSessionLibrary(*session, writes ? Access::kWrite : Access::kRead);
  if (!library.ok()) return library.status();
  if (!flags.log.empty()) {
    Result<ClickSettings> settings = (*library)->GetClickSettings();
    if (!settings.ok()) return settings.status();
    settings->log = flags.log == "on";
    if (Status set = (*library)->SetClickSettings(*settings); !set.ok()) return set;
  }
  if (flags.words.empty()) return ShowCounts(session, library->get());
  std::vector<Feedback> given;
  for (std::size_t i = 1; i < flags.words.size(); ++i) {
    const Result<Record> record = (*library)->Find(flags.words[i]);
    if (!record.ok()) return record.status();
    Feedback& one = given.emplace_back();
    one.query_id = flags.words[0];
    one.item = record->id;
    one.clicked = !flags.reject;
    one.dwell_s = flags.dwell;
    one.kept = flags.keep;
    one.rejected = flags.reject;
    one.client = flags.client;
  }
  if (Status status = (*library)->GiveFeedback(given); !status.ok()) return status;
  return kDone;
}

}  // namespace

void AddFeedback(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "feedback", "say what was of use among what a search showed",
              R"(Examples:
  espy search fox --json | head -1
  espy feedback 0192c1f3a2b4c5d6 ./fox.jpg
  espy feedback 0192c1f3a2b4c5d6 00f3a1b2c3d4e5f6 --dwell 12
  espy feedback 0192c1f3a2b4c5d6 ./wolf.jpg --not-this
  espy feedback
  espy feedback --log off
  espy feedback --export clicks.jsonl

The query's id is in --json and --explain of a search. Without a query it says what was logged. espy learn makes
an order of it. docs/ranking.md tells what is kept, docs/FORMATS.md what the lines of --export hold. Exit code 1: no page
was there to export.
)");
  auto flags = std::make_shared<FeedbackFlags>();
  AddWords(verb, "QUERY_ID|PATH|ID", &flags->words,
           "a search's id, and the pictures that were clicked");
  AddNumber(verb, "--dwell", &flags->dwell, 0, 86'400, "so many seconds they were looked at");
  AddSwitch(verb, "--keep", &flags->keep, "they were saved, copied, used");
  AddSwitch(verb, "--not-this", &flags->reject, "they were not what was meant");
  AddText(verb, "--client", "NAME", &flags->client, "who says so (whom the search named)");
  AddText(verb, "--log", "on|off", &flags->log, "whether searches of this library are logged",
          {"on", "off"});
  AddText(verb, "--export", "FILE", &flags->out.to,
          "write what was logged to FILE.jsonl, a page a line");
  AddSwitch(verb, "--overwrite", &flags->out.overwrite, "replace a file that is there");
  Runs(verb, session, [session, flags] { return GiveFeedback(session, *flags); });
}

}  // namespace espy::cli
