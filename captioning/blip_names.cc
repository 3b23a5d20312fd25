#include "captioning/blip_names.h"

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace espy::captioning {
namespace {

using encoders::Safetensors;
using encoders::TensorView;

constexpr std::string_view kQkv = ".self_attn.qkv.";
constexpr std::string_view kProjection = ".self_attn.projection.";
constexpr std::string_view kPositions = "vision_model.embeddings.position_embedding";

// A third of the tensor's rows.
TensorView Third(const TensorView& tensor, std::size_t part) {
  TensorView third = tensor;
  third.shape[0] /= 3;
  const std::size_t bytes = tensor.bytes.size() / 3;
  third.bytes = tensor.bytes.subspan(part * bytes, bytes);
  return third;
}

// Whatever ends in `kept` is also there with the end `needed`, unless that is there itself.
void AddTied(std::string_view kept, std::string_view needed,
             std::unordered_map<std::string, TensorView>* tensors) {
  std::vector<std::pair<std::string, TensorView>> more;
  for (const auto& [name, tensor] : *tensors) {
    if (name.ends_with(kept)) {
      more.emplace_back(name.substr(0, name.size() - kept.size()) + std::string(needed), tensor);
    }
  }
  for (auto& [name, tensor] : more) tensors->emplace(std::move(name), std::move(tensor));
}

}  // namespace

std::unique_ptr<Safetensors> RenameBlip(std::unique_ptr<Safetensors> file) {
  std::unordered_map<std::string, TensorView> tensors;
  for (const std::string& name : file->Names()) {
    const TensorView& tensor = *file->Find(name);
    if (const std::size_t at = name.find(kQkv);
        at != std::string::npos && !tensor.shape.empty() && tensor.shape[0] % 3 == 0) {
      const std::string before = name.substr(0, at) + ".self_attn.";
      const std::string after = name.substr(at + kQkv.size());
      for (const std::size_t part : {0, 1, 2}) {
        tensors[before + "qkv"[part] + "_proj." + after] = Third(tensor, part);
      }
    } else if (const std::size_t projection = name.find(kProjection);
               projection != std::string::npos) {
      tensors[name.substr(0, projection) + ".self_attn.out_proj." +
              name.substr(projection + kProjection.size())] = tensor;
    } else if (name.ends_with(kPositions)) {
      tensors[name + ".weight"] = tensor;
    } else {
      tensors[name] = tensor;
    }
  }
  AddTied(".cls.predictions.decoder.weight", ".bert.embeddings.word_embeddings.weight", &tensors);
  AddTied(".cls.predictions.decoder.bias", ".cls.predictions.bias", &tensors);
  std::string path = file->path();
  std::vector<std::unique_ptr<Safetensors>> parts;
  parts.push_back(std::move(file));
  return Safetensors::Assemble(std::move(path), std::move(tensors), std::move(parts));
}

}  // namespace espy::captioning
