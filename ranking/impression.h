// A page that was shown, and what was done with it: what learning and off-policy estimates read.
#ifndef ESPY_RANKING_IMPRESSION_H_
#define ESPY_RANKING_IMPRESSION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "ranking/features.h"

namespace espy::ranking {

// Candidates stand in similarity order, shown or not: another policy would have chosen among the
// same ones, and an estimate needs the features of all.
struct Impression {
  std::uint64_t query_id = 0;
  std::int64_t time_us = 0;  // since 1970, UTC
  std::string session;       // "" : a session of its own
  std::string client;        // who asked, as the caller names them; "": nobody in particular
  std::string policy;        // the logging policy's id; "similarity" without one
  std::uint64_t policy_version = 0;
  std::uint64_t seed = 0;  // of the page's random draws; the page can be drawn again

  std::vector<std::uint64_t> items;  // [n] candidates' ids
  std::size_t columns = 0;           // of features
  std::vector<float> features;       // [n, columns]
  // Slot by slot: the candidate's index, and the probability of it there given the slots above.
  std::vector<std::uint32_t> shown;
  std::vector<double> propensities;

  FeatureRows rows() const { return {features, columns}; }
};

// Of one slot; an absent deed is zero.
struct SlotOutcome {
  bool clicked = false;
  float dwell_s = 0;      // seconds looked at after the click
  bool kept = false;      // opened for good: saved, tagged, copied
  bool rejected = false;  // "not this"
};

struct Outcome {
  std::vector<SlotOutcome> slots;  // as many as Impression::shown
  // How much this page counts, in (0, 1]: below 1 where its client reached a cap on weight.
  double weight = 1;
};

struct LoggedPage {
  Impression impression;
  Outcome outcome;
};

// One number for each slot: 1 for a click that satisfied (a keep, or a dwell of at least
// `satisfied_s`), `click` for a click without either, -1 for a rejection, else 0.
struct RewardRule {
  double click = 0.5;
  double satisfied_s = 10;
  double rejection = -1;
};

inline double Reward(const SlotOutcome& slot, const RewardRule& rule = {}) {
  if (slot.rejected) return rule.rejection;
  if (slot.kept || (slot.clicked && slot.dwell_s >= rule.satisfied_s)) return 1;
  return slot.clicked ? rule.click : 0;
}

}  // namespace espy::ranking

#endif  // ESPY_RANKING_IMPRESSION_H_
