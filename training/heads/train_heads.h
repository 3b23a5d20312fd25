// Trains a draft model on a decoder's own captions, and measures how often it is right.
#ifndef ESPY_TRAINING_HEADS_TRAIN_HEADS_H_
#define ESPY_TRAINING_HEADS_TRAIN_HEADS_H_

#include <functional>
#include <stop_token>
#include <vector>

#include "training/heads/draft_model.h"
#include "training/trainer.h"

namespace espy::training {

struct HeadTrainingOptions {
  // schedule.total_steps is set from `epochs`, warmup_steps to a twentieth of them. Gradient
  // accumulation, clipping, precision, checkpoint, pool and seed as there.
  TrainerOptions trainer;
  std::int64_t epochs = 10;
  double held_out = 0.1;  // of the pictures (of the texts where there are none): never trained on
  int ranks = 8;          // of the acceptance table, at most 16
};

struct HeadReport {
  std::int64_t texts = 0;     // trained on
  std::int64_t held_out = 0;  // texts measured on
  float first_loss = 0;       // means over the first and the last tenth of the steps
  float last_loss = 0;
  double held_out_loss = 0;
  // [depths][ranks]: how often the guess at rank r was right on the held-out texts; empty when
  // there were none.
  std::vector<std::vector<float>> acceptance;
};

// Texts of one picture are all trained on or all held out. Cancelled when stopped, with a
// checkpoint as the trainer writes it; called again it goes on from there. InvalidArgument when
// there are fewer texts than a batch.
Result<HeadReport> TrainHeads(
    const HeadData& data, DraftModel* model, const HeadTrainingOptions& options,
    const std::function<void(const StepReport&, std::int64_t steps)>& progress,
    std::stop_token stop = {});

}  // namespace espy::training

#endif  // ESPY_TRAINING_HEADS_TRAIN_HEADS_H_
