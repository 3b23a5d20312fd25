#include "encoders/tower.h"

#include "encoders/clip/clip.h"
#include "encoders/siglip/siglip.h"

namespace espy::encoders {

Result<std::unique_ptr<ImageTower>> LoadImageTower(const ModelConfig& config,
                                                   const Safetensors& weights, ThreadPool* pool) {
  switch (config.family) {
    case Family::kClip:
      return LoadClipImageTower(config, weights, pool);
    case Family::kSiglip:
      return LoadSiglipImageTower(config, weights, pool);
  }
  return Status::Unsupported("this build has no image tower of the model's family");
}

Result<std::unique_ptr<TextTower>> LoadTextTower(const ModelConfig& config,
                                                 const Safetensors& weights, Padding padding,
                                                 ThreadPool* pool) {
  switch (config.family) {
    case Family::kClip:
      return LoadClipTextTower(config, weights, pool);
    case Family::kSiglip:
      return LoadSiglipTextTower(config, weights, padding, pool);
  }
  return Status::Unsupported("this build has no text tower of the model's family");
}

}  // namespace espy::encoders
