#include "training/heads/train_heads.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/crc32c.h"
#include "base/random.h"
#include "base/status_macros.h"

namespace espy::training {
namespace {

std::uint64_t FingerprintOf(const HeadData& data) {
  const auto bytes = [](const auto& v) {
    return std::string_view(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(v[0]));
  };
  std::uint32_t crc = Crc32c(bytes(data.tokens));
  crc = Crc32c(bytes(data.lengths), crc);
  crc = Crc32c(bytes(data.hidden), crc);
  return Crc32c(bytes(data.images), crc);
}

// Drawn by picture, so that no held-out picture was seen with another text.
void Split(const HeadData& data, double held_out, std::uint64_t seed,
           std::vector<std::int64_t>* train, std::vector<std::int64_t>* measure) {
  for (std::int64_t text = 0; text < data.texts(); ++text) {
    if (data.lengths[static_cast<std::size_t>(text)] < 3) continue;  // nothing lies two ahead
    const std::int64_t group =
        data.pictures.empty() ? text : data.pictures[static_cast<std::size_t>(text)];
    Random random(seed ^ (static_cast<std::uint64_t>(group) * 0x9e3779b97f4a7c15u));
    (random.Uniform() < held_out ? measure : train)->push_back(text);
  }
}

// Rank of the target among a row's logits, from 0; ties count against it.
std::int64_t RankOf(const float* logits, std::int64_t n, std::int64_t target) {
  std::int64_t rank = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    if (j != target && logits[j] >= logits[target]) ++rank;
  }
  return rank;
}

Status Measure(const HeadData& data, const std::vector<std::int64_t>& first_rows,
               const std::vector<std::int64_t>& texts, const DraftModel& model,
               const HeadTrainingOptions& options, HeadReport* report,
               const std::stop_token& stop) {
  const auto depths = static_cast<std::size_t>(model.depths());
  const auto ranks = static_cast<std::size_t>(options.ranks);
  std::vector<std::vector<std::int64_t>> right(depths, std::vector<std::int64_t>(ranks));
  std::vector<std::int64_t> asked(depths);
  double loss = 0;
  const auto batch_size = static_cast<std::size_t>(options.trainer.batch);
  for (std::size_t begin = 0; begin < texts.size(); begin += batch_size) {
    if (stop.stop_requested()) return Status::Cancelled("training: stopped while measuring");
    const std::size_t n = std::min(batch_size, texts.size() - begin);
    const HeadBatch batch = GatherTexts(data, first_rows, std::span(texts).subspan(begin, n));
    Tape tape({.compute = options.trainer.compute, .pool = options.trainer.pool});
    loss += model.Loss(tape, batch)->scalar() * static_cast<double>(n);
    const Guesses guesses = model.Guess(tape, batch);
    for (std::size_t i = 0; i < guesses.targets.size(); ++i) {
      const std::int64_t n_words = guesses.logits->columns();
      const auto depth = static_cast<std::size_t>(guesses.depths[i]);
      ++asked[depth];
      const auto rank = static_cast<std::size_t>(
          RankOf(guesses.logits->value() + static_cast<std::int64_t>(i) * n_words, n_words,
                 guesses.targets[i]));
      if (rank < ranks) ++right[depth][rank];
    }
  }
  if (texts.empty()) return Status::Ok();
  report->held_out_loss = loss / static_cast<double>(texts.size());
  for (std::size_t depth = 0; depth < depths; ++depth) {
    std::vector<float>& row = report->acceptance.emplace_back();
    for (const std::int64_t one : right[depth]) {
      row.push_back(static_cast<float>(one) /
                    static_cast<float>(std::max<std::int64_t>(1, asked[depth])));
    }
  }
  return Status::Ok();
}

}  // namespace

Result<HeadReport> TrainHeads(
    const HeadData& data, DraftModel* model, const HeadTrainingOptions& options,
    const std::function<void(const StepReport&, std::int64_t steps)>& progress,
    std::stop_token stop) {
  std::vector<std::int64_t> train, measure;
  Split(data, options.held_out, options.trainer.seed, &train, &measure);
  const std::int64_t step_texts = options.trainer.batch * options.trainer.accumulate;
  const auto n = static_cast<std::int64_t>(train.size());
  if (n < step_texts) {
    return Status::InvalidArgument("training: " + std::to_string(n) +
                                   " texts of three tokens and more, fewer than a step's " +
                                   std::to_string(step_texts) + "; caption more pictures");
  }
  TrainerOptions trainer_options = options.trainer;
  trainer_options.schedule.total_steps = options.epochs * (n / step_texts);
  trainer_options.schedule.warmup_steps = trainer_options.schedule.total_steps / 20;
  const std::vector<std::int64_t> first_rows = FirstRows(data);
  Trainer trainer(&model->parameters(), n, FingerprintOf(data), trainer_options);
  ESPY_RETURN_IF_ERROR(trainer.Resume().status());

  HeadReport report;
  report.texts = n;
  report.held_out = static_cast<std::int64_t>(measure.size());
  const std::int64_t tenth = std::max<std::int64_t>(1, trainer_options.schedule.total_steps / 10);
  double first = 0, last = 0;
  std::int64_t firsts = 0, lasts = 0;
  // The batch lives as long as its tape, which is gone when the next one is asked for.
  std::unique_ptr<HeadBatch> batch;
  ESPY_RETURN_IF_ERROR(trainer.Run(
      [&](Tape& tape, std::span<const std::int64_t> examples, Random*) {
        std::vector<std::int64_t> texts;
        for (const std::int64_t example : examples) {
          texts.push_back(train[static_cast<std::size_t>(example)]);
        }
        batch = std::make_unique<HeadBatch>(GatherTexts(data, first_rows, texts));
        return model->Loss(tape, *batch);
      },
      [&](const StepReport& done) {
        if (done.step <= tenth) first += done.loss, ++firsts;
        if (done.step > trainer_options.schedule.total_steps - tenth) last += done.loss, ++lasts;
        if (progress) progress(done, trainer_options.schedule.total_steps);
      },
      stop));
  report.first_loss =
      static_cast<float>(first / static_cast<double>(std::max<std::int64_t>(1, firsts)));
  report.last_loss =
      static_cast<float>(last / static_cast<double>(std::max<std::int64_t>(1, lasts)));
  ESPY_RETURN_IF_ERROR(Measure(data, first_rows, measure, *model, options, &report, stop));
  return report;
}

}  // namespace espy::training
