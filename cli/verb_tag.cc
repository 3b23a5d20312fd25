#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace espy::cli {
namespace {

struct TagFlags {
  std::string target;
  std::vector<std::string> changes;
};

Outcome Tag(Session* session, const TagFlags& flags) {
  std::vector<std::string> add, remove;
  for (const std::string& change : flags.changes) {
    if (change.size() < 2 || (change[0] != '+' && change[0] != '-')) {
      return Status::InvalidArgument("tag: '" + change + "' is no change; write +word or -word");
    }
    (change[0] == '+' ? add : remove).push_back(change.substr(1));
  }
  Result<std::unique_ptr<Library>> library = OpenSessionLibrary(*session, Access::kWrite);
  if (!library.ok()) return library.status();
  const Result<Record> found = (*library)->Find(flags.target);
  if (!found.ok()) return found.status();
  const Result<Record> record = (*library)->Tag(found->id, add, remove);
  if (!record.ok()) return record.status();
  if (session->json) {
    session->out.Line(ToLine(RecordToJson(*record)));
  } else if (!session->quiet) {
    std::string tags;
    for (const std::string& tag : record->tags) tags += (tags.empty() ? "" : ", ") + tag;
    session->out.Line(EscapeForTerminal(tags.empty() ? "(no tags)" : tags));
  }
  return kDone;
}

}  // namespace

void AddTag(CLI::App* program, Session* session) {
  CLI::App* verb = AddVerb(program, session, "tag", "add and remove words of your own", R"(Examples:
  espy tag ./dog.jpg +rex "+best of 2024" -draft

Words keep to the picture, not to its path. espy search --where 'tag = "rex"' finds them.
)");
  auto flags = std::make_shared<TagFlags>();
  AddWord(verb, "PATH|ID", &flags->target, "a picture of the library, by path or by id",
          Need::kRequired);
  AddWords(verb, "CHANGE", &flags->changes, "+word adds it, -word removes it", Need::kRequired);
  Runs(verb, session, [session, flags] { return Tag(session, *flags); });
}

}  // namespace espy::cli
