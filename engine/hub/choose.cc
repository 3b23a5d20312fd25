#include "engine/hub/choose.h"

#include "base/status_macros.h"
#include "encoders/json.h"
#include "encoders/known_models.h"
#include "encoders/tokenizers/tokenizer.h"
#include "encoders/weight_index.h"

namespace espy::hub {
namespace {

constexpr char kConfig[] = "config.json";
constexpr char kWeights[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";
constexpr char kOpenClipConfig[] = "open_clip_config.json";
constexpr char kOpenClipWeights[] = "open_clip_model.safetensors";

// config.json's model_type; "" when it is none of transformers'.
Result<std::string> ModelType(std::string_view config_json, const std::string& where) {
  if (config_json.empty()) return std::string();
  ESPY_ASSIGN_OR_RETURN(const encoders::JsonValue config, encoders::ParseJson(config_json, where));
  const encoders::JsonValue* type = config.FindGiven("model_type");
  return type == nullptr || type->AsString() == nullptr ? std::string() : *type->AsString();
}

bool IsRead(const std::string& type) {
  return type == "clip" || type == "siglip" || type == "siglip2";
}

Status NoWeights(const Listing& listing, const std::string& repository) {
  const bool pickle = listing.Find("pytorch_model.bin") != nullptr ||
                      listing.Find("open_clip_pytorch_model.bin") != nullptr ||
                      listing.Find("pytorch_model.bin.index.json") != nullptr;
  if (!pickle) {
    return Status::NotFound(repository +
                            ": has no weights as safetensors; look for another repository of the "
                            "model");
  }
  const encoders::KnownModel* known = encoders::FindKnownPublisher(repository);
  return Status::Unsupported(
      repository +
      ": its weights are in a pickle alone, which is not read, because such a file can run code; " +
      (known != nullptr
           ? "the same model as safetensors is `espy model pull " + std::string(known->name) + "`"
           : "look for a revision with model.safetensors among its pull requests "
             "(@refs/pr/N), or for another repository of the model"));
}

void AddSmallFiles(const Listing& listing, const char* config, std::vector<std::string>* files) {
  std::vector<std::string> names = {config, "preprocessor_config.json", "processor_config.json",
                                    "espy.json"};
  const std::vector<std::string>& tokenizer = encoders::TokenizerFileNames();
  names.insert(names.end(), tokenizer.begin(), tokenizer.end());
  for (const std::string& name : names) {
    if (listing.Find(name) != nullptr) files->push_back(name);
  }
}

}  // namespace

Result<Choice> ChooseFiles(const Listing& listing, const std::string& repository,
                           std::string_view config_json) {
  const auto has = [&listing](const char* name) { return listing.Find(name) != nullptr; };
  ESPY_ASSIGN_OR_RETURN(const std::string type, ModelType(config_json, repository + "/" + kConfig));
  const bool transformers = IsRead(type) && (has(kWeights) || has(kIndex));
  const bool open_clip = has(kOpenClipConfig) && has(kOpenClipWeights);
  Choice choice;
  if (transformers) {
    AddSmallFiles(listing, kConfig, &choice.files);
    if (!has(kWeights)) choice.index = kIndex;
    choice.files.push_back(has(kWeights) ? kWeights : kIndex);
    return choice;
  }
  if (open_clip) {
    AddSmallFiles(listing, kOpenClipConfig, &choice.files);
    choice.files.push_back(kOpenClipWeights);
    return choice;
  }
  if (IsRead(type) || has(kOpenClipConfig)) return NoWeights(listing, repository);
  if (!type.empty()) {
    return Status::Unsupported(repository + ": is a model of type \"" + encoders::Printable(type) +
                               "\"; Espy reads clip, siglip and siglip2, and OpenCLIP's");
  }
  return Status::Unsupported(repository +
                             ": has neither a config.json of a CLIP or SigLIP model nor an "
                             "open_clip_config.json; give another repository");
}

Status AddShards(const Listing& listing, const std::string& repository, std::string_view text,
                 Choice* choice) {
  const std::string where = repository + "/" + choice->index;
  ESPY_ASSIGN_OR_RETURN(const encoders::WeightIndex index, encoders::ParseWeightIndex(text, where));
  for (const std::string& shard : index.shards) {
    if (listing.Find(shard) == nullptr) {
      return Status::Corruption(where + ": names " + encoders::Printable(shard) +
                                ", which the repository has not; try another revision");
    }
    choice->files.push_back(shard);
  }
  return Status::Ok();
}

}  // namespace espy::hub
