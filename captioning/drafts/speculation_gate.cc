#include "captioning/drafts/speculation_gate.h"

#include <algorithm>

namespace espy::captioning {

void SpeculationGate::Rate::Add(double s, int t) {
  constexpr double kKept = 31.0 / 32;
  // A step that the machine held up says little about steps.
  if (tokens > 0) s = std::min(s, 4 * Value() * t);
  seconds = seconds * kKept + s;
  tokens = tokens * kKept + t;
}

bool SpeculationGate::Drafts() const {
  if (on_) return since_ < kStepsBetween;
  return trial_left_ > 0;
}

void SpeculationGate::Observe(bool drafted, double seconds, int tokens) {
  if (on_) {
    if (!drafted) {
      plain_.Add(seconds, tokens);
      since_ = 0;
      return;
    }
    drafted_.Add(seconds, tokens);
    ++since_;
    ++drafted_steps_;
    if (drafted_steps_ >= kTrialSteps && drafted_.Value() >= plain_.Value()) {
      on_ = false;
      since_ = 0;
    }
    return;
  }
  if (!drafted) {
    plain_.Add(seconds, tokens);
    if (++since_ >= wait_) {
      trial_left_ = kTrialSteps;
      trial_ = Rate();
    }
    return;
  }
  trial_.Add(seconds, tokens);
  if (--trial_left_ > 0) return;
  since_ = 0;
  if (trial_.Value() * kMargin <= plain_.Value()) {
    on_ = true;
    drafted_ = trial_;
    drafted_steps_ = kTrialSteps;
    wait_ = kStepsBetween;
  } else {
    wait_ = std::min(wait_ * 2, kMaxSteps);
  }
}

}  // namespace espy::captioning
