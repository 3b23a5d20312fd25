// config.json, preprocessor_config.json and espy.json, with a NUL between them -> ParseModelConfig;
// the first also as open_clip_config.json -> ParseOpenClipConfig. What is taken holds to every
// limit that the towers rely on.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "encoders/config.h"
#include "encoders/openclip/openclip_config.h"

namespace {

using namespace espy::encoders;

void Require(bool held) {
  if (!held) std::abort();
}

void RequireSound(const TowerConfig& tower) {
  Require(tower.width >= 1 && tower.width <= 16384);
  Require(tower.inter >= 1 && tower.inter <= 65536);
  Require(tower.layers >= 1 && tower.layers <= 256);
  Require(tower.heads >= 1 && tower.width % tower.heads == 0);
  Require(tower.norm_eps > 0 && std::isfinite(tower.norm_eps));
}

void RequireSound(const espy::Result<ModelConfig>& config) {
  if (!config.ok()) {
    Require(config.status().message().find("fuzzed") == 0);
    return;
  }
  RequireSound(config->vision);
  RequireSound(config->text);
  Require(config->vision.patch_size >= 1 && config->vision.image_size >= config->vision.patch_size);
  const std::int64_t across = config->vision.image_size / config->vision.patch_size;
  Require(across * across <= 16384);
  Require(config->projection >= 1 && config->projection <= 16384);
  Require(config->text.vocabulary >= 1 && config->text.context >= 3);
  const auto& spec = config->preprocess;
  if (config->family == Family::kSiglip2) {
    Require(spec.patch_size == config->vision.patch_size && spec.max_patches >= 1);
    Require(spec.width % spec.patch_size == 0 && spec.width == spec.height && spec.width > 0);
    Require(std::int64_t{spec.width} / spec.patch_size * spec.width / spec.patch_size <=
            spec.max_patches);
  } else {
    Require(spec.width == config->vision.image_size && spec.height == config->vision.image_size);
  }
  Require(spec.resize_shortest >= 1 && spec.rescale > 0 && std::isfinite(spec.rescale));
  for (int channel = 0; channel < 3; ++channel) {
    Require(spec.std[channel] > 0 && std::isfinite(spec.std[channel]));
    Require(std::isfinite(spec.mean[channel]));
  }
  Require(std::isfinite(config->logit_bias));
}

std::string_view NextPart(std::string_view* rest) {
  const std::size_t end = std::min(rest->find('\0'), rest->size());
  const std::string_view part = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view config_json = NextPart(&rest);
  const std::string_view preprocessor_json = NextPart(&rest);
  const auto config = ParseModelConfig(config_json, preprocessor_json, "fuzzed", NextPart(&rest));
  RequireSound(config);
  RequireSound(ParseOpenClipConfig(config_json, "fuzzed"));
  return 0;
}
