// Where models lie, by name.
#ifndef ESPY_ENCODERS_MODEL_STORE_H_
#define ESPY_ENCODERS_MODEL_STORE_H_

#include <string>
#include <string_view>
#include <vector>

#include "encoders/encoder.h"
#include "espy/status.h"

namespace espy::encoders {

// The user's own models: $XDG_DATA_HOME/espy/models, else ~/.local/share/espy/models; "" when
// neither variable is set.
std::string UserModelDirectory();

// $ESPY_MODELS (colon-separated), the user's own, those installed with the program (found from
// where the program and this library lie, so that an installation may be moved; then where it was
// first installed), those of the source tree it was built in. Only those that exist, each once.
std::vector<std::string> ModelDirectories();

// A directory holding config.json or open_clip_config.json is itself (made absolute); else the
// first ModelDirectories() entry with a folder of that name; else what the hub's cache has under it
// (hub_cache.h). NotFound lists the names there are, or says how to get the model.
Result<std::string> ResolveModel(const std::string& name_or_directory);

// What config.json, the tokenizer's settings and the weight file's header say, in milliseconds: of
// the weights no more is read than the header, logit_scale and logit_bias (in OpenCLIP's layout
// also what is put together anew, a few megabytes), and, with_space_id, 256 KiB of each file.
//
// space_id is the first 32 hex digits of the SHA-256 of: the configuration, the preprocessor's file
// and the tokenizer's files (name, length and bytes of each) and, for each file of the weights, its
// length, its header and 64 blocks of 4 KiB spread evenly over its tensors. Any training or
// conversion step changes nearly every weight and so nearly every block: two files that agree in
// all of these are taken for the same model, without reading the gigabytes between them.
Result<EncoderInfo> DescribeEncoder(const std::string& directory, bool with_space_id = true);

// What the model in the directory is called: the directory's name, or the repository's in the hub's
// cache.
std::string ModelName(const std::string& directory);

// space_id by itself, with the files `also` taken in where they are there: of a model whose
// tokenizer has other files than an encoder's.
Result<std::string> SpaceId(const std::string& directory,
                            const std::vector<std::string>& also = {});

// model_type of the captioners: captioning/ describes them.
inline constexpr std::string_view kCaptionerType = "blip";

// Every directory that holds a model of any kind, one for each name, in the order of
// ModelDirectories() and then of names; then those of the hub's cache.
struct FoundModel {
  std::string directory;
  std::string type;       // config.json's model_type; "" in OpenCLIP's layout
  bool from_hub = false;  // another tool's, perhaps of no use here
};
std::vector<FoundModel> FindModels();
// model_type of config.json; "" where there is none, and NotFound without the file.
Result<std::string> ModelType(const std::string& directory);

// The encoders among them. What cannot be described is left out and logged; captioners are
// silently.
std::vector<EncoderInfo> ListEncoders();

// Loads the encoder whole (both towers) to prove it, then InstallFiles (install_files.h).
Result<EncoderInfo> InstallModel(const std::string& directory, const std::string& name);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_MODEL_STORE_H_
