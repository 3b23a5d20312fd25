#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

struct SetFlags {
  std::vector<std::string> words;
  std::string where;
  bool dry_run = false;
};

std::string FieldsLine(const Record& record) {
  std::string line;
  for (const auto& [name, value] : record.fields) {
    line += (line.empty() ? "" : ", ") + name + " = " + FormatFieldValue(value);
  }
  return line.empty() ? "(no fields)" : line;
}

// With --where every word is a change; without it the first names the picture.
Outcome Set(Session* session, const SetFlags& flags) {
  SetFieldsOptions options;
  options.where = flags.where;
  options.dry_run = flags.dry_run;
  std::size_t first = 0;
  if (flags.where.empty()) {
    options.targets.push_back(flags.words[0]);
    first = 1;
    if (flags.words.size() == 1) {
      return Status::InvalidArgument("set: nothing to set; give NAME=VALUE behind the picture");
    }
  }
  for (std::size_t i = first; i < flags.words.size(); ++i) {
    Result<FieldChange> change = ParseFieldChange(flags.words[i]);
    if (!change.ok()) return change.status();
    options.changes.push_back(std::move(*change));
  }
  Result<std::unique_ptr<Library>> library =
      OpenSessionLibrary(*session, options.dry_run ? Access::kRead : Access::kWrite);
  if (!library.ok()) return library.status();
  const Result<SetFieldsReport> report = (*library)->SetFields(options);
  if (!report.ok()) return report.status();
  const bool one = flags.where.empty();
  for (const Record& record : report->records) {
    if (session->json) {
      session->out.Line(ToLine(RecordToJson(record)));
    } else if (one && !session->quiet) {
      session->out.Line(EscapeForTerminal(FieldsLine(record)));
    } else if (!one && (options.dry_run || session->verbose)) {
      session->out.Line(FormatItemId(record.id) + "  " + EscapeForTerminal(FieldsLine(record)));
    }
  }
  if (!one) {
    session->Say("espy: " + Plural(report->changed, "item") + " of " +
                 FormatCount(report->matched) +
                 (options.dry_run ? " would be changed" : " changed"));
  }
  return report->records.empty() ? kNothing : kDone;
}

}  // namespace

void AddSet(CLI::App* program, Session* session) {
  CLI::App* verb = AddVerb(program, session, "set", "give pictures fields of your own", R"(Examples:
  espy set ./dog.jpg rating=4 client="Zoo of Berlin" due=2024-05-17
  espy set ./dog.jpg rating=
  espy set --where 'path ~ "*/raw/*"' sharp=true

A field is text, an integer, a real, a date or true and false, by how its first value looks or as
NAME:TYPE=VALUE says, and keeps that type throughout the library. NAME= takes it away. espy search --where
'rating >= 4' finds them. Exit code 1: nothing matched.
)");
  auto flags = std::make_shared<SetFlags>();
  AddWords(verb, "PATH|ID|NAME=VALUE", &flags->words,
           "a picture of the library, by path or by id, unless --where names them; then changes",
           Need::kRequired);
  AddText(verb, "--where", "EXPR", &flags->where, "every item for which this holds");
  AddSwitch(verb, "--dry-run", &flags->dry_run, "show what would change and change nothing");
  Runs(verb, session, [session, flags] { return Set(session, *flags); });
}

}  // namespace espy::cli
