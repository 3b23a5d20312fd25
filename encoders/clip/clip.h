// CLIP (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
// Supervision") as transformers' CLIPModel computes it: get_image_features and get_text_features.
#ifndef ESPY_ENCODERS_CLIP_CLIP_H_
#define ESPY_ENCODERS_CLIP_CLIP_H_

#include <memory>
#include <span>

#include "encoders/tower.h"

namespace espy::encoders {

Result<std::unique_ptr<ImageTower>> LoadClipImageTower(const ModelConfig& config,
                                                       const Safetensors& weights,
                                                       const TowerOptions& options);
Result<std::unique_ptr<TextTower>> LoadClipTextTower(const ModelConfig& config,
                                                     const Safetensors& weights,
                                                     const TowerOptions& options);

// The position whose state stands for the text: that of the first `eos_id`; 0 when there is none.
// Configurations written before transformers corrected them say eos_id 2, and mean the first of the
// largest ids.
std::int64_t ClipPooledPosition(std::span<const std::int32_t> ids, std::int64_t eos_id);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_CLIP_CLIP_H_
