// Two rankings of the same items -> one.
#ifndef ESPY_ENGINE_SEARCH_FUSE_H_
#define ESPY_ENGINE_SEARCH_FUSE_H_

#include <vector>

#include "espy/query.h"

namespace espy::search {

// One item as both rankings see it. parts.dense is known for every item; parts.text is 0, and a
// rank is 0, where the item is not among those that the ranking found.
struct Fused {
  ItemId id = kNoItem;
  float score = 0;  // what Fuse... writes
  Hit::Parts parts;
};

// Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009): the sum of 1 / (60 + rank)
// over the rankings that hold the item. Sorts, best first; equal scores by cosine, then by id.
void FuseByRank(std::vector<Fused>* rows);

// (1 - w) dense + w text, each brought to [0, 1]: cosines from their least to their greatest,
// words' scores from none to their greatest. Sorts as above.
void FuseByWeight(std::vector<Fused>* rows, float text_weight);

}  // namespace espy::search

#endif  // ESPY_ENGINE_SEARCH_FUSE_H_
