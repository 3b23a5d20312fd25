// Where models lie, by name.
#ifndef ESPY_ENCODERS_MODEL_STORE_H_
#define ESPY_ENCODERS_MODEL_STORE_H_

#include <string>
#include <vector>

#include "encoders/encoder.h"
#include "espy/status.h"

namespace espy::encoders {

// $ESPY_MODELS (colon-separated), the user's own ($XDG_DATA_HOME/espy/models, else ~/.local/share/espy/models), those
// installed with the program, those of the source tree it was built in. Only those that exist.
std::vector<std::string> ModelDirectories();

// A directory holding config.json is itself; else the first ModelDirectories() entry with a folder of that name.
// NotFound lists the names there are.
Result<std::string> ResolveModel(const std::string& name_or_directory);

// What config.json, the tokenizer and the weight file's header say; weights are not read (space_id hashes them: cached
// beside nothing, computed when asked for by with_space_id).
Result<EncoderInfo> DescribeEncoder(const std::string& directory, bool with_space_id = true);

// Every model found, one for each name.
std::vector<EncoderInfo> ListEncoders();

// Loads the model whole (both towers) to prove it, then copies its files to the user's directory under `name`, through a
// temporary folder and a rename.
Result<EncoderInfo> InstallModel(const std::string& directory, const std::string& name);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_MODEL_STORE_H_
