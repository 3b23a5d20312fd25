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

Json ReportToJson(const LearnReport& report) {
  Json out;
  out["switched"] = report.switched;
  out["why"] = report.why;
  out["stops"] = report.stops;
  out["pages"] = report.pages;
  out["held_out"] = report.held_out;
  out["held_out_clicked"] = report.held_out_clicked;
  out["effective_size"] = JsonNumber(static_cast<float>(report.effective_size));
  out["gain_bernstein_lower"] = JsonNumber(static_cast<float>(report.gain_bernstein_lower));
  out["policy"] = PolicyToJson(report.policy);
  out["dry_run"] = report.dry_run;
  out["cancelled"] = report.cancelled;
  out["seconds"] = report.seconds;
  return out;
}

Outcome Learn(Session* session, const LearnOptions& options) {
  Result<std::unique_ptr<Library>> library =
      OpenSessionLibrary(*session, options.dry_run ? Access::kRead : Access::kWrite);
  if (!library.ok()) return library.status();
  GracefulStop graceful("espy: stopping; nothing is changed");
  ProgressMeter meter(session->shows_progress());
  const Result<LearnReport> report = (*library)->Learn(
      options, [&meter](const Progress& p) { meter.Show(p); }, graceful.token());
  meter.Clear();
  if (!report.ok()) return report.status();
  if (session->json) {
    session->out.Line(ToLine(ReportToJson(*report)));
  } else if (!session->quiet) {
    std::string what = "similarity order, or what ranks now, stays";
    if (report->switched) {
      what = report->dry_run ? "a policy would be switched on"
                             : "policy " + std::to_string(report->policy.version) + " ranks now";
    }
    session->out.Line(what + ": " + report->why);
    for (const std::string& stop : report->stops) session->out.Line(stop);
    session->out.Line(
        Plural(report->pages, "page") + ", judged on the newest " + FormatCount(report->held_out) +
        ", " + FormatCount(report->held_out_clicked) + " of them with a click (effective size " +
        FormatFixed(report->effective_size, 1) + "); " + FormatDuration(report->seconds));
  }
  return report->switched ? kDone : kNothing;
}

}  // namespace

void AddLearn(CLI::App* program, Session* session) {
  CLI::App* verb = AddVerb(program, session, "learn", "learn an order from clicks, if it is better",
                           R"(Examples:
  espy learn --dry-run
  espy learn

Learns from what searches showed and what espy feedback said of it. What was learned is judged on the newest three
tenths of the pages, and ranks only if the lower bound of its gain over what ranks now is above 0. Exit code 1: nothing
was switched on. espy policy reset gives similarity order back.
)");
  auto options = std::make_shared<LearnOptions>();
  AddSwitch(verb, "-n,--dry-run", &options->dry_run, "say what would be done and change nothing");
  AddNumber(verb, "--confidence", &options->confidence, 0.5, 0.999,
            "the bounds of the gain hold with this probability (0.95)");
  AddNumber(verb, "--position-bias", &options->position_bias, 0, 2,
            "how strongly clicks depend on the place: 0 not at all, 1 as measured (1)");
  Runs(verb, session, [session, options] { return Learn(session, *options); });
}

}  // namespace espy::cli
