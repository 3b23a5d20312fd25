#include "encoders/openclip/timm_towers.h"

#include <map>
#include <string>

namespace espy::encoders {
namespace {

// timm 1.0.31, vision_transformer.py. Towers that came with SigLIP 1 have the exact GELU there,
// though their weights were trained with its tanh form; open_clip computes what timm says.
struct Shape {
  const char* name;
  std::int64_t patch, image, width, inter, layers, heads;
  Activation activation;
};
constexpr Activation kGelu = Activation::kGelu, kTanh = Activation::kGeluTanh;
constexpr Shape kShapes[] = {
    {"vit_base_patch32_siglip_256", 32, 256, 768, 3072, 12, 12, kTanh},
    {"vit_base_patch16_siglip_224", 16, 224, 768, 3072, 12, 12, kGelu},
    {"vit_base_patch16_siglip_256", 16, 256, 768, 3072, 12, 12, kGelu},
    {"vit_base_patch16_siglip_384", 16, 384, 768, 3072, 12, 12, kGelu},
    {"vit_base_patch16_siglip_512", 16, 512, 768, 3072, 12, 12, kGelu},
    {"vit_large_patch16_siglip_256", 16, 256, 1024, 4096, 24, 16, kGelu},
    {"vit_large_patch16_siglip_384", 16, 384, 1024, 4096, 24, 16, kGelu},
    {"vit_large_patch16_siglip_512", 16, 512, 1024, 4096, 24, 16, kTanh},
    {"vit_so400m_patch14_siglip_224", 14, 224, 1152, 4304, 27, 16, kGelu},
    {"vit_so400m_patch14_siglip_378", 14, 378, 1152, 4304, 27, 16, kGelu},
    {"vit_so400m_patch14_siglip_384", 14, 384, 1152, 4304, 27, 16, kGelu},
    {"vit_so400m_patch16_siglip_256", 16, 256, 1152, 4304, 27, 16, kTanh},
    {"vit_so400m_patch16_siglip_384", 16, 384, 1152, 4304, 27, 16, kTanh},
    {"vit_so400m_patch16_siglip_512", 16, 512, 1152, 4304, 27, 16, kTanh},
    {"vit_giantopt_patch16_siglip_256", 16, 256, 1536, 6144, 40, 16, kTanh},
    {"vit_giantopt_patch16_siglip_384", 16, 384, 1536, 6144, 40, 16, kTanh},
};

VisionConfig ConfigOf(const Shape& shape) {
  VisionConfig config;
  config.width = shape.width;
  config.inter = shape.inter;
  config.layers = shape.layers;
  config.heads = shape.heads;
  config.activation = shape.activation;
  config.norm_eps = 1e-6f;
  config.image_size = shape.image;
  config.patch_size = shape.patch;
  config.attention_pool = true;
  return config;
}

}  // namespace

const VisionConfig* FindTimmTower(std::string_view name) {
  static const auto* const towers = [] {
    auto* map = new std::map<std::string, VisionConfig, std::less<>>;
    for (const Shape& shape : kShapes) map->emplace(shape.name, ConfigOf(shape));
    return map;
  }();
  const auto found = towers->find(name);
  return found == towers->end() ? nullptr : &found->second;
}

}  // namespace espy::encoders
