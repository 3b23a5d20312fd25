#include "encoders/transformer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/check.h"
#include "base/status_macros.h"
#include "kernels/attention.h"
#include "kernels/norm.h"

namespace espy::encoders {

kernels::Activation KernelActivation(Activation activation) {
  switch (activation) {
    case Activation::kQuickGelu:
      return kernels::Activation::kQuickGelu;
    case Activation::kGeluTanh:
      return kernels::Activation::kGeluTanh;
    case Activation::kGelu:
      return kernels::Activation::kGelu;
  }
  return kernels::Activation::kNone;
}

void Apply(const Linear& linear, const float* a, std::int64_t rows, kernels::Activation activation,
           const float* residual, float* out, ThreadPool* pool) {
  kernels::Matmul({.a = a,
                   .a_stride = linear.weight.inputs(),
                   .rows = rows,
                   .weights = &linear.weight,
                   .bias = linear.bias.empty() ? nullptr : linear.bias.data(),
                   .activation = activation,
                   .residual = residual,
                   .residual_stride = linear.weight.outputs(),
                   .out = out,
                   .out_stride = linear.weight.outputs()},
                  pool);
}

void Apply(const Norm& norm, float eps, const float* x, std::int64_t rows, float* out,
           ThreadPool* pool) {
  const auto width = static_cast<std::int64_t>(norm.weight.size());
  kernels::LayerNorm(x, width, rows, width, norm.weight.data(), norm.bias.data(), eps, out, width,
                     pool);
}

Result<Transformer> Transformer::Load(const Weights& tower, const TowerConfig& config) {
  const Weights weights = tower.ForLayers();
  Transformer transformer;
  transformer.config_ = config;
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const std::string at = "encoder.layers." + std::to_string(i) + ".";
    Layer layer;
    ESPY_ASSIGN_OR_RETURN(layer.norm1, weights.ReadNorm(at + "layer_norm1", config.width));
    ESPY_ASSIGN_OR_RETURN(
        layer.qkv, weights.ReadFused(
                       {at + "self_attn.q_proj", at + "self_attn.k_proj", at + "self_attn.v_proj"},
                       config.width, config.width));
    ESPY_ASSIGN_OR_RETURN(layer.projection, weights.ReadLinear(at + "self_attn.out_proj",
                                                               config.width, config.width));
    ESPY_ASSIGN_OR_RETURN(layer.norm2, weights.ReadNorm(at + "layer_norm2", config.width));
    ESPY_ASSIGN_OR_RETURN(layer.fc1,
                          weights.ReadLinear(at + "mlp.fc1", config.inter, config.width));
    ESPY_ASSIGN_OR_RETURN(layer.fc2,
                          weights.ReadLinear(at + "mlp.fc2", config.width, config.inter));
    transformer.layers_.push_back(std::move(layer));
  }
  return transformer;
}

void Transformer::Reserve(std::int64_t tokens, Workspace* workspace) const {
  workspace->normed.Reserve(tokens * config_.width);
  workspace->qkv.Reserve(tokens * 3 * config_.width);
  workspace->mixed.Reserve(tokens * config_.width);
  workspace->hidden.Reserve(tokens * config_.inter);
}

void Transformer::RunLayer(const Layer& layer, std::span<const std::int64_t> offsets, bool causal,
                           Workspace* workspace, ThreadPool* pool) const {
  const std::int64_t tokens = offsets.back();
  const std::int64_t width = config_.width;
  const std::int64_t head_dim = width / config_.heads;
  float* x = workspace->tokens.data();
  float* normed = workspace->normed.data();
  const float* qkv = workspace->qkv.data();

  Apply(layer.norm1, config_.norm_eps, x, tokens, normed, pool);
  Apply(layer.qkv, normed, tokens, kernels::Activation::kNone, nullptr, workspace->qkv.data(),
        pool);
  kernels::Attention({.sequences = static_cast<std::int64_t>(offsets.size()) - 1,
                      .heads = config_.heads,
                      .head_dim = head_dim,
                      .scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
                      .precision = layer.qkv.weight.precision(),
                      .causal = causal,
                      .query_offsets = offsets.data(),
                      .key_offsets = offsets.data(),
                      .q = {qkv, 3 * width},
                      .k = {qkv + width, 3 * width},
                      .v = {qkv + 2 * width, 3 * width},
                      .out = workspace->mixed.data(),
                      .out_stride = width},
                     pool);
  Apply(layer.projection, workspace->mixed.data(), tokens, kernels::Activation::kNone, x, x, pool);
  Apply(layer.norm2, config_.norm_eps, x, tokens, normed, pool);
  Apply(layer.fc1, normed, tokens, KernelActivation(config_.activation), nullptr,
        workspace->hidden.data(), pool);
  Apply(layer.fc2, workspace->hidden.data(), tokens, kernels::Activation::kNone, x, x, pool);
}

void Transformer::Run(std::span<const std::int64_t> offsets, bool causal, Workspace* workspace,
                      ThreadPool* pool) const {
  Reserve(offsets.back(), workspace);
  for (const Layer& layer : layers_) RunLayer(layer, offsets, causal, workspace, pool);
}

void Transformer::RunPooled(std::span<const std::int64_t> offsets, bool causal,
                            std::span<const std::int64_t> rows, Workspace* workspace, float* out,
                            ThreadPool* pool) const {
  const std::int64_t tokens = offsets.back();
  const auto sequences = static_cast<std::int64_t>(offsets.size()) - 1;
  const std::int64_t width = config_.width;
  const std::int64_t head_dim = width / config_.heads;
  if (causal) {
    for (std::size_t s = 0; s < rows.size(); ++s) {
      ESPY_CHECK(rows[s] == offsets[s + 1] - 1, "a causal pooled row is the last of its sequence");
    }
  }
  ESPY_CHECK(sequences == static_cast<std::int64_t>(rows.size()), "one pooled row a sequence");
  Reserve(tokens, workspace);
  workspace->pooled.Reserve(sequences * 3 * width);
  for (std::size_t i = 0; i + 1 < layers_.size(); ++i) {
    RunLayer(layers_[i], offsets, causal, workspace, pool);
  }

  const Layer& last = layers_.back();
  const float* x = workspace->tokens.data();
  float* normed = workspace->normed.data();
  float* q = workspace->pooled.data();    // [sequences, width]
  float* pooled = q + sequences * width;  // [sequences, width]: normed rows, then mixed
  Apply(last.norm1, config_.norm_eps, x, tokens, normed, pool);
  const auto gather = [&](const float* from, std::int64_t stride, float* to) {
    for (std::int64_t s = 0; s < sequences; ++s) {
      const float* row = from + rows[static_cast<std::size_t>(s)] * stride;
      std::copy(row, row + width, to + s * width);
    }
  };
  // Queries of the pooled rows alone, when they end with a panel of the fused matrix; otherwise all
  // are computed.
  kernels::MatmulArgs product{.a = normed,
                              .a_stride = width,
                              .rows = tokens,
                              .weights = &last.qkv.weight,
                              .bias = last.qkv.bias.data(),
                              .out = workspace->qkv.data(),
                              .out_stride = 3 * width};
  const bool split = width % kernels::PackedMatrix::PanelWidth() == 0;
  if (split) product.first_output = width;
  product.out = workspace->qkv.data() + product.first_output;
  kernels::Matmul(product, pool);
  if (split) {
    gather(normed, width, pooled);
    product.a = pooled;
    product.rows = sequences;
    product.first_output = 0;
    product.outputs = width;
    product.out = q;
    product.out_stride = width;
    kernels::Matmul(product, pool);
  } else {
    gather(workspace->qkv.data(), 3 * width, q);
  }
  std::vector<std::int64_t> queries(offsets.size());
  for (std::size_t s = 0; s < queries.size(); ++s) queries[s] = static_cast<std::int64_t>(s);
  kernels::Attention({.sequences = sequences,
                      .heads = config_.heads,
                      .head_dim = head_dim,
                      .scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
                      .precision = last.qkv.weight.precision(),
                      .causal = false,  // the last row of a causal sequence sees all of it
                      .query_offsets = queries.data(),
                      .key_offsets = offsets.data(),
                      .q = {q, width},
                      .k = {workspace->qkv.data() + width, 3 * width},
                      .v = {workspace->qkv.data() + 2 * width, 3 * width},
                      .out = pooled,
                      .out_stride = width},
                     pool);
  gather(x, width, out);
  Apply(last.projection, pooled, sequences, kernels::Activation::kNone, out, out, pool);
  Apply(last.norm2, config_.norm_eps, out, sequences, pooled, pool);
  Apply(last.fc1, pooled, sequences, KernelActivation(config_.activation), nullptr,
        workspace->hidden.data(), pool);
  Apply(last.fc2, workspace->hidden.data(), sequences, kernels::Activation::kNone, out, out, pool);
}

}  // namespace espy::encoders
