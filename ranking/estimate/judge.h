// Whether a policy would have earned more than the one in use on pages that were held back, and how
// sure that is.
#ifndef ESPY_RANKING_ESTIMATE_JUDGE_H_
#define ESPY_RANKING_ESTIMATE_JUDGE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ranking/estimate/interval.h"

namespace espy::ranking {

// A held-out page, and where both policies would have put what it showed.
struct JudgedPage {
  std::vector<double> rewards;           // by slot as it was shown
  std::vector<std::uint32_t> in_use;     // the slot of each of those in the order in use
  std::vector<std::uint32_t> candidate;  // and in the candidate policy's
  double weight = 1;                     // how much the page counts
  std::uint32_t group = 0;               // pages of one client hang together
};

struct JudgeOptions {
  double confidence = 0.95;
  double severity = 1;             // of PositionExamination
  double clip = 10;                // of the ratio of two slots' examination
  std::uint64_t least_pages = 50;  // with a reward other than zero
  int rounds = 2000;               // of the bootstrap
  std::uint64_t seed = 1;
};

struct Verdict {
  bool better = false;
  std::string why;  // one sentence, for people
  std::uint64_t pages = 0;
  std::uint64_t rewarded = 0;  // pages with a reward other than zero
  double effective = 0;        // sample size of the rewarded slots' weights (Kish)
  Interval in_use, candidate;  // reward a page, bootstrap
  Interval gain;               // of the differences page by page, bootstrap: decides
  Interval gain_bernstein;     // the same, holding for any distribution
};

// The position-based inverse-propensity estimate (slate.h) of both orders on the same pages. A
// policy is better when the lower bound of its gain is above 0 and there are pages enough.
Verdict Judge(std::span<const JudgedPage> pages, const JudgeOptions& options = {});

}  // namespace espy::ranking

#endif  // ESPY_RANKING_ESTIMATE_JUDGE_H_
