// train heads: Medusa heads and an MTP module from what a captioner said.
#include "training/heads/train_heads.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/status_macros.h"
#include "captioning/captioner.h"
#include "engine/out_of_memory.h"
#include "engine/said.h"
#include "espy/train.h"
#include "espy/train_heads.h"
#include "training/loss_plot.h"

namespace espy {
namespace {

Status OutOfRange(const std::string& flag, std::int64_t value, std::int64_t most) {
  return Status::InvalidArgument("train heads: " + flag + " " + std::to_string(value) +
                                 " is out of range; give 1 to " + std::to_string(most));
}

Status CheckOptions(const DraftHeadOptions& options) {
  if (!options.medusa && !options.mtp) {
    return Status::InvalidArgument("train heads: neither Medusa heads nor MTP are asked for");
  }
  if (options.model.empty()) {
    return Status::InvalidArgument("train heads: wants the captioner's directory");
  }
  struct Bound {
    const char* flag;
    std::int64_t value, most;
  };
  for (const auto& [flag, value, most] :
       {Bound{"--heads", options.heads, 16}, Bound{"--depths", options.depths, 16},
        Bound{"--epochs", options.epochs, 10'000}, Bound{"--batch", options.batch, 4096}}) {
    if (value < 1 || value > most) return OutOfRange(flag, value, most);
  }
  if (!(options.learning_rate > 0 && options.learning_rate <= 1)) {
    return Status::InvalidArgument(
        "train heads: the learning rate is out of range; give one above 0, 1 at most");
  }
  return Status::Ok();
}

Result<training::Compute> ComputeOf(const std::string& precision) {
  for (const training::Compute compute :
       {training::Compute::kFloat32, training::Compute::kBfloat16, training::Compute::kFloat16}) {
    if (training::ComputeName(compute) == precision) return compute;
  }
  return Status::InvalidArgument("train heads: --precision '" + precision +
                                 "' is none of fp32, bf16 and fp16");
}

std::string PlotOf(const std::string& plot, const std::string& kind) {
  const std::string end = ".svg";
  const bool named = plot.size() > end.size() && plot.ends_with(end);
  return (named ? plot.substr(0, plot.size() - end.size()) : plot) + "." + kind + end;
}

Result<DraftHeadReport> TrainOne(const DraftHeadOptions& options,
                                 const training::FrozenDecoder& decoder,
                                 const training::HeadData& data, bool mtp, ThreadPool* pool,
                                 training::Compute compute, const ProgressFn& progress,
                                 const std::stop_token& stop) {
  Env* const env = Env::Default();
  const std::int64_t start = env->MonotonicNs();
  const std::string directory = options.directory.empty() ? options.model : options.directory;
  const auto model =
      mtp ? training::NewMtpModule(&decoder, data.image_tokens, options.depths, options.seed)
          : training::NewMedusaHeads(&decoder, options.heads, 1);
  DraftHeadReport report;
  report.kind = mtp ? "mtp" : "medusa";
  report.file = directory + "/" + model->file_name();
  training::HeadTrainingOptions training;
  training.epochs = options.epochs;
  training.trainer.compute = compute;
  training.trainer.schedule.peak = options.learning_rate;
  training.trainer.batch = options.batch;
  training.trainer.seed = options.seed;
  training.trainer.checkpoint = report.file + ".checkpoint";
  training.trainer.pool = pool;
  std::vector<float> losses;
  std::int64_t first_step = 0;
  ESPY_ASSIGN_OR_RETURN(const training::HeadReport trained,
                        training::TrainHeads(
                            data, model.get(), training,
                            [&](const training::StepReport& done, std::int64_t steps) {
                              if (losses.empty()) first_step = done.step;
                              losses.push_back(done.loss);
                              report.steps = steps;
                              if (!progress) return;
                              progress({.what = report.kind + " steps",
                                        .done = static_cast<std::uint64_t>(done.step),
                                        .total = static_cast<std::uint64_t>(steps)});
                            },
                            stop));
  report.texts = static_cast<std::uint64_t>(trained.texts);
  report.held_out = static_cast<std::uint64_t>(trained.held_out);
  report.first_loss = trained.first_loss;
  report.last_loss = trained.last_loss;
  report.held_out_loss = trained.held_out_loss;
  report.acceptance = trained.acceptance;
  ESPY_RETURN_IF_ERROR(model->Write(env, directory, trained.acceptance));
  std::remove(training.trainer.checkpoint.c_str());
  if (!options.plot.empty()) {
    ESPY_RETURN_IF_ERROR(env->WriteFileAtomically(
        PlotOf(options.plot, report.kind),
        training::LossPlot(report.kind + ": loss by step", first_step, losses)));
  }
  report.seconds = static_cast<double>(env->MonotonicNs() - start) * 1e-9;
  return report;
}

Result<std::vector<DraftHeadReport>> TrainAll(const DraftHeadOptions& options,
                                              const training::FrozenDecoder& decoder,
                                              const training::HeadData& data,
                                              const ProgressFn& progress,
                                              const std::stop_token& stop) {
  ESPY_ASSIGN_OR_RETURN(const training::Compute compute, ComputeOf(options.precision));
  ThreadPool pool(options.threads > 0
                      ? static_cast<int>(std::min<std::int64_t>(options.threads, 1024))
                      : CoreCount());
  std::vector<DraftHeadReport> reports;
  for (const bool mtp : {false, true}) {
    if (!(mtp ? options.mtp : options.medusa)) continue;
    ESPY_ASSIGN_OR_RETURN(DraftHeadReport report,
                          TrainOne(options, decoder, data, mtp, &pool, compute, progress, stop));
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace

Result<std::vector<DraftHeadReport>> TrainDraftHeads(const DraftHeadOptions& options,
                                                     const ProgressFn& progress,
                                                     std::stop_token stop) try {
  ESPY_RETURN_IF_ERROR(CheckOptions(options));
  if (options.data.empty()) {
    return Status::InvalidArgument(
        "train heads: wants a file of what the captioner said, or a library to caption");
  }
  ESPY_RETURN_IF_ERROR(ComputeOf(options.precision).status());
  ESPY_ASSIGN_OR_RETURN(const training::FrozenDecoder decoder,
                        training::ReadFrozenDecoder(options.model));
  ESPY_ASSIGN_OR_RETURN(const training::HeadData data,
                        training::ReadHeadData(options.data, decoder.vocabulary));
  if (data.width != decoder.width ||
      (data.image_tokens > 0 && data.vision_width != decoder.vision_width)) {
    return Status::InvalidArgument(options.data + ": is not of the captioner in " + options.model +
                                   ": its vectors have another width; make it anew");
  }
  if (options.mtp && data.image_tokens == 0) {
    return Status::InvalidArgument(options.data +
                                   ": holds no pictures, which an MTP module looks at; train "
                                   "Medusa heads alone, or make it anew with pictures");
  }
  return TrainAll(options, decoder, data, progress, stop);
} catch (const std::bad_alloc&) {
  return OutOfMemory("train heads");
}

Result<std::vector<DraftHeadReport>> TrainDraftHeadsOn(Library* library, std::int64_t pictures,
                                                       const DraftHeadOptions& options,
                                                       const ProgressFn& progress,
                                                       std::stop_token stop) try {
  ESPY_RETURN_IF_ERROR(CheckOptions(options));
  if (pictures < 1) return OutOfRange("--pictures", pictures, 1'000'000);
  ESPY_RETURN_IF_ERROR(ComputeOf(options.precision).status());
  ESPY_ASSIGN_OR_RETURN(const training::FrozenDecoder decoder,
                        training::ReadFrozenDecoder(options.model));
  // Said in FP32: a run that goes on must meet the same captions.
  ESPY_ASSIGN_OR_RETURN(
      const auto captioner,
      captioning::Captioner::Load(options.model, {.precision = Precision::kFloat32,
                                                  .threads = static_cast<int>(options.threads)}));
  ESPY_ASSIGN_OR_RETURN(const training::HeadData data,
                        CaptionForTraining(*captioner, library, pictures, progress, stop));
  return TrainAll(options, decoder, data, progress, stop);
} catch (const std::bad_alloc&) {
  return OutOfMemory("train heads");
}

}  // namespace espy
