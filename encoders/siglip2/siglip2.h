// SigLIP2's NaFlex image tower (Tschannen et al. 2025, "SigLIP 2") as transformers' Siglip2Model
// computes it: pictures keep their aspect, so each has a number of patches of its own. Its text
// tower is SigLIP's. SigLIP2 models of a fixed size are SigLIP models throughout.
#ifndef ESPY_ENCODERS_SIGLIP2_SIGLIP2_H_
#define ESPY_ENCODERS_SIGLIP2_SIGLIP2_H_

#include <memory>

#include "encoders/tower.h"

namespace espy::encoders {

// Pictures of different shapes go through the transformer together, one sequence after another.
// transformers pads each to the same length and masks the padding instead, which gives the same
// vectors for more work.
Result<std::unique_ptr<ImageTower>> LoadSiglip2ImageTower(const ModelConfig& config,
                                                          const Safetensors& weights,
                                                          const TowerOptions& options);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_SIGLIP2_SIGLIP2_H_
