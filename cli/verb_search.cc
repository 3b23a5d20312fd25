#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/hits.h"
#include "cli/verbs.h"
#include "espy/query.h"

namespace espy::cli {
namespace {

struct SearchFlags {
  std::vector<std::string> words;
  HitFlags hits;
};

Outcome Search(Session* session, const SearchFlags& flags) {
  if (Status status = CheckHitFlags(*session, flags.hits); !status.ok()) return status;
  const Result<Query> query = ParseQuery(flags.words);
  if (!query.ok()) return query.status();
  Result<std::unique_ptr<Library>> library =
      OpenSessionLibrary(*session, Access::kRead, flags.hits.compute);
  if (!library.ok()) return library.status();
  std::string title;
  for (const std::string& word : flags.words) title += (title.empty() ? "" : " ") + word;
  return SearchAndShow(session, library->get(), *query, ToSearchOptions(flags.hits), flags.hits,
                       title);
}

}  // namespace

void AddSearch(CLI::App* program, Session* session) {
  CLI::App* verb = AddVerb(program, session, "search",
                           "find pictures by words, by pictures, or by both", R"(Examples:
  espy search "dog on grass"
  espy search ./dog.jpg + night
  espy search beach - people
  espy search 2:snow - 0.5:car --where 'year >= 2020' -k 20
  espy search sunset -0 | xargs -0 cp -t /tmp/sunsets

An argument that names a file is a picture; id:00f3... is an item of the library. Exit code 1: no hit.
)");
  auto flags = std::make_shared<SearchFlags>();
  AddWords(verb, "QUERY", &flags->words, "phrases and pictures, with + and - and weights between",
           Need::kRequired);
  AddHitFlags(verb, &flags->hits);
  Runs(verb, session, [session, flags] { return Search(session, *flags); });
}

}  // namespace espy::cli
