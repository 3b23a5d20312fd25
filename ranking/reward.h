// What was done with a slot of a page, as one number.
#ifndef ESPY_RANKING_REWARD_H_
#define ESPY_RANKING_REWARD_H_

namespace espy::ranking {

// Of one slot; an absent deed is zero.
struct SlotOutcome {
  bool clicked = false;
  float dwell_s = 0;      // seconds looked at after the click
  bool kept = false;      // of lasting use: saved, copied
  bool rejected = false;  // "not this"
};

// 1 for a click that satisfied (a keep, or a dwell of at least `satisfied_s`), `click` for a click
// without either, `rejection` for a rejection, else 0.
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

#endif  // ESPY_RANKING_REWARD_H_
