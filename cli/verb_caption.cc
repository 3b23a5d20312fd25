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

struct CaptionFlags {
  std::vector<std::string> words;
  CaptionOptions options;
  double least = -1;  // confidence; below 0: the model's own
  std::int64_t batch = 0;
  ComputeFlags compute;
};

Json ReportToJson(const CaptionReport& report) {
  Json out;
  out["model"] = report.model;
  out["model_id"] = report.model_id;
  out["items"] = report.items;
  out["by_hand"] = report.by_hand;
  out["already"] = report.already;
  out["captioned"] = report.captioned;
  out["unsure"] = report.unsure;
  out["by_thumbnail"] = report.by_thumbnail;
  out["failed"] = report.failed;
  out["cancelled"] = report.cancelled;
  out["dry_run"] = report.dry_run;
  out["seconds"] = report.seconds;
  out["failures"] = FailuresToJson(report.failures);
  return out;
}

void Answer(Session* session, const CaptionReport& report) {
  if (session->json) {
    session->out.Line(ToLine(ReportToJson(report)));
    return;
  }
  const std::string model = EscapeForTerminal(report.model);
  for (const IngestFailure& failure : report.failures) {
    session->Say("espy: " + failure.status.message());
  }
  if (report.dry_run) {
    session->out.Line(Plural(report.captioned, "picture") + " of " + FormatCount(report.items) +
                      " would get a caption of " + model);
    return;
  }
  if (session->quiet) return;
  std::string line = Plural(report.captioned, "caption") + " by " + model;
  if (report.unsure > 0) line += ", " + FormatCount(report.unsure) + " too unsure to be searched";
  line += "; " + FormatCount(report.already) + " were there already, " +
          FormatCount(report.by_hand) + " are your own; " + FormatDuration(report.seconds);
  session->out.Line(line);
  if (report.cancelled) session->Say("espy: stopped; the same command goes on");
}

}  // namespace

Outcome CaptionPictures(Session* session, Library* library, const CaptionOptions& options,
                        std::stop_token stop, const IngestReport& taken) {
  ProgressMeter meter(session->shows_progress());
  Result<CaptionReport> report = library->Caption(
      options, [&meter](const Progress& p) { meter.Show(p); }, std::move(stop));
  meter.Clear();
  if (!report.ok()) return report.status();
  report->captioned += taken.captioned;
  report->unsure += taken.unsure;
  report->already -= std::min(report->already, taken.captioned);
  Answer(session, *report);
  return report->failed > 0 ? kNothing : kDone;
}

namespace {

Outcome CaptionAll(Session* session, const CaptionFlags& flags) {
  CaptionOptions options = flags.options;
  options.batch_size = static_cast<int>(flags.batch);
  if (flags.least >= 0) options.min_confidence = flags.least;
  Result<std::unique_ptr<Library>> library =
      OpenSessionLibrary(*session, options.dry_run ? Access::kRead : Access::kWrite, flags.compute);
  if (!library.ok()) return library.status();
  GracefulStop graceful("espy: stopping after what is under way; Ctrl-C again ends at once");
  return CaptionPictures(session, library->get(), options, graceful.token(), {});
}

Outcome SetOne(Session* session, const CaptionFlags& flags) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kWrite);
  if (!library.ok()) return library.status();
  const Result<Record> found = (*library)->Find(flags.words[0]);
  if (!found.ok()) return found.status();
  std::string text;
  for (std::size_t i = 1; i < flags.words.size(); ++i) text += (i == 1 ? "" : " ") + flags.words[i];
  const Result<Record> record = (*library)->SetCaption(found->id, text);
  if (!record.ok()) return record.status();
  if (session->json) {
    session->out.Line(ToLine(RecordToJson(*record)));
  } else if (!session->quiet) {
    session->out.Line(EscapeForTerminal(text.empty() ? "(no caption of yours)" : text));
  }
  return kDone;
}

Outcome Caption(Session* session, const CaptionFlags& flags) {
  if (flags.words.empty()) return CaptionAll(session, flags);
  if (flags.words.size() == 1) {
    return Status::InvalidArgument("caption: give the words for " + flags.words[0] +
                                   " behind it, or name pictures for the model by --where");
  }
  if (!flags.options.where.empty()) {
    return Status::InvalidArgument(
        "caption: one picture's own words and --where do not go "
        "together; leave one of them out");
  }
  return SetOne(session, flags);
}

}  // namespace

void AddCaption(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "caption", "let a model say what pictures show", R"(Examples:
  espy caption --model ./blip-image-captioning-base
  espy caption --model ./blip-image-captioning-base --where 'year = 2024'
  espy caption ./dog.jpg "Rex at the lake"
  espy caption ./dog.jpg ""

Captions what has no caption of yours or of this model, and is found again by its words (espy search --text). A
run that is stopped or killed goes on where it was. Your own words, given behind a picture, are never touched by a model
and stand before its own; "" takes them away. A caption that the model is unsure of is kept, and not searched. Exit code
1: some pictures could not be captioned (espy failures).
)");
  auto flags = std::make_shared<CaptionFlags>();
  AddWords(verb, "PATH|ID|WORD", &flags->words,
           "a picture of the library, by path or by id, and your own words for it");
  AddText(verb, "--where", "EXPR", &flags->options.where, "only items for which this holds");
  AddText(verb, "--model", "NAME|DIR", &flags->options.model,
          "a BLIP model: its directory, or its name among the installed ones (espy-mini-caption)");
  AddText(verb, "--prompt", "TEXT", &flags->options.prompt, "words that captions begin with");
  AddSwitch(verb, "--force", &flags->options.force, "caption again what this model has captioned");
  AddSwitch(verb, "--from-thumbnails", &flags->options.from_thumbnails,
            "look at the thumbnails that the library keeps and read no file");
  AddSwitch(verb, "--dry-run,--count", &flags->options.dry_run,
            "say how many pictures would be captioned and change nothing");
  AddNumber(verb, "--min-confidence", &flags->least, 0, 1,
            "captions below it are not searched (the model's own threshold)");
  AddInteger(verb, "--beams", &flags->options.beams, 1, 64,
             "1: the likeliest word at each step; more: the best of so many texts, slower");
  AddInteger(verb, "--max-length", &flags->options.max_length, 2, 512, "tokens a caption");
  AddInteger(verb, "--batch-size", &flags->batch, 0, 256, "pictures at once (0: 8)");
  AddCompute(verb, &flags->compute);
  Runs(verb, session, [session, flags] { return Caption(session, *flags); });
}

}  // namespace espy::cli
