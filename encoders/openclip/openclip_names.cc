#include "encoders/openclip/openclip_names.h"

#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "encoders/config_limits.h"
#include "encoders/json.h"

namespace espy::encoders {
namespace {

struct Rule {
  std::string_view from, to;
};

// By how a name begins; the first that fits. What follows is mapped by kInLayer where the rule
// leads into the layers.
constexpr Rule kBeginnings[] = {
    // open_clip's own image tower
    {"visual.class_embedding", "vision_model.embeddings.class_embedding"},
    {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
    {"visual.conv1.", "vision_model.embeddings.patch_embedding."},
    {"visual.ln_pre.", "vision_model.pre_layrnorm."},
    {"visual.transformer.resblocks.", "vision_model.encoder.layers."},
    {"visual.ln_post.", "vision_model.post_layernorm."},
    {"visual.proj", "visual_projection.weight"},
    // timm's
    {"visual.trunk.patch_embed.proj.", "vision_model.embeddings.patch_embedding."},
    {"visual.trunk.pos_embed", "vision_model.embeddings.position_embedding.weight"},
    {"visual.trunk.blocks.", "vision_model.encoder.layers."},
    {"visual.trunk.norm.", "vision_model.post_layernorm."},
    {"visual.trunk.attn_pool.latent", "vision_model.head.probe"},
    {"visual.trunk.attn_pool.q.", "vision_model.head.attention.q."},
    {"visual.trunk.attn_pool.kv.", "vision_model.head.attention.kv."},
    {"visual.trunk.attn_pool.proj.", "vision_model.head.attention.out_proj."},
    {"visual.trunk.attn_pool.norm.", "vision_model.head.layernorm."},
    {"visual.trunk.attn_pool.mlp.", "vision_model.head.mlp."},
    // the text tower; its projection is a linear of its own in SigLIP's
    {"token_embedding.", "text_model.embeddings.token_embedding."},
    {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
    {"transformer.resblocks.", "text_model.encoder.layers."},
    {"ln_final.", "text_model.final_layer_norm."},
    {"text_projection.", "text_model.head."},
    {"text_projection", "text_projection.weight"},
};

// After "encoder.layers.N.".
constexpr Rule kInLayer[] = {
    {"ln_1.", "layer_norm1."},
    {"ln_2.", "layer_norm2."},
    {"attn.in_proj_", "self_attn.in_proj."},
    {"attn.out_proj.", "self_attn.out_proj."},
    {"mlp.c_fc.", "mlp.fc1."},
    {"mlp.c_proj.", "mlp.fc2."},
    {"norm1.", "layer_norm1."},
    {"norm2.", "layer_norm2."},
    {"attn.qkv.", "self_attn.in_proj."},
    {"attn.proj.", "self_attn.out_proj."},
};

// The name with its beginning replaced. A rule that does not end in '.' or '_' is for a whole name.
template <std::size_t n>
std::optional<std::string> Replaced(std::string_view name, const Rule (&rules)[n]) {
  for (const Rule& rule : rules) {
    const bool whole = rule.from.back() != '.' && rule.from.back() != '_';
    if (whole ? name == rule.from : name.starts_with(rule.from)) {
      return std::string(rule.to) + std::string(name.substr(rule.from.size()));
    }
  }
  return std::nullopt;
}

class Renamer {
 public:
  explicit Renamer(std::unique_ptr<Safetensors> file) : file_(std::move(file)) {}

  Result<std::unique_ptr<Safetensors>> Run() {
    for (const std::string& name : file_->Names()) {
      const TensorView& tensor = *file_->Find(name);
      const std::string target = NameInTransformers(name);
      const std::size_t fused = target.find(".self_attn.in_proj.");
      if (fused != std::string::npos) {
        ESPY_RETURN_IF_ERROR(
            Split(name, target.substr(0, fused + 11), tensor, target.substr(target.rfind('.'))));
      } else if (target == "visual_projection.weight" || target == "text_projection.weight") {
        ESPY_RETURN_IF_ERROR(Transpose(name, target, tensor));
      } else {
        ESPY_RETURN_IF_ERROR(Add(name, target, tensor));
      }
    }
    for (const char* end : {"weight", "bias"}) ESPY_RETURN_IF_ERROR(JoinPooling(end));
    std::string path = file_->path();
    std::vector<std::unique_ptr<Safetensors>> parts;
    parts.push_back(std::move(file_));
    return Safetensors::Assemble(std::move(path), std::move(tensors_), std::move(parts),
                                 std::move(made_));
  }

 private:
  Status Bad(std::string_view name, const std::string& why) const {
    return Status::Corruption(file_->path() + ": tensor \"" + Printable(name) + "\": " + why +
                              "; is it a model of open_clip?");
  }

  Status Add(std::string_view name, const std::string& target, TensorView tensor) {
    if (tensors_.emplace(target, std::move(tensor)).second) return Status::Ok();
    return Bad(name, "another tensor has its place, \"" + Printable(target) + "\", too");
  }

  // q, k and v lie one after another: each is a view.
  Status Split(std::string_view name, const std::string& attention, const TensorView& tensor,
               const std::string& end) {
    if (tensor.shape.empty() || tensor.shape[0] % 3 != 0) {
      return Bad(name, "its rows are not three equal parts");
    }
    TensorView part = tensor;
    part.shape[0] /= 3;
    const std::size_t bytes = tensor.bytes.size() / 3;
    for (std::size_t i = 0; i < 3; ++i) {
      part.bytes = tensor.bytes.subspan(i * bytes, bytes);
      ESPY_RETURN_IF_ERROR(Add(name, attention + "qkv"[i] + "_proj" + end, part));
    }
    return Status::Ok();
  }

  Status Transpose(std::string_view name, const std::string& target, const TensorView& tensor) {
    if (tensor.shape.size() != 2 || tensor.shape[0] > kMaxWidth || tensor.shape[1] > kMaxWidth) {
      return Bad(name, "not a matrix of a projection");
    }
    const auto rows = static_cast<std::size_t>(tensor.shape[0]);
    const auto columns = static_cast<std::size_t>(tensor.shape[1]);
    const std::size_t item = DTypeBytes(tensor.dtype);
    std::vector<std::uint8_t>& out = made_.emplace_back(tensor.bytes.size());
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < columns; ++c) {
        std::memcpy(&out[(c * rows + r) * item], &tensor.bytes[(r * columns + c) * item], item);
      }
    }
    return Add(name, target, {tensor.dtype, {tensor.shape[1], tensor.shape[0]}, out});
  }

  // head.attention.{q, kv}.END -> head.attention.in_proj_END.
  Status JoinPooling(const std::string& end) {
    const std::string at = "vision_model.head.attention.";
    const auto q = tensors_.find(at + "q." + end), kv = tensors_.find(at + "kv." + end);
    if (q == tensors_.end() || kv == tensors_.end()) return Status::Ok();
    TensorView joined = q->second;
    const TensorView& rest = kv->second;
    if (joined.dtype != rest.dtype || joined.shape.empty() || rest.shape.empty() ||
        joined.shape[0] > kMaxWidth || rest.shape[0] != 2 * joined.shape[0] ||
        rest.bytes.size() != 2 * joined.bytes.size()) {
      return Bad("visual.trunk.attn_pool.kv." + end, "does not go with attn_pool.q." + end);
    }
    std::vector<std::uint8_t>& out = made_.emplace_back();
    out.insert(out.end(), joined.bytes.begin(), joined.bytes.end());
    out.insert(out.end(), rest.bytes.begin(), rest.bytes.end());
    joined.shape[0] *= 3;
    joined.bytes = out;
    tensors_.erase(q);
    tensors_.erase(at + "kv." + end);
    return Add("visual.trunk.attn_pool.q." + end, at + "in_proj_" + end, std::move(joined));
  }

  std::unique_ptr<Safetensors> file_;
  std::unordered_map<std::string, TensorView> tensors_;
  std::vector<std::vector<std::uint8_t>> made_;
};

}  // namespace

std::string NameInTransformers(std::string_view name) {
  std::string_view inner = name;
  for (const std::string_view prefix : {"module.", "text."}) {
    if (inner.starts_with(prefix)) inner.remove_prefix(prefix.size());
  }
  std::optional<std::string> target = Replaced(inner, kBeginnings);
  if (!target) return std::string(inner);
  constexpr std::string_view kLayers = "encoder.layers.";
  const std::size_t layers = target->find(kLayers);
  if (layers == std::string::npos) return *target;
  const std::size_t dot = target->find('.', layers + kLayers.size());
  if (dot == std::string::npos) return *target;
  const std::string rest = target->substr(dot + 1);
  return target->substr(0, dot + 1) + Replaced(rest, kInLayer).value_or(rest);
}

Result<std::unique_ptr<Safetensors>> RenameOpenClip(std::unique_ptr<Safetensors> file) {
  return Renamer(std::move(file)).Run();
}

}  // namespace espy::encoders
