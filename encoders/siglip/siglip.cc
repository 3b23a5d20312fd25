#include "encoders/siglip/siglip.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/status_macros.h"
#include "encoders/embeddings.h"
#include "kernels/attention.h"

namespace espy::encoders {
namespace {

// Multi-head attention pooling: a learned probe asks every token once; then r + mlp(norm(r)). The
// probe's query is the same for every picture and computed at loading.
class AttentionPool {
 public:
  static Result<AttentionPool> Load(const Weights& weights, const VisionConfig& config) {
    AttentionPool pool;
    pool.config_ = config;
    const std::int64_t width = config.width;
    ESPY_ASSIGN_OR_RETURN(const std::vector<float> probe, weights.Vector("head.probe", {width}));
    ESPY_ASSIGN_OR_RETURN(const StoredTensor in,
                          weights.Find("head.attention.in_proj_weight", {3 * width, width}));
    ESPY_ASSIGN_OR_RETURN(const std::vector<float> in_bias,
                          weights.Vector("head.attention.in_proj_bias", {3 * width}));
    kernels::PackedMatrix query(width, width);
    query.SetRows(0, width, in.data, in.type, weights.pool());
    pool.query_.resize(static_cast<std::size_t>(width));
    kernels::Matmul({.a = probe.data(),
                     .a_stride = width,
                     .rows = 1,
                     .weights = &query,
                     .bias = in_bias.data(),
                     .out = pool.query_.data(),
                     .out_stride = width},
                    weights.pool());
    const std::size_t query_bytes =
        static_cast<std::size_t>(width * width) * kernels::ElementBytes(in.type);
    pool.key_value_.weight = kernels::PackedMatrix(2 * width, width);
    pool.key_value_.weight.SetRows(0, 2 * width, in.data + query_bytes, in.type, weights.pool());
    pool.key_value_.bias.assign(in_bias.begin() + width, in_bias.end());
    ESPY_ASSIGN_OR_RETURN(pool.out_, weights.ReadLinear("head.attention.out_proj", width, width));
    ESPY_ASSIGN_OR_RETURN(pool.norm_, weights.ReadNorm("head.layernorm", width));
    ESPY_ASSIGN_OR_RETURN(pool.fc1_, weights.ReadLinear("head.mlp.fc1", config.inter, width));
    ESPY_ASSIGN_OR_RETURN(pool.fc2_, weights.ReadLinear("head.mlp.fc2", width, config.inter));
    return pool;
  }

  // x: the tokens of each picture, [offsets.back(), width]; out: [pictures, width].
  void Run(const float* x, std::span<const std::int64_t> offsets, Workspace* workspace, float* out,
           ThreadPool* pool) const {
    const std::int64_t width = config_.width;
    const std::int64_t head_dim = width / config_.heads;
    const auto batch = static_cast<std::int64_t>(offsets.size()) - 1;
    workspace->qkv.Reserve(offsets.back() * 2 * width);
    workspace->mixed.Reserve(batch * width);
    workspace->hidden.Reserve(batch * config_.inter);
    float* key_value = workspace->qkv.data();
    float* mixed = workspace->mixed.data();
    Apply(key_value_, x, offsets.back(), kernels::Activation::kNone, nullptr, key_value, pool);
    std::vector<std::int64_t> queries(offsets.size());
    for (std::size_t i = 0; i < queries.size(); ++i) queries[i] = static_cast<std::int64_t>(i);
    kernels::Attention({.sequences = batch,
                        .heads = config_.heads,
                        .head_dim = head_dim,
                        .scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
                        .causal = false,
                        .query_offsets = queries.data(),
                        .key_offsets = offsets.data(),
                        .q = {query_.data(), 0},  // one query row for all
                        .k = {key_value, 2 * width},
                        .v = {key_value + width, 2 * width},
                        .out = mixed,
                        .out_stride = width},
                       pool);
    Apply(out_, mixed, batch, kernels::Activation::kNone, nullptr, out, pool);
    Apply(norm_, config_.norm_eps, out, batch, mixed, pool);
    Apply(fc1_, mixed, batch, KernelActivation(config_.activation), nullptr,
          workspace->hidden.data(), pool);
    Apply(fc2_, workspace->hidden.data(), batch, kernels::Activation::kNone, out, out, pool);
  }

 private:
  VisionConfig config_;
  std::vector<float> query_;  // [width]
  Linear key_value_;          // [2 * width, width]
  Linear out_;
  Norm norm_;
  Linear fc1_;
  Linear fc2_;
};

// patches + positions -> transformer -> norm -> attention pool.
class SiglipImageTower : public ImageTower {
 public:
  static Result<std::unique_ptr<ImageTower>> Load(const ModelConfig& config,
                                                  const Safetensors& file, ThreadPool* pool) {
    if (!config.vision.attention_pool) {
      return Status::Unsupported(
          file.path() +
          ": the model has no pooling head (config.json: vision_use_head is false), so it gives no "
          "vector for a picture; use a SigLIP model with a head");
    }
    const Weights weights(&file, "vision_model", pool);
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

  void Encode(const float* pixels, std::int64_t batch, Workspace* workspace, float* out,
              ThreadPool* pool) const override {
    const std::int64_t picture = 3 * config_.image_size * config_.image_size;
    const std::int64_t per_pass = ItemsPerPass(tokens());
    for (std::int64_t first = 0; first < batch; first += per_pass) {
      const std::int64_t n = std::min(per_pass, batch - first);
      embedding_.Run(pixels + first * picture, n, workspace, pool);
      std::vector<std::int64_t> offsets;
      for (std::int64_t b = 0; b <= n; ++b) offsets.push_back(b * tokens());
      transformer_.Run(offsets, /*causal=*/false, workspace, pool);
      float* x = workspace->tokens.data();
      Apply(post_norm_, config_.norm_eps, x, offsets.back(), x, pool);
      head_.Run(x, offsets, workspace, out + first * config_.width, pool);
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
                                                 Padding padding, ThreadPool* pool) {
    const Weights weights(&file, "text_model", pool);
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
                                                         ThreadPool* pool) {
  return SiglipImageTower::Load(config, weights, pool);
}

Result<std::unique_ptr<TextTower>> LoadSiglipTextTower(const ModelConfig& config,
                                                       const Safetensors& weights, Padding padding,
                                                       ThreadPool* pool) {
  return SiglipTextTower::Load(config, weights, padding, pool);
}

}  // namespace espy::encoders
