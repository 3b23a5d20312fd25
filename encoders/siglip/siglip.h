// SigLIP (Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training") as transformers'
// SiglipModel computes it: get_image_features and get_text_features. Fixed-size SigLIP 2
// checkpoints are of the same shape.
#ifndef ESPY_ENCODERS_SIGLIP_SIGLIP_H_
#define ESPY_ENCODERS_SIGLIP_SIGLIP_H_

#include <memory>

#include "encoders/tower.h"

namespace espy::encoders {

// Unsupported when the model has no pooling head: its publishers then give no picture embedding
// either.
Result<std::unique_ptr<ImageTower>> LoadSiglipImageTower(const ModelConfig& config,
                                                         const Safetensors& weights,
                                                         const TowerOptions& options);
Result<std::unique_ptr<TextTower>> LoadSiglipTextTower(const ModelConfig& config,
                                                       const Safetensors& weights, Padding padding,
                                                       const TowerOptions& options);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_SIGLIP_SIGLIP_H_
