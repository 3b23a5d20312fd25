// Which files of a model directory hold its configuration and its weights.
#ifndef ESPY_ENCODERS_MODEL_FILES_H_
#define ESPY_ENCODERS_MODEL_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "encoders/safetensors.h"
#include "espy/status.h"

namespace espy::encoders {

struct WeightFiles {
  std::string index;               // model.safetensors.index.json; "" when one file holds all
  std::vector<std::string> files;  // names in the directory, sorted
};

// model.safetensors; where there is none, the files of model.safetensors.index.json. NotFound or
// Unsupported says what to do about a directory that has neither.
Result<WeightFiles> FindWeights(const std::string& directory);

// The weights as one file, whichever way they are stored; headers are read and checked.
Result<std::unique_ptr<Safetensors>> OpenWeights(const std::string& directory);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_MODEL_FILES_H_
