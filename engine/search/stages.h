// What the stages of one search hand to each other. Each stage is a function of what came before it
// and of one ReadState; search.cc runs them in order.
//
//   query -> terms -> Asked -> candidates (within Allowed) -> Ranked... -> records -> hits
//
// A stage that scores in another way (words, a policy) takes Ranked rows and returns Ranked rows:
// it writes its own part of the score, and the score that the order follows.
#ifndef ESPY_ENGINE_SEARCH_STAGES_H_
#define ESPY_ENGINE_SEARCH_STAGES_H_

#include <memory>
#include <string>
#include <vector>

#include "engine/library_impl.h"
#include "espy/query.h"

namespace espy::search {

// The query as vectors.
struct Asked {
  std::vector<float> vector;  // unit length, of the space's dimension
  std::vector<ItemId> items;  // that the query itself names
  // One phrase without arithmetic: what a model's calibrated probability speaks of.
  bool one_phrase = false;
};

// The items that pass --where; null lets all pass.
using Allowed = std::shared_ptr<const index::IdSet>;

struct Ranked {
  ItemId id = kNoItem;
  float score = 0;  // what the order follows: best first, equal scores by id
  Hit::Parts parts;
};

struct Candidates {
  std::vector<Ranked> rows;
  std::int64_t searched = 0;  // items that could have been among them
  std::string plan;           // one line for people
};

// terms.cc
Status CheckQuery(const Query& query);
Result<Asked> EncodeQuery(Library::Impl* library, const Query& query, const ReadState& state);

// filter.cc
Result<Allowed> AllowedItems(Library::Impl* library, const std::string& where,
                             const ReadState& state);

// candidates.cc: at least the k best by cosine that options ask for, when there are as many.
Result<Candidates> FindCandidates(const Asked& asked, const Allowed& allowed,
                                  const SearchOptions& options, const ReadState& state);

// records.cc
Result<std::vector<Hit>> ReadHits(Library::Impl* library, const std::vector<Ranked>& rows,
                                  bool calibrated, const ReadState& state);

}  // namespace espy::search

#endif  // ESPY_ENGINE_SEARCH_STAGES_H_
