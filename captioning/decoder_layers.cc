#include "captioning/decoder_layers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "encoders/transformer.h"
#include "kernels/attention.h"
#include "kernels/packed_attention.h"
#include "kernels/path_attention.h"

namespace espy::captioning {
namespace {

using encoders::Apply;
using kernels::Activation;

float ScaleOf(std::int64_t head_dim) { return 1.0f / std::sqrt(static_cast<float>(head_dim)); }

}  // namespace

Result<DecoderLayers> DecoderLayers::Load(const encoders::Weights& tower, const std::string& prefix,
                                          std::int64_t count, const TextConfig& config) {
  const encoders::Weights weights = tower.ForLayers();
  const std::int64_t width = config.width;
  DecoderLayers layers;
  layers.config_ = config;
  layers.shelf_ = std::make_shared<KeyShelf>();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string at = prefix + std::to_string(i) + ".";
    const std::string self = at + "attention.", cross = at + "crossattention.";
    Layer layer;
    ESPY_ASSIGN_OR_RETURN(
        layer.qkv, weights.ReadFused({self + "self.query", self + "self.key", self + "self.value"},
                                     width, width));
    ESPY_ASSIGN_OR_RETURN(layer.self_out, weights.ReadLinear(self + "output.dense", width, width));
    ESPY_ASSIGN_OR_RETURN(layer.self_norm, weights.ReadNorm(self + "output.LayerNorm", width));
    ESPY_ASSIGN_OR_RETURN(layer.cross_q, weights.ReadLinear(cross + "self.query", width, width));
    ESPY_ASSIGN_OR_RETURN(
        layer.cross_kv,
        weights.ReadFused({cross + "self.key", cross + "self.value"}, width, config.vision_width));
    ESPY_ASSIGN_OR_RETURN(layer.cross_out,
                          weights.ReadLinear(cross + "output.dense", width, width));
    ESPY_ASSIGN_OR_RETURN(layer.cross_norm, weights.ReadNorm(cross + "output.LayerNorm", width));
    ESPY_ASSIGN_OR_RETURN(layer.fc1,
                          weights.ReadLinear(at + "intermediate.dense", config.inter, width));
    ESPY_ASSIGN_OR_RETURN(layer.fc2, weights.ReadLinear(at + "output.dense", width, config.inter));
    ESPY_ASSIGN_OR_RETURN(layer.mlp_norm, weights.ReadNorm(at + "output.LayerNorm", width));
    layers.layers_.push_back(std::move(layer));
  }
  return layers;
}

std::shared_ptr<const PictureKeys> DecoderLayers::Look(const float* image, std::int64_t tokens,
                                                       ThreadPool* pool) const {
  const std::int64_t width = config_.width;
  static thread_local kernels::AlignedBuffer kv;
  kv.Reserve(tokens * 2 * width);
  return shelf_->Make([&](PictureKeys* picture) {
    picture->layers.resize(layers_.size());
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const encoders::Linear& projection = layers_[l].cross_kv;
      Apply(projection, image, tokens, Activation::kNone, nullptr, kv.data(), pool);
      picture->layers[l].Pack({kv.data(), 2 * width}, {kv.data() + width, 2 * width}, tokens,
                              config_.heads, width / config_.heads, projection.weight.precision(),
                              pool);
    }
  });
}

void DecoderLayers::Reserve(std::int64_t rows, DecoderWorkspace* workspace) const {
  workspace->qkv.Reserve(rows * 3 * config_.width);
  workspace->mixed.Reserve(rows * config_.width);
  workspace->sorted.Reserve(rows * 2 * config_.width);
  workspace->hidden.Reserve(rows * config_.inter);
}

void DecoderLayers::AddMixed(const encoders::Linear& out, const encoders::Norm& norm,
                             std::int64_t rows, float* x, DecoderWorkspace* workspace,
                             ThreadPool* pool) const {
  Apply(out, workspace->mixed.data(), rows, Activation::kNone, x, x, pool);
  Apply(norm, config_.norm_eps, x, rows, x, pool);
}

void DecoderLayers::RunMlp(const Layer& layer, std::int64_t rows, float* x,
                           DecoderWorkspace* workspace, ThreadPool* pool) const {
  float* hidden = workspace->hidden.data();
  Apply(layer.fc1, x, rows, encoders::KernelActivation(config_.activation), nullptr, hidden, pool);
  Apply(layer.fc2, hidden, rows, Activation::kNone, x, x, pool);
  Apply(layer.mlp_norm, config_.norm_eps, x, rows, x, pool);
}

void DecoderLayers::Run(const DecoderRows& rows, float* x, KvCache* cache, const CrossCache& cross,
                        DecoderWorkspace* workspace, ThreadPool* pool) const {
  ESPY_CHECK(cache->layers() == count() && cache->width() == config_.width,
             "the cache is of these layers' shape");
  const std::int64_t n = rows.size();
  const std::int64_t width = config_.width;
  const std::int64_t head_dim = width / config_.heads;
  Reserve(n, workspace);
  float* qkv = workspace->qkv.data();
  float* mixed = workspace->mixed.data();
  const std::vector<std::int32_t>& order = rows.order();
  const bool in_order = std::is_sorted(order.begin(), order.end());
  const auto pictures = static_cast<std::int64_t>(rows.pictures().size());
  std::vector<kernels::AttentionPath> paths(static_cast<std::size_t>(n));
  std::vector<const kernels::PackedKeyValues*> keys(static_cast<std::size_t>(pictures));
  for (std::int64_t l = 0; l < count(); ++l) {
    const Layer& layer = layers_[static_cast<std::size_t>(l)];
    Apply(layer.qkv, x, n, Activation::kNone, nullptr, qkv, pool);
    for (std::int64_t r = 0; r < n; ++r) {
      const DecoderRows::Row& row = rows.rows()[static_cast<std::size_t>(r)];
      float* k = cache->keys(row.sequence, l);
      float* v = cache->values(row.sequence, l);
      const float* fresh = qkv + r * 3 * width + width;
      std::copy(fresh, fresh + width, k + row.slot * width);
      std::copy(fresh + width, fresh + 2 * width, v + row.slot * width);
      paths[static_cast<std::size_t>(r)] = {.k = {k, width},
                                            .v = {v, width},
                                            .kept = row.kept,
                                            .path = rows.paths().data() + row.path,
                                            .path_length = row.path_length};
    }
    kernels::PathAttention({.rows = n,
                            .heads = config_.heads,
                            .head_dim = head_dim,
                            .scale = ScaleOf(head_dim),
                            .paths = paths.data(),
                            .q = {qkv, 3 * width},
                            .out = mixed,
                            .out_stride = width},
                           pool);
    AddMixed(layer.self_out, layer.self_norm, n, x, workspace, pool);

    float* q = qkv;  // [n, width]
    Apply(layer.cross_q, x, n, Activation::kNone, nullptr, q, pool);
    float* sorted = in_order ? q : workspace->sorted.data();
    float* seen = in_order ? mixed : sorted + n * width;
    for (std::int64_t i = 0; i < n && !in_order; ++i) {
      const float* row = q + order[static_cast<std::size_t>(i)] * width;
      std::copy(row, row + width, sorted + i * width);
    }
    for (std::size_t p = 0; p < keys.size(); ++p) keys[p] = &cross.At(rows.pictures()[p], l);
    kernels::PackedAttention({.sequences = pictures,
                              .scale = ScaleOf(head_dim),
                              .keys = keys.data(),
                              .query_offsets = rows.picture_offsets().data(),
                              .q = {sorted, width},
                              .out = seen,
                              .out_stride = width},
                             pool);
    for (std::int64_t i = 0; i < n && !in_order; ++i) {
      const float* row = seen + i * width;
      std::copy(row, row + width, mixed + order[static_cast<std::size_t>(i)] * width);
    }
    AddMixed(layer.cross_out, layer.cross_norm, n, x, workspace, pool);
    RunMlp(layer, n, x, workspace, pool);
  }
}

void DecoderLayers::RunTexts(std::span<const std::int64_t> offsets,
                             std::span<const std::int32_t> pictures, const CrossCache* cross,
                             float* x, DecoderWorkspace* workspace, ThreadPool* pool) const {
  const std::int64_t n = offsets.back();
  const auto texts = static_cast<std::int64_t>(offsets.size()) - 1;
  const std::int64_t width = config_.width;
  const std::int64_t head_dim = width / config_.heads;
  Reserve(n, workspace);
  float* qkv = workspace->qkv.data();
  float* mixed = workspace->mixed.data();
  std::vector<const kernels::PackedKeyValues*> keys(static_cast<std::size_t>(texts));
  for (std::int64_t l = 0; l < count(); ++l) {
    const Layer& layer = layers_[static_cast<std::size_t>(l)];
    Apply(layer.qkv, x, n, Activation::kNone, nullptr, qkv, pool);
    kernels::Attention({.sequences = texts,
                        .heads = config_.heads,
                        .head_dim = head_dim,
                        .scale = ScaleOf(head_dim),
                        .precision = layer.qkv.weight.precision(),
                        .query_offsets = offsets.data(),
                        .key_offsets = offsets.data(),
                        .q = {qkv, 3 * width},
                        .k = {qkv + width, 3 * width},
                        .v = {qkv + 2 * width, 3 * width},
                        .out = mixed,
                        .out_stride = width},
                       pool);
    AddMixed(layer.self_out, layer.self_norm, n, x, workspace, pool);
    if (cross != nullptr) {
      Apply(layer.cross_q, x, n, Activation::kNone, nullptr, qkv, pool);
      for (std::size_t t = 0; t < keys.size(); ++t) keys[t] = &cross->At(pictures[t], l);
      kernels::PackedAttention({.sequences = texts,
                                .scale = ScaleOf(head_dim),
                                .keys = keys.data(),
                                .query_offsets = offsets.data(),
                                .q = {qkv, width},
                                .out = mixed,
                                .out_stride = width},
                               pool);
      AddMixed(layer.cross_out, layer.cross_norm, n, x, workspace, pool);
    }
    RunMlp(layer, n, x, workspace, pool);
  }
}

}  // namespace espy::captioning
