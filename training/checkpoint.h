// A run's whole state in one file, from which it goes on bit for bit. docs/FORMATS.md draws it.
#ifndef ESPY_TRAINING_CHECKPOINT_H_
#define ESPY_TRAINING_CHECKPOINT_H_

#include <cstdint>
#include <string>

#include "base/env.h"
#include "espy/status.h"
#include "training/optim/adamw.h"
#include "training/optim/grad_scaler.h"
#include "training/parameter.h"

namespace espy::training {

// Where a run is, besides its weights and moments.
struct RunState {
  std::int64_t step = 0;          // steps done, those left out for an overflow too
  std::int64_t epoch = 0;         // with `position`: where the data is read
  std::int64_t position = 0;      // examples of the epoch already taken
  std::uint64_t random = 0;       // Random::state()
  std::uint64_t fingerprint = 0;  // of the data and the settings: a run goes on with its own alone
};

// Replaces `path` whole (written beside it, synced, renamed): a kill at any moment leaves the old
// checkpoint or the new one.
Status WriteCheckpoint(Env* env, const std::string& path, const RunState& state,
                       const ParameterSet& parameters, AdamW* optimiser, const GradScaler& scaler);

// Fills what the file holds. Corruption, naming the file, when it is damaged (a checksum covers
// it); InvalidArgument when it is of other parameters or another fingerprint than *state has.
// Nothing is changed unless all is well.
Status ReadCheckpoint(Env* env, const std::string& path, RunState* state, ParameterSet* parameters,
                      AdamW* optimiser, GradScaler* scaler);

}  // namespace espy::training

#endif  // ESPY_TRAINING_CHECKPOINT_H_
