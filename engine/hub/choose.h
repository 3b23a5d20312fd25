// Which files of a repository Espy reads.
#ifndef ESPY_ENGINE_HUB_CHOOSE_H_
#define ESPY_ENGINE_HUB_CHOOSE_H_

#include <string>
#include <string_view>
#include <vector>

#include "engine/hub/listing.h"
#include "espy/status.h"

namespace espy::hub {

struct Choice {
  std::vector<std::string> files;  // in the order in which they are fetched: the weights last
  // model.safetensors.index.json, which is among the files and names more of them; "" for weights
  // in one file.
  std::string index;
};

// transformers' layout where the repository has it, else OpenCLIP's: the configuration, what
// prepares pictures, the tokenizer's files, and the weights as safetensors. `config_json` is the
// text of config.json, "" when the repository has none. NotFound and Unsupported say what to do
// about a repository that holds no model which Espy reads; `repository` stands in the message.
Result<Choice> ChooseFiles(const Listing& listing, const std::string& repository,
                           std::string_view config_json);

// Adds the files that the index names. `text` is what choice->index holds.
Status AddShards(const Listing& listing, const std::string& repository, std::string_view text,
                 Choice* choice);

}  // namespace espy::hub

#endif  // ESPY_ENGINE_HUB_CHOOSE_H_
