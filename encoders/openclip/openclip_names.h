// open_clip's tensors under transformers' names, by which every tower is loaded.
#ifndef ESPY_ENCODERS_OPENCLIP_OPENCLIP_NAMES_H_
#define ESPY_ENCODERS_OPENCLIP_OPENCLIP_NAMES_H_

#include <memory>
#include <string>
#include <string_view>

#include "encoders/safetensors.h"
#include "espy/status.h"

namespace espy::encoders {

// The name alone: "visual.ln_post.weight" -> "vision_model.post_layernorm.weight". A leading
// "module." and the text tower's "text." are left out; a name that is none of open_clip's stays as
// it is. Parts of a fused projection are named "...self_attn.in_proj.weight", and the halves of
// timm's pooling "...head.attention.q.weight" and "kv".
std::string NameInTransformers(std::string_view name);

// The whole file: fused projections become views of their three parts; `visual.proj` and
// `text_projection`, which open_clip stores as [inputs, outputs], and the pooling's projection,
// which timm stores in two, are copied into transformers' form. Corruption names a tensor whose
// shape does not allow that, or two that would get one name. The error of a tensor that is missing
// later uses transformers' name.
Result<std::unique_ptr<Safetensors>> RenameOpenClip(std::unique_ptr<Safetensors> file);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_OPENCLIP_OPENCLIP_NAMES_H_
