// What searches showed and what people did with it, and the order that is learned from both.
// docs/ranking.md has the whole.
#ifndef ESPY_FEEDBACK_H_
#define ESPY_FEEDBACK_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "espy/record.h"

namespace espy {

// About one item of one page that a search showed. Given again for the same item and page it is
// joined with what was given: deeds stay done, the longest dwell counts.
struct Feedback {
  std::string query_id;  // SearchResult::query_id of a search that was logged
  ItemId item = kNoItem;
  bool clicked = true;
  double dwell_s = 0;     // seconds that it was looked at, at most a day; makes it clicked
  bool kept = false;      // saved, copied, used; makes it clicked
  bool rejected = false;  // "not this": neither clicked nor kept
  std::string client;     // who; "": whom the search named
};

// How pages are logged and drawn; kept with the library.
struct ClickSettings {
  bool log = true;  // false: searches log nothing, whatever they ask for
  // Of a page so many slots may show something from among the first `explore_within` instead of
  // what is next, each with the chance of 1 in 10. 0: none, as for a library of one person.
  std::int64_t explore_slots = 0;
  std::int64_t explore_within = 0;
  // This share of logged pages is shared out between the policy and similarity order, while a
  // policy ranks; when similarity wins, it ranks again. 0 to 1.
  double guard_share = 0.1;
};

struct ClickCounts {
  std::uint64_t pages = 0;
  std::uint64_t clicked = 0;  // items, as the next two
  std::uint64_t kept = 0;
  std::uint64_t rejected = 0;
};

struct ClickExportOptions {
  std::string to;  // ends in .jsonl: a page a line, in order of time; docs/FORMATS.md has its keys
  bool overwrite = false;
};

struct ClickExportReport {
  std::uint64_t pages = 0;
  std::uint64_t feedback = 0;  // items that something was said about
  std::uint64_t bytes = 0;
};

struct LearnOptions {
  bool dry_run = false;  // tells what would be done
  // The bounds of a policy's gain hold with this probability; 0.5 to 0.999.
  double confidence = 0.95;
  // How strongly clicks are taken to depend on the slot: 0 not at all, 1 as eye tracking measured.
  // 0 to 2.
  double position_bias = 1;
};

// Where a policy ends lists under SearchOptions::auto_min_score, and how that did on the held-out
// pages: F1 over what was shown, of it, of the best fixed cosine, and of cutting nothing.
struct StopInfo {
  bool phrases = true;  // of questions in words; false: of those without any
  double f1 = 0, f1_fixed = 0, f1_all = 0;
  double calibration = 0;  // clicks that it expected, by those that there were
};

struct PolicyInfo {
  std::uint64_t version = 0;  // 0: similarity
  bool in_use = false;
  std::int64_t learned_unix = 0;
  std::uint64_t learned_on = 0, judged_on = 0;  // pages
  // Reward a page on the held-out pages, by the position-based estimate: of this policy, of what
  // ranked before it, and their difference with its bounds.
  double value = 0, value_before = 0;
  double gain = 0, gain_lower = 0, gain_upper = 0;
  std::vector<std::pair<std::string, double>> weights;  // by feature, or "a*b" of two
  std::vector<StopInfo> stops;                          // those that proved themselves
};

struct LearnReport {
  bool switched = false;
  bool dry_run = false;
  bool cancelled = false;
  std::string why;                     // one sentence: why it was, or was not, switched on
  std::vector<std::string> stops;      // of a policy: a sentence about each end of lists it learned
                                       // or did not
  std::uint64_t pages = 0;             // logged, of the space that is searched now
  std::uint64_t held_out = 0;          // of those, judged on
  std::uint64_t held_out_clicked = 0;  // of those, with a click or a rejection
  double effective_size = 0;  // Kish's, of the weights that the estimate gave the held-out clicks
  double gain_bernstein_lower = 0;  // a lower bound of the gain that holds for any distribution
  PolicyInfo policy;                // what was learned; its version is 0 when it was not kept
  double seconds = 0;
};

}  // namespace espy

#endif  // ESPY_FEEDBACK_H_
