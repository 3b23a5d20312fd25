#include <memory>
#include <string>
#include <vector>

#include "cli/json.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

Outcome Tags(Session* session) {
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kRead);
  if (!library.ok()) return library.status();
  const Result<std::vector<TagCount>> tags = (*library)->Tags();
  if (!tags.ok()) return tags.status();
  Table table({Table::Align::kRight, Table::Align::kLeft});
  for (const TagCount& tag : *tags) {
    if (session->json) {
      Json line;
      line["tag"] = tag.tag;
      line["items"] = tag.items;
      session->out.Line(ToLine(line));
    } else {
      table.Add({FormatCount(tag.items), EscapeForTerminal(tag.tag)});
    }
  }
  session->out.Write(table.Format());
  return kDone;
}

}  // namespace

void AddTags(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "tags", "list your words with the number of pictures", "");
  Runs(verb, session, [session] { return Tags(session); });
}

}  // namespace espy::cli
