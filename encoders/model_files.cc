#include "encoders/model_files.h"

#include <cstdint>
#include <utility>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/json.h"
#include "encoders/openclip/openclip_names.h"
#include "encoders/weight_index.h"

namespace espy::encoders {
namespace {

constexpr char kWeights[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";
constexpr char kConfig[] = "config.json";
constexpr char kOpenClipConfig[] = "open_clip_config.json";
constexpr char kOpenClipWeights[] = "open_clip_model.safetensors";
constexpr std::uint64_t kMaxIndexBytes = 32 << 20;  // published ones are below 1 MB
constexpr std::uint64_t kMaxConfigBytes = 4 << 20;  // below 10 KB

bool IsThere(const std::string& directory, const char* name) {
  return Env::Default()->Stat(directory + "/" + name).ok();
}

// timm writes a config.json too, for its image tower alone; only transformers' has a model_type.
// One that cannot be read counts as transformers', so that the error is about it.
bool IsTransformersConfig(const std::string& path) {
  const Result<std::string> text = Env::Default()->ReadFile(path, kMaxConfigBytes);
  const Result<JsonValue> config = text.ok() ? ParseJson(*text, path) : text.status();
  return !config.ok() || config->FindGiven("model_type") != nullptr;
}

Result<WeightIndex> ReadWeightIndex(const std::string& path) {
  ESPY_ASSIGN_OR_RETURN(const std::string text, Env::Default()->ReadFile(path, kMaxIndexBytes));
  return ParseWeightIndex(text, path);
}

// What to do about a directory without weights that are read.
Status NoWeights(const std::string& directory) {
  const bool open_clip = LayoutOf(directory) == Layout::kOpenClip;
  const std::string path = directory + "/" + (open_clip ? kOpenClipWeights : kWeights);
  if (open_clip) {
    return Status::Unsupported(path +
                               ": missing; weights in open_clip_pytorch_model.bin are not read, "
                               "because such a file can run code: load it with open_clip and save "
                               "its state_dict as safetensors");
  }
  if (IsThere(directory, "pytorch_model.bin") ||
      IsThere(directory, "open_clip_pytorch_model.bin")) {
    return Status::Unsupported(path +
                               ": missing; weights in pytorch_model.bin are not read, because "
                               "such a file can run code: load it with transformers and "
                               "save_pretrained it as safetensors");
  }
  if (IsThere(directory, kOpenClipWeights)) {
    return Status::NotFound(directory + "/" + kOpenClipConfig +
                            ": missing; weights in OpenCLIP's layout need it");
  }
  return Status::NotFound(path + ": missing; a model needs config.json and model.safetensors");
}

}  // namespace

Layout LayoutOf(const std::string& directory) {
  if (!IsThere(directory, kOpenClipConfig)) return Layout::kTransformers;
  const bool transformers = IsThere(directory, kConfig) &&
                            (IsThere(directory, kWeights) || IsThere(directory, kIndex)) &&
                            IsTransformersConfig(directory + "/" + kConfig);
  return transformers ? Layout::kTransformers : Layout::kOpenClip;
}

std::string ConfigFileName(const std::string& directory) {
  return LayoutOf(directory) == Layout::kOpenClip ? kOpenClipConfig : kConfig;
}

Result<WeightFiles> FindWeights(const std::string& directory) {
  if (LayoutOf(directory) == Layout::kOpenClip) {
    if (!IsThere(directory, kOpenClipWeights)) return NoWeights(directory);
    return WeightFiles{.index = "", .files = {kOpenClipWeights}};
  }
  if (IsThere(directory, kWeights)) return WeightFiles{.index = "", .files = {kWeights}};
  if (IsThere(directory, kIndex)) {
    ESPY_ASSIGN_OR_RETURN(WeightIndex index, ReadWeightIndex(directory + "/" + kIndex));
    return WeightFiles{.index = kIndex, .files = std::move(index.shards)};
  }
  return NoWeights(directory);
}

Result<std::unique_ptr<Safetensors>> OpenWeights(const std::string& directory) {
  ESPY_ASSIGN_OR_RETURN(const WeightFiles weights, FindWeights(directory));
  if (weights.index.empty()) {
    ESPY_ASSIGN_OR_RETURN(std::unique_ptr<Safetensors> file,
                          Safetensors::Open(directory + "/" + weights.files.front()));
    if (LayoutOf(directory) == Layout::kOpenClip) return RenameOpenClip(std::move(file));
    return file;
  }
  const std::string path = directory + "/" + weights.index;
  ESPY_ASSIGN_OR_RETURN(const WeightIndex index, ReadWeightIndex(path));
  return JoinShards(index, path, [&directory](const std::string& shard) {
    return Safetensors::Open(directory + "/" + shard);
  });
}

}  // namespace espy::encoders
