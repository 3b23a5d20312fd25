#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

Outcome Forget(Session* session, const ForgetOptions& options) {
  if (options.targets.empty() == options.where.empty()) {
    return Status::InvalidArgument(
        "forget: takes either paths and ids or --where EXPR; give one of them");
  }
  Result<std::unique_ptr<Library>> library =
      OpenSessionLibrary(*session, options.dry_run ? Access::kRead : Access::kWrite);
  if (!library.ok()) return library.status();
  const Result<ForgetReport> report = (*library)->Forget(options);
  if (!report.ok()) return report.status();
  for (const Record& record : report->records) {
    const std::string path = record.paths.empty() ? std::string() : record.paths.front();
    if (session->json) {
      Json line;
      line["id"] = FormatItemId(record.id);
      SetPath(&line, "path", path);
      line["forgotten"] = !options.dry_run;
      session->out.Line(ToLine(line));
    } else if (options.dry_run || session->verbose) {
      session->out.Line(FormatItemId(record.id) + "  " + EscapeForTerminal(path));
    }
  }
  session->Say("espy: " + Plural(report->records.size(), "item") +
               (options.dry_run ? " would be forgotten" : " forgotten"));
  return report->records.empty() ? kNothing : kDone;
}

}  // namespace

void AddForget(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "forget", "remove pictures from the library", R"(Examples:
  espy forget ./dog.jpg
  espy forget --where 'path ~ "*/screens/*"' --dry-run

The files themselves are not touched, and a forgotten picture that is ingested again is new. espy compact
gives the space back. Exit code 1: nothing matched.
)");
  auto options = std::make_shared<ForgetOptions>();
  AddWords(verb, "PATH|ID", &options->targets, "pictures of the library, by path or by id");
  AddText(verb, "--where", "EXPR", &options->where, "every item for which this holds");
  AddSwitch(verb, "--dry-run", &options->dry_run, "list them and change nothing");
  Runs(verb, session, [session, options] { return Forget(session, *options); });
}

}  // namespace espy::cli
