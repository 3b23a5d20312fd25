#include "training/trainer.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "base/status_macros.h"

namespace espy::training {
namespace {

std::uint64_t Mix(std::uint64_t hash, std::uint64_t value) { return Random(hash ^ value).Next(); }

// Of everything that decides a run's numbers.
std::uint64_t Fingerprint(std::uint64_t data, std::int64_t examples, const TrainerOptions& o) {
  std::uint64_t hash = Mix(data, static_cast<std::uint64_t>(examples));
  for (const std::int64_t number :
       {static_cast<std::int64_t>(o.compute), o.schedule.warmup_steps, o.schedule.total_steps,
        o.batch, o.accumulate, static_cast<std::int64_t>(o.seed),
        static_cast<std::int64_t>(o.scaler.growth_interval)}) {
    hash = Mix(hash, static_cast<std::uint64_t>(number));
  }
  for (const double number :
       {o.schedule.peak, o.schedule.floor, o.adamw.beta1, o.adamw.beta2, o.adamw.eps,
        o.adamw.weight_decay, o.clip_norm, static_cast<double>(o.scaler.initial_scale),
        o.scaler.growth, o.scaler.backoff}) {
    hash = Mix(hash, std::bit_cast<std::uint64_t>(number));
  }
  return hash;
}

}  // namespace

Trainer::Trainer(ParameterSet* parameters, std::int64_t examples, std::uint64_t fingerprint,
                 const TrainerOptions& options)
    : parameters_(parameters),
      examples_(examples),
      options_(options),
      optimiser_(parameters, options.adamw),
      scaler_(options.scaler),
      random_(options.seed) {
  ESPY_CHECK(options.batch > 0 && options.accumulate > 0 && examples >= options.batch,
             "a micro-batch needs as many examples as it is large");
  state_.fingerprint = Fingerprint(fingerprint, examples, options);
}

Result<bool> Trainer::Resume() {
  if (options_.checkpoint.empty()) return false;
  const Status read = ReadCheckpoint(options_.env, options_.checkpoint, &state_, parameters_,
                                     &optimiser_, &scaler_);
  if (read.code() == StatusCode::kNotFound) return false;
  if (!read.ok()) return read;
  random_.set_state(state_.random);
  return true;
}

Status Trainer::Save() {
  if (options_.checkpoint.empty()) return Status::Ok();
  state_.random = random_.state();
  return WriteCheckpoint(options_.env, options_.checkpoint, state_, *parameters_, &optimiser_,
                         scaler_);
}

std::vector<std::int64_t> Trainer::NextBatch() {
  if (state_.position + options_.batch > examples_) {
    ++state_.epoch;
    state_.position = 0;
  }
  if (order_epoch_ != state_.epoch) {
    order_ = ShuffledOrder(examples_, options_.seed, static_cast<std::uint64_t>(state_.epoch));
    order_epoch_ = state_.epoch;
  }
  const auto first = order_.begin() + state_.position;
  state_.position += options_.batch;
  return {first, first + options_.batch};
}

Result<StepReport> Trainer::Step(const LossFn& loss) {
  const bool scaled = options_.compute == Compute::kFloat16;
  StepReport report;
  report.learning_rate = options_.schedule.Rate(state_.step);
  parameters_->ClearGradients();
  const float share = 1.0f / static_cast<float>(options_.accumulate);
  for (std::int64_t micro = 0; micro < options_.accumulate; ++micro) {
    const std::vector<std::int64_t> batch = NextBatch();
    Tape tape({.compute = options_.compute, .pool = options_.pool});
    Node* node = loss(tape, batch, &random_);
    report.loss += node->scalar() * share;
    tape.Backward(node, share * (scaled ? scaler_.scale() : 1.0f));
  }
  bool finite = true;
  if (scaled) finite = scaler_.Unscale(parameters_);
  report.gradient_norm = GradientNorm(*parameters_);
  finite = finite && std::isfinite(report.gradient_norm);
  if (finite) {
    if (options_.clip_norm > 0) {
      ClipGradients(report.gradient_norm, options_.clip_norm, parameters_);
    }
    optimiser_.Step(report.learning_rate);
  } else if (!scaled) {
    return Status::InvalidArgument(
        "training: the loss is no number any more; train with a lower learning rate");
  }
  if (scaled) scaler_.Update(finite);
  report.skipped = !finite;
  report.step = ++state_.step;
  return report;
}

Status Trainer::Run(const LossFn& loss, const std::function<void(const StepReport&)>& report,
                    std::stop_token stop) {
  while (state_.step < options_.schedule.total_steps) {
    if (stop.stop_requested()) {
      ESPY_RETURN_IF_ERROR(Save());
      return Status::Cancelled("training: stopped after step " + std::to_string(state_.step));
    }
    ESPY_ASSIGN_OR_RETURN(const StepReport done, Step(loss));
    if (report) report(done);
    if (options_.checkpoint_every > 0 && state_.step % options_.checkpoint_every == 0) {
      ESPY_RETURN_IF_ERROR(Save());
    }
  }
  return Status::Ok();
}

}  // namespace espy::training
