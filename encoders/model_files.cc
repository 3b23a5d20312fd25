#include "encoders/model_files.h"

#include <cstdint>
#include <utility>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/weight_index.h"

namespace espy::encoders {
namespace {

constexpr char kWeights[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";
constexpr std::uint64_t kMaxIndexBytes = 32 << 20;  // published ones are below 1 MB

bool IsThere(const std::string& directory, const char* name) {
  return Env::Default()->Stat(directory + "/" + name).ok();
}

Result<WeightIndex> ReadWeightIndex(const std::string& path) {
  ESPY_ASSIGN_OR_RETURN(const std::string text, Env::Default()->ReadFile(path, kMaxIndexBytes));
  return ParseWeightIndex(text, path);
}

// What to do about a directory without weights that are read.
Status NoWeights(const std::string& directory) {
  const std::string path = directory + "/" + kWeights;
  if (IsThere(directory, "pytorch_model.bin") ||
      IsThere(directory, "open_clip_pytorch_model.bin")) {
    return Status::Unsupported(path +
                               ": missing; weights in pytorch_model.bin are not read, because "
                               "such a file can run code: load it with transformers and "
                               "save_pretrained it as safetensors");
  }
  if (IsThere(directory, "open_clip_model.safetensors")) {
    return Status::Unsupported(path +
                               ": missing; the weights are in OpenCLIP's own layout, of which "
                               "transformers' conversion is usually published beside it");
  }
  return Status::NotFound(path + ": missing; a model needs config.json and model.safetensors");
}

}  // namespace

Result<WeightFiles> FindWeights(const std::string& directory) {
  if (IsThere(directory, kWeights)) return WeightFiles{.index = "", .files = {kWeights}};
  if (IsThere(directory, kIndex)) {
    ESPY_ASSIGN_OR_RETURN(WeightIndex index, ReadWeightIndex(directory + "/" + kIndex));
    return WeightFiles{.index = kIndex, .files = std::move(index.shards)};
  }
  return NoWeights(directory);
}

Result<std::unique_ptr<Safetensors>> OpenWeights(const std::string& directory) {
  ESPY_ASSIGN_OR_RETURN(const WeightFiles weights, FindWeights(directory));
  if (weights.index.empty()) return Safetensors::Open(directory + "/" + weights.files.front());
  const std::string path = directory + "/" + weights.index;
  ESPY_ASSIGN_OR_RETURN(const WeightIndex index, ReadWeightIndex(path));
  return JoinShards(index, path, [&directory](const std::string& shard) {
    return Safetensors::Open(directory + "/" + shard);
  });
}

}  // namespace espy::encoders
