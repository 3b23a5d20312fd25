#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "cli/hits.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "espy/query.h"

namespace espy::cli {
namespace {

struct SearchFlags {
  std::vector<std::string> words;
  std::vector<std::string> like, unlike;
  WordFlags text;
  RerankFlags rerank;
  HitFlags hits;
  bool watch = false;
  bool no_adapter = false;
};

// Looks so often whether the library's writer has done anything.
constexpr std::chrono::seconds kLook(1);

Status AddExamples(Library* library, const std::vector<std::string>& names,
                   std::vector<QueryTerm>* examples) {
  for (const std::string& name : names) {
    Result<QueryTerm> term = PictureTerm(library, name);
    if (!term.ok()) return term.status();
    examples->push_back(*std::move(term));
  }
  return Status::Ok();
}

Outcome Search(Session* session, const SearchFlags& flags) {
  if (Status status = CheckHitFlags(*session, flags.hits); !status.ok()) return status;
  if (flags.words.empty() && flags.like.empty() && flags.text.text.empty()) {
    return Status::InvalidArgument("search: nothing to look for; give QUERY or --text WORDS");
  }
  Query query;
  if (!flags.words.empty()) {
    Result<Query> parsed = ParseQuery(flags.words);
    if (!parsed.ok()) return parsed.status();
    query = *std::move(parsed);
  }
  Result<std::unique_ptr<Library>> library =
      OpenSessionLibrary(*session, AccessFor(flags.hits), flags.hits.compute);
  if (!library.ok()) return library.status();
  if (Status status = AddExamples(library->get(), flags.like, &query.like); !status.ok()) {
    return status;
  }
  if (Status status = AddExamples(library->get(), flags.unlike, &query.unlike); !status.ok()) {
    return status;
  }
  std::string title;
  for (const std::string& word : flags.words) title += (title.empty() ? "" : " ") + word;
  if (title.empty()) title = flags.like.empty() ? flags.text.text : "like " + flags.like.front();
  SearchOptions options = ToSearchOptions(flags.hits);
  options.adapter = !flags.no_adapter;
  options.text = flags.text.text;
  options.hybrid = flags.text.hybrid;
  options.text_weight = static_cast<float>(flags.text.text_weight);
  options.rerank = flags.rerank.rerank;
  options.rerank_first = flags.rerank.first;
  options.captioner = flags.rerank.captioner;
  const auto answer = [&] {
    return SearchAndShow(session, library->get(), query, options, flags.hits, title);
  };
  Outcome outcome = answer();
  if (!flags.watch) return outcome;
  const GracefulStop graceful("");
  std::mutex mutex;
  std::condition_variable_any never;
  while (outcome.ok()) {
    if (Status written = session->out.Flush(); !written.ok()) return written;
    std::unique_lock lock(mutex);
    never.wait_for(lock, graceful.token(), kLook, [] { return false; });
    if (graceful.token().stop_requested()) break;
    const Result<bool> moved = (*library)->Refresh();
    if (!moved.ok()) return moved.status();
    if (*moved) outcome = answer();
  }
  return outcome;
}

}  // namespace

void AddSearch(CLI::App* program, Session* session) {
  CLI::App* verb = AddVerb(program, session, "search",
                           "find pictures by words, by pictures, or by both", R"(Examples:
  espy search "dog on grass"
  espy search ./dog.jpg + night
  espy search beach - people
  espy search 2:snow - 0.5:car --where 'year >= 2020' -k 20
  espy search "red car" --like ./mine.jpg --unlike 00f3a1b2c3d4e5f6
  espy search dog --min-score auto --group near --diversity 0.3
  espy search --text 'tag:beach +"red car" -night'
  espy search "dog on grass" --hybrid rrf
  espy search "a cup left of a book" --rerank itm
  espy search sunset -0 | xargs -0 cp -t /tmp/sunsets

An argument that names a file is a picture; id:00f3... is an item of the library.
--text looks up words as they stand (any form of them; "a phrase"; begin*; typo~; +must -mustnot; caption: tag: name:
folder: text: for one field). Beside QUERY, both are fused. Exit code 1: no hit.
)");
  auto flags = std::make_shared<SearchFlags>();
  AddWords(verb, "QUERY", &flags->words,
           "phrases and pictures, with + and - and weights between; may be left out beside --like "
           "or --text",
           Need::kOptional);
  AddSwitch(verb, "--no-adapter", &flags->no_adapter,
            "take phrases as the model means them, without what espy train adapter learnt");
  AddTexts(verb, "--like", "PATH|ID", &flags->like,
           "an example of what is wanted; may be given several times");
  AddTexts(verb, "--unlike", "PATH|ID", &flags->unlike,
           "an example of what is not wanted; may be given several times");
  AddWordFlags(verb, &flags->text);
  AddRerankFlags(verb, &flags->rerank);
  AddHitFlags(verb, &flags->hits);
  AddSwitch(verb, "--watch", &flags->watch,
            "answer again whenever another program has changed the library, until Ctrl-C");
  Runs(verb, session, [session, flags] { return Search(session, *flags); });
}

}  // namespace espy::cli
