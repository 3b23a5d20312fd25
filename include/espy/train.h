// What a library's own tags and captions teach the search, and heads that make captions faster.
#ifndef ESPY_TRAIN_H_
#define ESPY_TRAIN_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "espy/export.h"
#include "espy/progress.h"
#include "espy/status.h"

namespace espy {

// An adapter moves the vectors of phrases towards the pictures that this library's tags and
// captions say they mean ("rex"). Pictures' vectors stay as they are. It belongs to one space, is
// part of the library and of its backups, and is used by every search for phrases in that space
// unless SearchOptions::adapter is false.
struct AdapterOptions {
  std::int64_t steps = 400;
  std::int64_t bottleneck = 64;  // numbers between its two layers; 1 to 1024
  double learning_rate = 2e-3;
  std::uint64_t seed = 0;  // of weights, order and what is held out
  std::string plot;        // where the losses are drawn, as SVG; "": nowhere
  bool dry_run = false;    // trains and judges, and keeps nothing
};

struct AdapterReport {
  std::uint64_t pictures = 0;  // with a tag or a caption
  std::uint64_t texts = 0;     // different ones
  std::uint64_t pairs = 0;     // of a text and a picture, learnt from
  // Judged by: pairs of pictures that nothing was learnt from.
  std::uint64_t held_out = 0;
  // Mean reciprocal rank of those pictures for their text, among those that the text does not speak
  // of: without the adapter, and with it.
  double before = 0;
  double after = 0;
  double gain_low = 0;  // the gain is greater than this 19 times in 20
  double drift = 0;     // by how much ordinary words moved: 1 less their mean cosine
  std::int64_t steps = 0;
  std::int64_t resumed_from = 0;  // the step that a stopped run had come to
  double seconds = 0;
  bool better = false;  // gain_low is above 0
  bool kept = false;    // it is the library's adapter now
};

// What a library says of its adapter.
struct AdapterInfo {
  std::int64_t trained_unix = 0;  // 0: there is none
  std::uint64_t pairs = 0;
  std::uint64_t held_out = 0;
  double before = 0;
  double after = 0;
};

// Draft heads of a BLIP captioner, trained on what it said: docs/FORMATS.md has the file. The
// captioner itself is not changed.
struct DraftHeadOptions {
  std::string model;        // the captioner's directory
  std::string data;         // its hidden states, tokens and pictures
  std::string directory;    // where the heads are written; "": the model's
  bool medusa = true;       // medusa_heads.safetensors
  bool mtp = true;          // mtp.safetensors
  std::int64_t heads = 3;   // of Medusa; 1 to 16
  std::int64_t depths = 3;  // of the MTP module; 1 to 16
  std::int64_t epochs = 10;
  std::int64_t batch = 32;  // texts a step
  double learning_rate = 1e-3;
  std::string precision = "fp32";  // fp32, bf16 or fp16 (with loss scaling)
  std::uint64_t seed = 0;
  std::int64_t threads = 0;  // 0: one for each core
  std::string plot;          // the losses, as SVG: its name with .medusa or .mtp before the .svg
};

struct DraftHeadReport {
  std::string kind;  // "medusa" or "mtp"
  std::string file;
  std::uint64_t texts = 0;     // trained on
  std::uint64_t held_out = 0;  // texts of pictures that were not
  std::int64_t steps = 0;
  double first_loss = 0;
  double last_loss = 0;
  double held_out_loss = 0;
  // [depth][rank]: how often that guess was right on the texts held out.
  std::vector<std::vector<float>> acceptance;
  double seconds = 0;
};

// Stopped, it leaves a checkpoint beside the heads and returns Cancelled; called again it goes on.
ESPY_EXPORT Result<std::vector<DraftHeadReport>> TrainDraftHeads(const DraftHeadOptions& options,
                                                                 const ProgressFn& progress = {},
                                                                 std::stop_token stop = {});

}  // namespace espy

#endif  // ESPY_TRAIN_H_
