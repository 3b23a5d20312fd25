// open_clip_config.json, as open_clip (github.com/mlfoundations/open_clip) publishes models with
// its own names. docs/MODELS.md lists the keys and which models of that library these are.
#ifndef ESPY_ENCODERS_OPENCLIP_OPENCLIP_CONFIG_H_
#define ESPY_ENCODERS_OPENCLIP_OPENCLIP_CONFIG_H_

#include <string>
#include <string_view>

#include "encoders/config.h"
#include "espy/status.h"

namespace espy::encoders {

// Two kinds are read: ViT towers of open_clip's own, which are CLIP's (Family::kClip), and timm's
// SigLIP image towers beside a text tower without a mask (Family::kSiglip). The others (ResNets,
// CoCa, text towers of transformers, other towers of timm) are Unsupported. `name` is the file's
// path.
Result<ModelConfig> ParseOpenClipConfig(std::string_view text, const std::string& name);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_OPENCLIP_OPENCLIP_CONFIG_H_
