#include "encoders/tower.h"

#include "encoders/clip/clip.h"
#include "encoders/siglip/siglip.h"
#include "encoders/siglip2/siglip2.h"

namespace espy::encoders {

void ImageTower::Encode(const float* pixels, std::int64_t batch, Workspace* workspace, float* out,
                        ThreadPool* pool) const {
  const std::int64_t side = image_size();
  const imaging::Size size{static_cast<std::int32_t>(side), static_cast<std::int32_t>(side)};
  std::vector<imaging::PictureView> pictures;
  for (std::int64_t i = 0; i < batch; ++i) pictures.push_back({pixels + i * 3 * side * side, size});
  Encode(pictures, workspace, out, pool);
}

Result<std::unique_ptr<ImageTower>> LoadImageTower(const ModelConfig& config,
                                                   const Safetensors& weights,
                                                   const TowerOptions& options) {
  switch (config.family) {
    case Family::kClip:
      return LoadClipImageTower(config, weights, options);
    case Family::kSiglip:
      return LoadSiglipImageTower(config, weights, options);
    case Family::kSiglip2:
      return LoadSiglip2ImageTower(config, weights, options);
  }
  return Status::Unsupported("this build has no image tower of the model's family");
}

Result<std::unique_ptr<TextTower>> LoadTextTower(const ModelConfig& config,
                                                 const Safetensors& weights, Padding padding,
                                                 const TowerOptions& options) {
  switch (config.family) {
    case Family::kClip:
      return LoadClipTextTower(config, weights, options);
    case Family::kSiglip:
    case Family::kSiglip2:
      return LoadSiglipTextTower(config, weights, padding, options);
  }
  return Status::Unsupported("this build has no text tower of the model's family");
}

}  // namespace espy::encoders
