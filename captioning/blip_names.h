// BLIP's tensors under the names that the loaders of encoders/ know.
#ifndef ESPY_CAPTIONING_BLIP_NAMES_H_
#define ESPY_CAPTIONING_BLIP_NAMES_H_

#include <memory>

#include "encoders/safetensors.h"

namespace espy::captioning {

// The same tensors, where they lie; of the vision tower
//   vision_model.embeddings.position_embedding   with .weight at its end
//   ...self_attn.qkv.{weight, bias}              in three: q_proj, k_proj, v_proj
//   ...self_attn.projection.{weight, bias}       as out_proj
// The vocabulary head is tied to the word embeddings, and its two biases are one: where a file kept
// only the head's (cls.predictions.decoder.{weight, bias}), those are given the others' names too.
//
// A qkv whose rows do not divide by three stays as it is, to be reported missing.
std::unique_ptr<encoders::Safetensors> RenameBlip(std::unique_ptr<encoders::Safetensors> file);

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_BLIP_NAMES_H_
