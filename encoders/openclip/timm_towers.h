// The shapes behind timm's names for SigLIP's image towers, which an open_clip_config.json gives
// instead of sizes.
#ifndef ESPY_ENCODERS_OPENCLIP_TIMM_TOWERS_H_
#define ESPY_ENCODERS_OPENCLIP_TIMM_TOWERS_H_

#include <string_view>

#include "encoders/config.h"

namespace espy::encoders {

// nullptr: not one of timm's SigLIP towers with a pooling head ("vit_base_patch16_siglip_224").
const VisionConfig* FindTimmTower(std::string_view name);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_OPENCLIP_TIMM_TOWERS_H_
