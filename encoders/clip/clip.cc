#include "encoders/clip/clip.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "encoders/embeddings.h"

namespace espy::encoders {
namespace {

// patches + class token + positions -> norm -> transformer -> norm of the class token -> projection
// without bias.
class ClipImageTower : public ImageTower {
 public:
  static Result<std::unique_ptr<ImageTower>> Load(const ModelConfig& config,
                                                  const Safetensors& file,
                                                  const TowerOptions& options) {
    const Weights weights(&file, "vision_model", options);
    auto tower = std::make_unique<ClipImageTower>();
    tower->config_ = config.vision;
    const std::int64_t width = config.vision.width;
    ESPY_ASSIGN_OR_RETURN(tower->embedding_, PatchEmbedding::Load(weights, config.vision,
                                                                  /*class_token=*/true,
                                                                  /*bias=*/false));
    // The published name has this spelling.
    ESPY_ASSIGN_OR_RETURN(tower->pre_norm_, weights.ReadNorm("pre_layrnorm", width));
    ESPY_ASSIGN_OR_RETURN(tower->transformer_, Transformer::Load(weights, config.vision));
    ESPY_ASSIGN_OR_RETURN(tower->post_norm_, weights.ReadNorm("post_layernorm", width));
    ESPY_ASSIGN_OR_RETURN(tower->projection_,
                          weights.Outside().ReadLinear("visual_projection", config.projection,
                                                       width, /*with_bias=*/false));
    return std::unique_ptr<ImageTower>(std::move(tower));
  }

  std::int64_t tokens() const override { return embedding_.tokens(); }

  std::int64_t image_size() const override { return config_.image_size; }
  bool Takes(imaging::Size size) const override { return embedding_.Takes(size); }

  void Encode(std::span<const imaging::PictureView> pictures, Workspace* workspace, float* out,
              ThreadPool* pool) const override {
    const auto per_pass = static_cast<std::size_t>(ItemsPerPass(tokens()));
    for (std::size_t first = 0; first < pictures.size(); first += per_pass) {
      const std::size_t n = std::min(per_pass, pictures.size() - first);
      Pass(pictures.subspan(first, n), workspace, out, pool);
      out += static_cast<std::int64_t>(n) * projection_.weight.outputs();
    }
  }

 private:
  void Pass(std::span<const imaging::PictureView> pictures, Workspace* workspace, float* out,
            ThreadPool* pool) const {
    embedding_.Run(pictures, workspace, pool);
    const auto batch = static_cast<std::int64_t>(pictures.size());
    float* x = workspace->tokens.data();
    Apply(pre_norm_, config_.norm_eps, x, batch * tokens(), x, pool);
    std::vector<std::int64_t> offsets;
    for (std::int64_t b = 0; b <= batch; ++b) offsets.push_back(b * tokens());
    const std::span<const std::int64_t> class_rows(offsets.data(), static_cast<std::size_t>(batch));
    std::vector<float> pooled(static_cast<std::size_t>(batch * config_.width));
    transformer_.RunPooled(offsets, /*causal=*/false, class_rows, workspace, pooled.data(), pool);
    Apply(post_norm_, config_.norm_eps, pooled.data(), batch, pooled.data(), pool);
    Apply(projection_, pooled.data(), batch, kernels::Activation::kNone, nullptr, out, pool);
  }

  VisionConfig config_;
  PatchEmbedding embedding_;
  Norm pre_norm_;
  Transformer transformer_;
  Norm post_norm_;
  Linear projection_;
};

// tokens + positions -> causal transformer -> norm of the end-of-text token -> projection without
// bias. What follows the end-of-text token cannot reach it under the causal mask, so texts are
// neither padded nor computed beyond it.
class ClipTextTower : public TextTower {
 public:
  static Result<std::unique_ptr<TextTower>> Load(const ModelConfig& config, const Safetensors& file,
                                                 const TowerOptions& options) {
    const Weights weights(&file, "text_model", options);
    auto tower = std::make_unique<ClipTextTower>();
    tower->config_ = config.text;
    const std::int64_t width = config.text.width;
    ESPY_ASSIGN_OR_RETURN(tower->embedding_, TokenEmbedding::Load(weights, config.text));
    ESPY_ASSIGN_OR_RETURN(tower->transformer_, Transformer::Load(weights, config.text));
    ESPY_ASSIGN_OR_RETURN(tower->final_norm_, weights.ReadNorm("final_layer_norm", width));
    ESPY_ASSIGN_OR_RETURN(tower->projection_,
                          weights.Outside().ReadLinear("text_projection", config.projection, width,
                                                       /*with_bias=*/false));
    return std::unique_ptr<TextTower>(std::move(tower));
  }

  void Encode(std::span<const std::vector<std::int32_t>> texts, Workspace* workspace, float* out,
              ThreadPool* pool) const override {
    const auto per_pass = static_cast<std::size_t>(ItemsPerPass(config_.context));
    for (std::size_t first = 0; first < texts.size(); first += per_pass) {
      const std::size_t n = std::min(per_pass, texts.size() - first);
      Pass(texts.subspan(first, n), workspace, out, pool);
      out += static_cast<std::int64_t>(n) * projection_.weight.outputs();
    }
  }

 private:
  void Pass(std::span<const std::vector<std::int32_t>> texts, Workspace* workspace, float* out,
            ThreadPool* pool) const {
    std::vector<std::int64_t> offsets{0}, ends;
    for (const std::vector<std::int32_t>& ids : texts) {
      ESPY_CHECK(!ids.empty(), "a text has its end-of-text token at least");
      const std::int64_t end = ClipPooledPosition(ids, config_.eos_id);
      ends.push_back(offsets.back() + end);
      offsets.push_back(offsets.back() + end + 1);
    }
    workspace->tokens.Reserve(offsets.back() * config_.width);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto length = static_cast<std::size_t>(offsets[i + 1] - offsets[i]);
      embedding_.Run(std::span(texts[i]).first(length),
                     workspace->tokens.data() + offsets[i] * config_.width);
    }
    const auto batch = static_cast<std::int64_t>(texts.size());
    std::vector<float> pooled(static_cast<std::size_t>(batch * config_.width));
    transformer_.RunPooled(offsets, /*causal=*/true, ends, workspace, pooled.data(), pool);
    Apply(final_norm_, config_.norm_eps, pooled.data(), batch, pooled.data(), pool);
    Apply(projection_, pooled.data(), batch, kernels::Activation::kNone, nullptr, out, pool);
  }

  TextConfig config_;
  TokenEmbedding embedding_;
  Transformer transformer_;
  Norm final_norm_;
  Linear projection_;
};

}  // namespace

std::int64_t ClipPooledPosition(std::span<const std::int32_t> ids, std::int64_t eos_id) {
  if (eos_id == 2) return std::max_element(ids.begin(), ids.end()) - ids.begin();
  const auto found = std::find(ids.begin(), ids.end(), static_cast<std::int32_t>(eos_id));
  return found == ids.end() ? 0 : found - ids.begin();
}

Result<std::unique_ptr<ImageTower>> LoadClipImageTower(const ModelConfig& config,
                                                       const Safetensors& weights,
                                                       const TowerOptions& options) {
  return ClipImageTower::Load(config, weights, options);
}

Result<std::unique_ptr<TextTower>> LoadClipTextTower(const ModelConfig& config,
                                                     const Safetensors& weights,
                                                     const TowerOptions& options) {
  return ClipTextTower::Load(config, weights, options);
}

}  // namespace espy::encoders
