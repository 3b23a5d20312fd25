// A shortlist -> rows of features: what every learned order of this library is a function of.
#ifndef ESPY_RANKING_SHORTLIST_FEATURES_H_
#define ESPY_RANKING_SHORTLIST_FEATURES_H_

#include <vector>

#include "ranking/click_history.h"
#include "ranking/features.h"
#include "ranking/shortlist.h"

namespace espy::ranking {

// Columns, each of order 1:
//   dense       cosine, less the page's mean, by its standard deviation
//   top         1 / log2(2 + place in similarity order)
//   text        words' score s as s / (s + 5)
//   match       2 p - 1 of the matching model's probability; 0: not asked
//   recency     2^-(age / 365 days); 0: not known
//   popularity  ClickHistory::Popularity, held to [-3, 3]
//   neighbours  ClickHistory::Neighbours s as s / (s + 1)
//   taste       cosine with ClickHistory::Taste, standardised over the page as `dense` is
//   copy        1 where a candidate before it looks the same (hashes within 6 bits), else 0
const FeatureSchema& ShortlistSchema();

// [candidates, columns], row-major.
std::vector<float> ShortlistFeatures(const Shortlist& shortlist, const ClickHistory& history);

}  // namespace espy::ranking

#endif  // ESPY_RANKING_SHORTLIST_FEATURES_H_
