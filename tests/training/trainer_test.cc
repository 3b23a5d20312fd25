// Whole runs: resumed, stopped, in three precisions, and with an overflow.
#include "training/trainer.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/temp_dir.h"
#include "tests/training/task.h"
#include "training/ops/arithmetic.h"

namespace espy::training {
namespace {

TrainerOptions Options(std::int64_t steps) {
  TrainerOptions options;
  options.schedule = {.peak = 5e-3, .warmup_steps = 5, .total_steps = steps};
  options.batch = 30;  // does not divide the examples: epochs end within runs
  options.accumulate = 2;
  options.seed = 3;
  options.checkpoint_every = 0;
  return options;
}

std::vector<float> Weights(const Task& task) {
  std::vector<float> all;
  for (const Parameter& p : task.parameters.all()) {
    all.insert(all.end(), p.value.begin(), p.value.end());
  }
  return all;
}

TEST(Trainer, ARunInTwoPartsIsTheRunInOneBitForBit) {
  for (const Compute compute : {Compute::kFloat32, Compute::kFloat16}) {
    const testing::TempDir directory;
    TrainerOptions options = Options(20);
    options.compute = compute;
    options.scaler.growth_interval = 7;  // the scale moves within the run

    Task whole;
    Trainer one(&whole.parameters, Task::kExamples, 1, options);
    ASSERT_TRUE(one.Run(whole.loss(), {}).ok());

    options.checkpoint = directory.path() + "/run.checkpoint";
    Task first;
    Trainer begun(&first.parameters, Task::kExamples, 1, options);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(begun.Step(first.loss()).ok());
    ASSERT_TRUE(begun.Save().ok());
    ASSERT_TRUE(begun.Step(first.loss()).ok());  // what a killed run did after its checkpoint

    Task second;
    Trainer resumed(&second.parameters, Task::kExamples, 1, options);
    const auto found = resumed.Resume();
    ASSERT_TRUE(found.ok()) << found.status().message();
    EXPECT_TRUE(*found);
    EXPECT_EQ(resumed.step(), 10);
    ThreadPool pool(2);
    ASSERT_TRUE(resumed.Run(second.loss(), {}).ok());
    EXPECT_EQ(Weights(second), Weights(whole));
    EXPECT_EQ(resumed.scaler().scale(), one.scaler().scale());
  }
}

TEST(Trainer, StoppedItLeavesACheckpointFromWhichTheNextRunGoesOn) {
  const testing::TempDir directory;
  TrainerOptions options = Options(30);
  options.checkpoint = directory.path() + "/run.checkpoint";
  Task task;
  Trainer trainer(&task.parameters, Task::kExamples, 1, options);
  std::stop_source source;
  const Status stopped = trainer.Run(
      task.loss(),
      [&](const StepReport& done) {
        if (done.step == 12) source.request_stop();
      },
      source.get_token());
  EXPECT_EQ(stopped.code(), StatusCode::kCancelled);
  Task again;
  Trainer next(&again.parameters, Task::kExamples, 1, options);
  const auto found = next.Resume();
  ASSERT_TRUE(found.ok() && *found);
  EXPECT_EQ(next.step(), 12);
  EXPECT_EQ(Weights(again), Weights(task));
}

TEST(Trainer, ACheckpointOfOtherSettingsIsRefusedAndChangesNothing) {
  const testing::TempDir directory;
  TrainerOptions options = Options(30);
  options.checkpoint = directory.path() + "/run.checkpoint";
  Task task;
  Trainer trainer(&task.parameters, Task::kExamples, 1, options);
  ASSERT_TRUE(trainer.Step(task.loss()).ok());
  ASSERT_TRUE(trainer.Save().ok());
  options.schedule.peak *= 2;
  Task other;
  const std::vector<float> before = Weights(other);
  Trainer next(&other.parameters, Task::kExamples, 1, options);
  const auto resumed = next.Resume();
  EXPECT_EQ(resumed.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(resumed.status().message().find("run.checkpoint"), std::string::npos);
  EXPECT_EQ(Weights(other), before);
}

double FinalLoss(Compute compute, std::int64_t* skipped = nullptr) {
  TrainerOptions options = Options(300);
  options.compute = compute;
  options.batch = 64;
  options.accumulate = 1;
  Task task;
  Trainer trainer(&task.parameters, Task::kExamples, 1, options);
  double last = 0;
  std::int64_t counted = 0;
  const Status run = trainer.Run(task.loss(), [&](const StepReport& done) {
    if (done.skipped && skipped != nullptr) ++*skipped;
    if (done.step > 260) last += done.loss, ++counted;
  });
  EXPECT_TRUE(run.ok()) << run.message();
  return last / static_cast<double>(counted);
}

TEST(MixedPrecision, EndsWithinOnePercentOfFp32) {
  const double fp32 = FinalLoss(Compute::kFloat32);
  EXPECT_LT(fp32, 0.35);  // from log 8 = 2.08: something was learnt
  EXPECT_NEAR(FinalLoss(Compute::kBfloat16), fp32, 0.01 * fp32);
  EXPECT_NEAR(FinalLoss(Compute::kFloat16), fp32, 0.01 * fp32);
}

TEST(MixedPrecision, APlantedOverflowSkipsOneStepAndHalvesTheScale) {
  TrainerOptions options = Options(20);
  options.compute = Compute::kFloat16;
  Task task;
  Trainer trainer(&task.parameters, Task::kExamples, 1, options);
  for (int step = 1; step <= 6; ++step) {
    const std::vector<float> before = Weights(task);
    const auto loss = [&](Tape& tape, std::span<const std::int64_t> examples, Random* random) {
      Node* node = task.Loss(tape, examples, random);
      if (step != 4) return node;
      const std::pair<Node*, float> huge[] = {{node, std::numeric_limits<float>::max()}};
      return WeightedTotal(tape, huge);
    };
    const auto done = trainer.Step(loss);
    ASSERT_TRUE(done.ok());
    EXPECT_EQ(done->skipped, step == 4);
    EXPECT_EQ(Weights(task) == before, step == 4);
    EXPECT_EQ(trainer.scaler().scale(), step < 4 ? 65536 : 32768);
  }
}

TEST(Trainer, ADivergedRunIsAnErrorAndKeepsItsWeights) {
  Task task;
  Trainer trainer(&task.parameters, Task::kExamples, 1, Options(20));
  const std::vector<float> before = Weights(task);
  const auto done =
      trainer.Step([&](Tape& tape, std::span<const std::int64_t> examples, Random* random) {
        const std::pair<Node*, float> nothing[] = {
            {task.Loss(tape, examples, random), std::numeric_limits<float>::quiet_NaN()}};
        return WeightedTotal(tape, nothing);
      });
  EXPECT_EQ(done.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Weights(task), before);
}

}  // namespace
}  // namespace espy::training
