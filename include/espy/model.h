// The encoders that are installed, and how fast this machine runs them.
#ifndef ESPY_MODEL_H_
#define ESPY_MODEL_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "espy/device.h"
#include "espy/export.h"
#include "espy/precision.h"
#include "espy/progress.h"
#include "espy/status.h"

namespace espy {

struct ModelDescription {
  std::string name;
  std::string directory;        // "" when it is not installed
  std::string family;           // "clip", "siglip" or "siglip2"; "blip": a captioner
  std::int64_t dimension = 0;   // of its vectors; a captioner's matching, 0 where it has none
  std::int64_t image_size = 0;  // pixels a side
  std::int64_t context = 0;     // tokens of a text
  std::uint64_t image_parameters = 0;
  std::uint64_t text_parameters = 0;
  std::uint64_t bytes = 0;  // of its weight files; not installed: about what a pull fetches
  // Hash of what makes two vectors comparable, a captioner's of what makes its captions; "" when
  // not installed.
  std::string space_id;
  bool bundled = false;
  // Of the usual published models, one that is not on this computer is described too, as far as its
  // publisher does; PullModel (pull.h) gets it by its name.
  bool installed = true;
  std::string repository;  // at the Hugging Face hub, "ORG/NAME"; "" when it is not from there
  std::string licence;     // as its repository's card tags it; "" when not known
};

// Directories that models are looked for in, in order: $ESPY_MODELS (colon-separated), the user's
// own ($XDG_DATA_HOME/espy/models), and what was installed with the program. After these comes the
// cache that PullModel fills.
ESPY_EXPORT std::vector<std::string> ModelDirectories();
enum class ModelSet { kInstalled, kInstalledAndKnown };
ESPY_EXPORT std::vector<ModelDescription> ListModels(ModelSet set = ModelSet::kInstalled);
// `name` is a model's name or a directory holding one.
ESPY_EXPORT Result<ModelDescription> DescribeModel(const std::string& name);
// Checks the model in `directory` whole (every tensor, every tokenizer file) and copies it to the
// user's own models under `name` ("" : the directory's name). Nothing is left behind when it fails.
ESPY_EXPORT Result<ModelDescription> AddModel(const std::string& directory,
                                              const std::string& name);

struct BenchOptions {
  std::string model;
  int threads = 0;
  Precision precision = Precision::kAuto;
  Device device = Device::kCpu;
  std::uint64_t vram = 0;  // bytes of the GPU's memory that may be used; 0: what is free
  double seconds = 2.0;    // spent on each part
};
struct BenchPart {
  std::string name;  // "decode 12 MP JPEG", "encode image batch 8", "encode text", "search 100000"
  double per_second = 0;
  double ms_p50 = 0;
};
// Measures each part of ingest and search alone on this machine.
ESPY_EXPORT Result<std::vector<BenchPart>> RunBench(const BenchOptions& options,
                                                    const ProgressFn& progress = {},
                                                    std::stop_token stop = {});

// What a model costs on this machine. options.model is its name or directory; `seconds` are spent
// on pictures and on texts each.
struct ModelCost {
  Precision precision = Precision::kAuto;  // what was multiplied in; not kAuto
  std::uint64_t memory = 0;                // bytes that this process holds more, both towers in use
  std::uint64_t shared = 0;   // of these, mapped files', which other processes use with this one
  std::uint64_t weights = 0;  // all parameters in that precision, the token table among them
  double ms_per_picture = 0;  // in batches of the encoder's choice, decoding left out
  double ms_per_text = 0;     // a phrase of nine words, alone
};
ESPY_EXPORT Result<ModelCost> MeasureModel(const BenchOptions& options,
                                           const ProgressFn& progress = {},
                                           std::stop_token stop = {});

// The program's version, "0.1.0", and a line on the CPU and, where it serves, the GPU: "cpu
// (avx2)", "cpu (avx2), NVIDIA H100 80GB HBM3 (sm_90)".
ESPY_EXPORT std::string Version();
ESPY_EXPORT std::string DeviceDescription();

}  // namespace espy

#endif  // ESPY_MODEL_H_
