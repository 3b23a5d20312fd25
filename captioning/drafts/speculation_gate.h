// Whether drafting pays here and now. It decides about time alone: the words are the same either
// way.
#ifndef ESPY_CAPTIONING_DRAFTS_SPECULATION_GATE_H_
#define ESPY_CAPTIONING_DRAFTS_SPECULATION_GATE_H_

#include <cstdint>

namespace espy::captioning {

// Keeps running estimates of the seconds a token with drafts and without. Off when drafts are not
// faster; on again when a trial shows them faster by kMargin, so that it does not flicker where
// both are alike. While on, one step in kStepsBetween is plain, to keep that estimate true; while
// off, a trial of kTrialSteps comes after kStepsBetween plain steps, each failed trial doubling the
// wait up to kMaxSteps. What is lost where drafts never pay is thus at most the trials: under 1 %
// of the steps in the long run. One thread at a time.
class SpeculationGate {
 public:
  static constexpr int kStepsBetween = 64;
  static constexpr int kTrialSteps = 8;
  static constexpr int kMaxSteps = 2048;
  static constexpr double kMargin = 1.05;

  bool Drafts() const;  // whether the next step should draft
  // What the step took, drafting included, and how many tokens it gave.
  void Observe(bool drafted, double seconds, int tokens);

  bool on() const { return on_; }
  double PlainSecondsPerToken() const { return plain_.Value(); }
  double DraftedSecondsPerToken() const { return drafted_.Value(); }

 private:
  // Seconds and tokens with a memory of about 32 steps: their quotient is the mean over tokens.
  struct Rate {
    double seconds = 0;
    double tokens = 0;
    void Add(double s, int t);
    double Value() const { return tokens > 0 ? seconds / tokens : 0; }
  };

  Rate plain_;
  Rate drafted_;
  Rate trial_;
  bool on_ = true;
  int drafted_steps_ = 0;      // since the gate was opened
  int since_ = kStepsBetween;  // steps of the present kind since one of the other; plain first
  int trial_left_ = 0;         // steps of a trial still to come
  int wait_ = kStepsBetween;   // plain steps before the next trial
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DRAFTS_SPECULATION_GATE_H_
