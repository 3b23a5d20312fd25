// Which files of a model directory hold its configuration and its weights.
#ifndef ESPY_ENCODERS_MODEL_FILES_H_
#define ESPY_ENCODERS_MODEL_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "encoders/safetensors.h"
#include "espy/status.h"

namespace espy::encoders {

enum class Layout {
  kTransformers,  // config.json and model.safetensors
  kOpenClip,      // open_clip_config.json and open_clip_model.safetensors
};

// kOpenClip where there is an open_clip_config.json and transformers' two files are not both there:
// publishers often ship a model in both layouts. A config.json without model_type is timm's and
// counts for nothing.
Layout LayoutOf(const std::string& directory);
// The name of the layout's configuration file.
std::string ConfigFileName(const std::string& directory);

struct WeightFiles {
  std::string index;               // model.safetensors.index.json; "" when one file holds all
  std::vector<std::string> files;  // names in the directory, sorted
};

// model.safetensors; where there is none, the files of model.safetensors.index.json; in OpenCLIP's
// layout open_clip_model.safetensors. NotFound or Unsupported says what to do about a directory
// that has none.
Result<WeightFiles> FindWeights(const std::string& directory);

// The weights as one file in transformers' names, whichever way they are stored; headers are read
// and checked.
Result<std::unique_ptr<Safetensors>> OpenWeights(const std::string& directory);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_MODEL_FILES_H_
