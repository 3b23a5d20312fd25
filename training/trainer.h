// The loop around a loss: micro-batches whose gradients add up, loss scaling, clipping, the step,
// checkpoints, stopping.
#ifndef ESPY_TRAINING_TRAINER_H_
#define ESPY_TRAINING_TRAINER_H_

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "espy/status.h"
#include "training/checkpoint.h"
#include "training/optim/schedule.h"
#include "training/tape.h"

namespace espy::training {

struct TrainerOptions {
  Compute compute = Compute::kFloat32;
  Schedule schedule;
  AdamWOptions adamw;
  GradScalerOptions scaler;     // of FP16 alone: the other kinds have FP32's range
  double clip_norm = 1.0;       // 0: gradients are not clipped
  std::int64_t batch = 32;      // examples of a micro-batch
  std::int64_t accumulate = 1;  // micro-batches a step
  std::uint64_t seed = 0;
  std::string checkpoint;               // the file; "": none is written
  std::int64_t checkpoint_every = 200;  // steps; one is written when the run stops, too
  ThreadPool* pool = nullptr;
  Env* env = Env::Default();
};

struct StepReport {
  std::int64_t step = 0;  // from 1
  float loss = 0;         // the mean over micro-batches
  double gradient_norm = 0;
  double learning_rate = 0;
  bool skipped = false;  // FP16: a gradient overflowed, the weights stay
};

class Trainer {
 public:
  // The loss of the examples numbered `examples`, on the tape; random numbers come from `random`
  // alone.
  using LossFn =
      std::function<Node*(Tape& tape, std::span<const std::int64_t> examples, Random* random)>;

  // Examples are numbered below `examples`; each epoch takes them in an order of its own, and the
  // last micro-batch of an epoch that would be smaller is left out. `fingerprint` stands for the
  // data: with the options, it tells whose a checkpoint is.
  Trainer(ParameterSet* parameters, std::int64_t examples, std::uint64_t fingerprint,
          const TrainerOptions& options);

  // Goes on from the checkpoint when there is one: true then.
  Result<bool> Resume();

  // One step. InvalidArgument when, in FP32 or BF16, a gradient is no finite number: the run has
  // diverged, and the weights are those before the step.
  Result<StepReport> Step(const LossFn& loss);

  // Steps up to schedule.total_steps. Stopped, it writes a checkpoint and returns Cancelled; run
  // again, it goes on from there. `report` is called after every step.
  Status Run(const LossFn& loss, const std::function<void(const StepReport&)>& report,
             std::stop_token stop = {});

  Status Save();
  std::int64_t step() const { return state_.step; }
  const GradScaler& scaler() const { return scaler_; }

 private:
  std::vector<std::int64_t> NextBatch();

  ParameterSet* parameters_;
  std::int64_t examples_;
  TrainerOptions options_;
  AdamW optimiser_;
  GradScaler scaler_;
  RunState state_;
  Random random_;
  std::vector<std::int64_t> order_;  // of order_epoch_
  std::int64_t order_epoch_ = -1;
};

}  // namespace espy::training

#endif  // ESPY_TRAINING_TRAINER_H_
