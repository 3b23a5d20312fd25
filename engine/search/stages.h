// What the stages of one search hand to each other. Each stage is a function of what came before it
// and of one ReadState; search.cc runs them in order.
//
//   query -> terms -> Asked -> page (candidates within Allowed, cut, groups, diversity) ->
//   Ranked...
//         -> records -> hits
//
// A stage that scores in another way (words, a policy) takes Ranked rows and returns Ranked rows:
// it writes its own part of the score, and the score that the order follows.
#ifndef ESPY_ENGINE_SEARCH_STAGES_H_
#define ESPY_ENGINE_SEARCH_STAGES_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/clicks/ranker.h"
#include "engine/library_impl.h"
#include "engine/search/cursor.h"
#include "engine/where/where.h"
#include "espy/query.h"

namespace espy::search {

// The query as vectors.
struct Asked {
  std::vector<float> vector;     // unit length, of the space's dimension
  std::vector<ItemId> items;     // that the query's terms name
  std::vector<ItemId> examples;  // that its examples name: never hits
  // One phrase without arithmetic: what a model's calibrated probability speaks of.
  // An adapter moves cosines: nothing is calibrated then.
  bool one_phrase = false;
  bool in_words = false;  // some term is a phrase
};

// The items that pass --where; null lets all pass.
using Allowed = std::shared_ptr<const index::IdSet>;

struct Ranked {
  ItemId id = kNoItem;
  float score = 0;  // what the order follows: best first, equal scores by id
  Hit::Parts parts;
  std::int64_t stands_for = 1;  // itself and the near copies that it leads
};

struct Candidates {
  std::vector<Ranked> rows;   // best first
  std::int64_t searched = 0;  // items that could have been among them
  std::string plan;           // one line for people
  bool by_score = true;       // rows fall along their score, so that a place is one to go on from
};

// terms.cc
Status CheckQuery(const Query& query);
// `adapter`: phrases go through the space's adapter.
Result<Asked> EncodeQuery(Library::Impl* library, const Query& query, bool adapter,
                          const ReadState& state);

// filter.cc: `filter` may be null.
Result<Allowed> AllowedItems(Library::Impl* library, const where::Filter* filter,
                             const ReadState& state);

// candidates.cc: the n best by cosine, when there are as many. Of the options it looks at whether
// the query's own items are left out.
Result<Candidates> FindCandidates(Library::Impl* library, const Asked& asked,
                                  const Allowed& allowed, std::int64_t n, bool exact,
                                  const SearchOptions& options, const ReadState& state);

// group.cc
Result<std::vector<Ranked>> GroupNear(Library::Impl* library, std::vector<Ranked> rows,
                                      const ReadState& state);

// page.cc: the least score that a hit must have; nullopt for any.
Result<std::optional<float>> CutScore(Library::Impl* library, const Asked& asked,
                                      const SearchOptions& options, const ReadState& state);
Result<Candidates> FindPage(Library::Impl* library, const Asked& asked, const Allowed& allowed,
                            const SearchOptions& options, const std::optional<float>& cut,
                            const std::optional<Cursor>& after, const ReadState& state);

// rerank.cc
Status CheckRerank(const Query& query, const SearchOptions& options);
// What the page is to be found with, so that the second look has enough to look at.
SearchOptions ForRerank(const SearchOptions& options);
// A page found with those options -> the page that was asked for.
Status RerankByMatch(Library::Impl* library, const Query& query, const SearchOptions& options,
                     Candidates* page);

// policy.cc: how a page is ordered beyond similarity, and whether it is logged.
struct Reordering {
  std::shared_ptr<const clicks::Loaded> policy;  // null: similarity ranks
  bool log = false;
  ClickSettings settings;
};
Reordering PlanReordering(Library::Impl* library, const SearchOptions& options,
                          const ReadState& state);
// What the page is to be found with, so that there are candidates enough.
SearchOptions ForReordering(const Reordering& plan, const SearchOptions& options);
// A page found with those options, in similarity order -> the page that was asked for. Sets the
// result's policy, and logs the page where the plan says so. An error leaves the page alone.
Status ReorderAndLog(Library::Impl* library, const Query& query, const Asked& asked,
                     const SearchOptions& options, const Reordering& plan, const ReadState& state,
                     Candidates* page, SearchResult* result);

// records.cc
Result<std::vector<Hit>> ReadHits(Library::Impl* library, const std::vector<Ranked>& rows,
                                  bool calibrated, const ReadState& state);

}  // namespace espy::search

#endif  // ESPY_ENGINE_SEARCH_STAGES_H_
