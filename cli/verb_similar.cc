#include <memory>
#include <string>

#include "cli/flags.h"
#include "cli/hits.h"
#include "cli/verbs.h"
#include "espy/query.h"

namespace espy::cli {
namespace {

struct SimilarFlags {
  std::string target;
  HitFlags hits;
};

Outcome Similar(Session* session, const SimilarFlags& flags) {
  if (Status status = CheckHitFlags(*session, flags.hits); !status.ok()) return status;
  Result<std::unique_ptr<Library>> library =
      OpenSessionLibrary(*session, AccessFor(flags.hits), flags.hits.compute);
  if (!library.ok()) return library.status();
  Result<QueryTerm> term = PictureTerm(library->get(), flags.target);
  if (!term.ok()) return term.status();
  SearchOptions options = ToSearchOptions(flags.hits);
  options.exclude_query_items = true;
  Query query;
  query.terms.push_back(*std::move(term));
  return SearchAndShow(session, library->get(), query, options, flags.hits, "like " + flags.target);
}

}  // namespace

void AddSimilar(CLI::App* program, Session* session) {
  CLI::App* verb =
      AddVerb(program, session, "similar", "find pictures that look like one of them", R"(Examples:
  espy similar ./dog.jpg
  espy similar 00f3a1b2c3d4e5f6 -k 5 --show

The picture itself is left out. Exit code 1: no hit.
)");
  auto flags = std::make_shared<SimilarFlags>();
  AddWord(verb, "PATH|ID", &flags->target, "a picture file, of the library or not, or an item's id",
          Need::kRequired);
  AddHitFlags(verb, &flags->hits);
  Runs(verb, session, [session, flags] { return Similar(session, *flags); });
}

}  // namespace espy::cli
