#include "encoders/siglip/siglip.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "encoders/embeddings.h"
#include "encoders/siglip/attention_pool.h"

namespace espy::encoders {
namespace {

// patches + positions -> transformer -> norm -> attention pool.
class SiglipImageTower : public ImageTower {
 public:
  static Result<std::unique_ptr<ImageTower>> Load(const ModelConfig& config,
                                                  const Safetensors& file,
                                                  const TowerOptions& options) {
    if (!config.vision.attention_pool) {
      return Status::Unsupported(
          file.path() +
          ": the model has no pooling head (config.json: vision_use_head is false), so it gives no "
          "vector for a picture; use a SigLIP model with a head");
    }
    const Weights weights(&file, "vision_model", options);
    auto tower = std::make_unique<SiglipImageTower>();
    tower->config_ = config.vision;
    ESPY_ASSIGN_OR_RETURN(tower->embedding_, PatchEmbedding::Load(weights, config.vision,
                                                                  /*class_token=*/false,
                                                                  /*bias=*/true));
    ESPY_ASSIGN_OR_RETURN(tower->transformer_, Transformer::Load(weights, config.vision));
    ESPY_ASSIGN_OR_RETURN(tower->post_norm_,
                          weights.ReadNorm("post_layernorm", config.vision.width));
    ESPY_ASSIGN_OR_RETURN(tower->head_, AttentionPool::Load(weights, config.vision));
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
      embedding_.Run(pictures.subspan(first, n), workspace, pool);
      std::vector<std::int64_t> offsets;
      for (std::size_t i = 0; i <= n; ++i) {
        offsets.push_back(static_cast<std::int64_t>(i) * tokens());
      }
      transformer_.Run(offsets, /*causal=*/false, workspace, pool);
      float* x = workspace->tokens.data();
      Apply(post_norm_, config_.norm_eps, x, offsets.back(), x, pool);
      head_.Run(x, offsets, workspace, out, pool);
      out += static_cast<std::int64_t>(n) * config_.width;
    }
  }

 private:
  VisionConfig config_;
  PatchEmbedding embedding_;
  Transformer transformer_;
  Norm post_norm_;
  AttentionPool head_;
};

// tokens + positions -> transformer without a mask -> norm of the last token -> linear. The model
// was trained on texts padded to the context with no attention mask: the padding is part of what it
// reads.
class SiglipTextTower : public TextTower {
 public:
  static Result<std::unique_ptr<TextTower>> Load(const ModelConfig& config, const Safetensors& file,
                                                 Padding padding, const TowerOptions& options) {
    const Weights weights(&file, "text_model", options);
    auto tower = std::make_unique<SiglipTextTower>();
    tower->config_ = config.text;
    tower->padding_ = padding;
    if (padding.id < 0 || padding.id >= config.text.vocabulary) {
      return Status::Corruption(file.path() + ": the tokenizer's padding id " +
                                std::to_string(padding.id) + " is outside of the vocabulary of " +
                                std::to_string(config.text.vocabulary) +
                                "; check that tokenizer and weights are of the same model");
    }
    const std::int64_t width = config.text.width;
    ESPY_ASSIGN_OR_RETURN(tower->embedding_, TokenEmbedding::Load(weights, config.text));
    ESPY_ASSIGN_OR_RETURN(tower->transformer_, Transformer::Load(weights, config.text));
    ESPY_ASSIGN_OR_RETURN(tower->final_norm_, weights.ReadNorm("final_layer_norm", width));
    ESPY_ASSIGN_OR_RETURN(tower->head_, weights.ReadLinear("head", config.projection, width));
    return std::unique_ptr<TextTower>(std::move(tower));
  }

  void Encode(std::span<const std::vector<std::int32_t>> texts, Workspace* workspace, float* out,
              ThreadPool* pool) const override {
    const auto per_pass = static_cast<std::size_t>(ItemsPerPass(config_.context));
    for (std::size_t first = 0; first < texts.size(); first += per_pass) {
      const std::size_t n = std::min(per_pass, texts.size() - first);
      Pass(texts.subspan(first, n), workspace, out, pool);
      out += static_cast<std::int64_t>(n) * head_.weight.outputs();
    }
  }

 private:
  void Pass(std::span<const std::vector<std::int32_t>> texts, Workspace* workspace, float* out,
            ThreadPool* pool) const {
    const auto batch = static_cast<std::int64_t>(texts.size());
    workspace->tokens.Reserve(batch * config_.context * config_.width);
    std::vector<std::int64_t> offsets{0}, last;
    for (std::vector<std::int32_t> ids : texts) {
      const std::size_t missing = static_cast<std::size_t>(config_.context) - ids.size();
      ids.insert(padding_.left ? ids.begin() : ids.end(), missing, padding_.id);
      embedding_.Run(ids, workspace->tokens.data() + offsets.back() * config_.width);
      offsets.push_back(offsets.back() + config_.context);
      last.push_back(offsets.back() - 1);
    }
    std::vector<float> pooled(static_cast<std::size_t>(batch * config_.width));
    transformer_.RunPooled(offsets, /*causal=*/false, last, workspace, pooled.data(), pool);
    Apply(final_norm_, config_.norm_eps, pooled.data(), batch, pooled.data(), pool);
    Apply(head_, pooled.data(), batch, kernels::Activation::kNone, nullptr, out, pool);
  }

  TextConfig config_;
  Padding padding_;
  TokenEmbedding embedding_;
  Transformer transformer_;
  Norm final_norm_;
  Linear head_;
};

}  // namespace

Result<std::unique_ptr<ImageTower>> LoadSiglipImageTower(const ModelConfig& config,
                                                         const Safetensors& weights,
                                                         const TowerOptions& options) {
  return SiglipImageTower::Load(config, weights, options);
}

Result<std::unique_ptr<TextTower>> LoadSiglipTextTower(const ModelConfig& config,
                                                       const Safetensors& weights, Padding padding,
                                                       const TowerOptions& options) {
  return SiglipTextTower::Load(config, weights, padding, options);
}

}  // namespace espy::encoders
