#include "captioning/drafts/speculation_gate.h"

#include <gtest/gtest.h>

namespace espy::captioning {
namespace {

struct Ran {
  int drafted = 0;
  double seconds = 0;
  int tokens = 0;
};

// Steps of which a drafted one takes `seconds` and gives `tokens`; a plain one takes 1 and gives 1.
Ran Steps(SpeculationGate* gate, int steps, double seconds, int tokens) {
  Ran ran;
  for (int i = 0; i < steps; ++i) {
    const bool drafts = gate->Drafts();
    const double took = drafts ? seconds : 1;
    const int gave = drafts ? tokens : 1;
    gate->Observe(drafts, took, gave);
    ran.drafted += drafts ? 1 : 0;
    ran.seconds += took;
    ran.tokens += gave;
  }
  return ran;
}

TEST(SpeculationGate, StaysOnWhileDraftsPay) {
  SpeculationGate gate;
  const Ran ran = Steps(&gate, 10000, 1.5, 3);
  EXPECT_TRUE(gate.on());
  EXPECT_GT(ran.drafted, 9800);
  EXPECT_NEAR(gate.DraftedSecondsPerToken(), 0.5, 1e-9);
}

TEST(SpeculationGate, LosesLittleWhereDraftsNeverPay) {
  SpeculationGate gate;
  const Ran ran = Steps(&gate, 20000, 1.5, 1);
  EXPECT_FALSE(gate.on());
  EXPECT_LT(ran.seconds / ran.tokens, 1.01) << "within 1 % of plain steps";
  EXPECT_GT(ran.drafted, SpeculationGate::kTrialSteps) << "it tries again";
}

TEST(SpeculationGate, ComesBackWhenDraftsBeginToPay) {
  SpeculationGate gate;
  Steps(&gate, 3000, 2, 1);
  ASSERT_FALSE(gate.on());
  Steps(&gate, SpeculationGate::kMaxSteps + SpeculationGate::kTrialSteps, 1.5, 3);
  EXPECT_TRUE(gate.on());
  Steps(&gate, 200, 2, 1);
  EXPECT_FALSE(gate.on()) << "and goes again when they do not";
}

TEST(SpeculationGate, DoesNotFlickerWhereBothAreAlike) {
  SpeculationGate gate;
  int changes = 0;
  bool was = gate.on();
  for (int i = 0; i < 20000; ++i) {
    const bool drafts = gate.Drafts();
    // Drafted steps are faster by 2 %, which is less than what turns them on.
    gate.Observe(drafts, drafts ? 1.96 : 1 + 0.1 * (i % 3 - 1), drafts ? 2 : 1);
    changes += gate.on() != was ? 1 : 0;
    was = gate.on();
  }
  EXPECT_LE(changes, 2);
}

TEST(SpeculationGate, OneStepThatWasHeldUpDoesNotTurnItOff) {
  SpeculationGate gate;
  Steps(&gate, 100, 1.2, 3);
  gate.Observe(true, 1000, 3);
  EXPECT_TRUE(gate.on());
}

}  // namespace
}  // namespace espy::captioning
