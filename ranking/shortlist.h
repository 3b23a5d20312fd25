// A search's candidates as ranking sees them: scores, facts and vectors, in similarity order.
#ifndef ESPY_RANKING_SHORTLIST_H_
#define ESPY_RANKING_SHORTLIST_H_

#include <cstdint>
#include <span>
#include <vector>

namespace espy::ranking {

struct Candidate {
  std::uint64_t item = 0;
  float dense = 0;                // cosine with the question
  float text = 0;                 // the words' score (BM25); 0: none
  float match = -1;               // the matching model's probability; negative: not asked
  double age_days = -1;           // since the picture was taken or changed; negative: not known
  std::uint64_t look = 0;         // perceptual hash; 0: none
  std::span<const float> vector;  // unit length, of the question's space; empty: none
};

struct Shortlist {
  std::span<const float> question;  // unit length; empty where words alone were asked
  std::vector<Candidate> candidates;
};

}  // namespace espy::ranking

#endif  // ESPY_RANKING_SHORTLIST_H_
