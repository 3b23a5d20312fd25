// AdamW, clipping, the schedule and loss scaling, beside PyTorch's.
#include <gtest/gtest.h>

#include <limits>

#include "tests/parity/formula.h"
#include "tests/training/goldens.h"
#include "training/optim/adamw.h"
#include "training/optim/grad_scaler.h"
#include "training/optim/schedule.h"

namespace espy::training {
namespace {

TEST(AdamW, TenClippedStepsEndWhereTorchEnds) {
  const auto& golden = Goldens().at("adamw");
  ParameterSet set;
  for (int i = 0; i < 2; ++i) {
    set.Add("p" + std::to_string(i), 4, 3, i == 0)->value =
        parity::FormulaValues("adamw.p" + std::to_string(i), 12, 1);
  }
  AdamW adamw(&set, {.beta1 = 0.9, .beta2 = 0.98, .eps = 1e-6, .weight_decay = 0.1});
  for (int step = 0; step < 10; ++step) {
    int i = 0;
    for (Parameter& parameter : set.all()) {
      parameter.gradient = parity::FormulaValues(
          "adamw.g" + std::to_string(i++) + "." + std::to_string(step), 12, 1);
    }
    const double norm = GradientNorm(set);
    EXPECT_NEAR(norm, golden.at("norms")[static_cast<std::size_t>(step)].get<double>(), 1e-6);
    ClipGradients(norm, 2.0, &set);
    EXPECT_LE(GradientNorm(set), 2.0);
    adamw.Step(1e-2);
  }
  std::size_t i = 0;
  for (const Parameter& parameter : set.all()) {
    const auto expected = golden.at("values")[i++].get<std::vector<float>>();
    for (std::size_t j = 0; j < expected.size(); ++j) {
      // Ten steps of some 1e-2 each, in FP32 on both sides.
      EXPECT_NEAR(parameter.value[j], expected[j], 2e-6);
    }
  }
}

TEST(Clip, ShortGradientsStayAsTheyAre) {
  ParameterSet set;
  Parameter* p = set.Add("p", 1, 2, false);
  p->gradient = {0.3f, -0.4f};
  ClipGradients(GradientNorm(set), 1.0, &set);
  EXPECT_EQ(p->gradient, (std::vector<float>{0.3f, -0.4f}));
}

TEST(Schedule, RisesInALineAndFallsAsHalfACosine) {
  const Schedule s{.peak = 2.0, .floor = 0.5, .warmup_steps = 4, .total_steps = 14};
  EXPECT_DOUBLE_EQ(s.Rate(0), 0.5);
  EXPECT_DOUBLE_EQ(s.Rate(3), 2.0);
  EXPECT_DOUBLE_EQ(s.Rate(4), 2.0);
  EXPECT_DOUBLE_EQ(s.Rate(9), 1.25);  // half way
  EXPECT_DOUBLE_EQ(s.Rate(14), 0.5);
  EXPECT_DOUBLE_EQ(s.Rate(1000), 0.5);
}

class Scales : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Torch, Scales,
                         ::testing::Range(std::size_t{0}, Goldens().at("scalers").size()));

TEST_P(Scales, AreTheBitsOfTorchsOnARecordedRun) {
  const auto& golden = Goldens().at("scalers")[GetParam()];
  const auto& options = golden.at("options");
  GradScalerOptions ours;
  ours.initial_scale = options.value("init_scale", ours.initial_scale);
  ours.growth = options.value("growth_factor", ours.growth);
  ours.backoff = options.value("backoff_factor", ours.backoff);
  ours.growth_interval = options.value("growth_interval", ours.growth_interval);
  GradScaler scaler(ours);
  const auto overflows = golden.at("overflows").get<std::vector<std::int64_t>>();
  std::vector<std::pair<std::int64_t, float>> changes;
  std::size_t next = 0;
  float last = scaler.scale();
  ParameterSet set;
  Parameter* p = set.Add("p", 1, 2, false);
  for (std::int64_t step = 0; step < golden.at("steps"); ++step) {
    p->gradient = {1, 1};
    if (next < overflows.size() && overflows[next] == step) {
      p->gradient[next % 2] = next % 3 == 0 ? std::numeric_limits<float>::quiet_NaN()
                                            : std::numeric_limits<float>::infinity();
      ++next;
    }
    scaler.Update(scaler.Unscale(&set));
    if (scaler.scale() != last) changes.emplace_back(step, last = scaler.scale());
  }
  EXPECT_EQ(next, overflows.size());
  const auto& expected = golden.at("changes");
  ASSERT_EQ(changes.size(), expected.size());
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(changes[i].first, expected[i][0].get<std::int64_t>());
    EXPECT_EQ(changes[i].second, expected[i][1].get<float>()) << i;
  }
  EXPECT_EQ(scaler.steps_without_overflow(), golden.at("tracker").get<std::int32_t>());
}

}  // namespace
}  // namespace espy::training
