#include "encoders/siglip/attention_pool.h"

#include <cmath>

#include "base/status_macros.h"
#include "kernels/attention.h"

namespace espy::encoders {

Result<AttentionPool> AttentionPool::Load(const Weights& weights, const VisionConfig& config) {
  AttentionPool pool;
  pool.config_ = config;
  const std::int64_t width = config.width;
  ESPY_ASSIGN_OR_RETURN(const std::vector<float> probe, weights.Vector("head.probe", {width}));
  ESPY_ASSIGN_OR_RETURN(const StoredTensor in,
                        weights.Find("head.attention.in_proj_weight", {3 * width, width}));
  ESPY_ASSIGN_OR_RETURN(const std::vector<float> in_bias,
                        weights.Vector("head.attention.in_proj_bias", {3 * width}));
  kernels::PackedMatrix query(width, width);  // once: in FP32
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
  pool.key_value_.weight =
      weights.Pack("head.attention.in_proj_weight keys and values",
                   {.data = in.data + query_bytes, .type = in.type}, 2 * width, width);
  pool.key_value_.bias.assign(in_bias.begin() + width, in_bias.end());
  ESPY_ASSIGN_OR_RETURN(pool.out_, weights.ReadLinear("head.attention.out_proj", width, width));
  ESPY_ASSIGN_OR_RETURN(pool.norm_, weights.ReadNorm("head.layernorm", width));
  ESPY_ASSIGN_OR_RETURN(pool.fc1_, weights.ReadLinear("head.mlp.fc1", config.inter, width));
  ESPY_ASSIGN_OR_RETURN(pool.fc2_, weights.ReadLinear("head.mlp.fc2", width, config.inter));
  return pool;
}

void AttentionPool::Run(const float* x, std::span<const std::int64_t> offsets, Workspace* workspace,
                        float* out, ThreadPool* pool) const {
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
  Apply(fc1_, mixed, batch, KernelActivation(config_.activation), nullptr, workspace->hidden.data(),
        pool);
  Apply(fc2_, workspace->hidden.data(), batch, kernels::Activation::kNone, out, out, pool);
}

}  // namespace espy::encoders
