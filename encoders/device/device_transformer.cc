#include "encoders/device/device_transformer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/status_macros.h"
#include "encoders/transformer.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/norm.h"
#include "kernels/cuda/rows.h"

namespace espy::encoders {
namespace {

cuda::MatmulArgs Product(const DeviceQueue& queue, const DeviceLinear& linear, const void* a,
                         std::int32_t rows) {
  return {.type = queue.type,
          .out_type = queue.type,
          .rows = rows,
          .outputs = linear.outputs,
          .inputs = linear.inputs,
          .a = a,
          .a_stride = linear.inputs,
          .weights = linear.weight,
          .weights_stride = linear.inputs,
          .bias = linear.bias,
          .bias_16 = linear.bias_16,
          .out_stride = linear.outputs,
          .workspace = queue.workspace,
          .workspace_bytes = queue.workspace_bytes};
}

// The outputs [first, first + count) alone.
DeviceLinear Outputs(const DeviceLinear& linear, std::int32_t first, std::int32_t count) {
  DeviceLinear part = linear;
  const auto skipped = static_cast<std::ptrdiff_t>(first);
  part.outputs = count;
  part.weight = static_cast<const std::byte*>(linear.weight) + skipped * linear.inputs * 2;
  part.bias = linear.bias + skipped;
  part.bias_16 = static_cast<const std::byte*>(linear.bias_16) + skipped * 2;
  return part;
}

const std::byte* Columns(const void* rows, std::int64_t first) {
  return static_cast<const std::byte*>(rows) + first * 2;
}

}  // namespace

Status Apply(const DeviceQueue& queue, const DeviceLinear& linear, const void* a, std::int32_t rows,
             kernels::Activation activation, void* out) {
  cuda::MatmulArgs args = Product(queue, linear, a, rows);
  args.activation = activation;
  args.out = out;
  return cuda::Matmul(args, queue.products, queue.stream);
}

Status ApplyToFloats(const DeviceQueue& queue, const DeviceLinear& linear, const void* a,
                     std::int32_t rows, const float* residual, float* out,
                     kernels::Activation activation) {
  cuda::MatmulArgs args = Product(queue, linear, a, rows);
  args.activation = activation;
  args.out_type = kernels::ElementType::kFloat32;
  args.residual = residual;
  args.out = out;
  return cuda::Matmul(args, queue.products, queue.stream);
}

Status AddAndNorm(const DeviceQueue& queue, const DeviceNorm& norm, float eps, float* x,
                  const void* added, std::int32_t rows, void* out, bool post) {
  return cuda::ResidualNorm({.type = queue.type,
                             .rows = rows,
                             .width = norm.width,
                             .x = x,
                             .added = added,
                             .weight = norm.weight,
                             .bias = norm.bias,
                             .eps = eps,
                             .post = post,
                             .out = out},
                            queue.stream);
}

Result<DeviceTransformer> DeviceTransformer::Load(DeviceLoader* loader, const TowerConfig& config) {
  DeviceTransformer transformer;
  transformer.config_ = config;
  const std::int64_t width = config.width, inter = PaddedToEight(config.inter);
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const std::string at = "encoder.layers." + std::to_string(i) + ".";
    Layer layer;
    ESPY_ASSIGN_OR_RETURN(layer.norm1, loader->ReadNorm(at + "layer_norm1", width));
    ESPY_ASSIGN_OR_RETURN(
        layer.qkv, loader->ReadFused(
                       {at + "self_attn.q_proj", at + "self_attn.k_proj", at + "self_attn.v_proj"},
                       width, width));
    ESPY_ASSIGN_OR_RETURN(layer.projection,
                          loader->ReadLinear(at + "self_attn.out_proj", width, width));
    ESPY_ASSIGN_OR_RETURN(layer.norm2, loader->ReadNorm(at + "layer_norm2", width));
    // What the padding's outputs give is 0, of every activation: fc2 reads them.
    ESPY_ASSIGN_OR_RETURN(layer.fc1, loader->ReadLinear(at + "mlp.fc1", config.inter, width,
                                                        /*with_bias=*/true, inter));
    ESPY_ASSIGN_OR_RETURN(layer.fc2, loader->ReadLinear(at + "mlp.fc2", width, config.inter));
    transformer.layers_.push_back(layer);
  }
  return transformer;
}

DeviceTransformer::Buffers DeviceTransformer::TakeBuffers(cuda::VramArena* arena, std::int64_t rows,
                                                          std::int64_t sequences,
                                                          std::size_t hidden_bytes) const {
  const std::int64_t width = config_.width, inter = PaddedToEight(config_.inter);
  Buffers at;
  at.x = arena->Take<float>(rows * width);
  at.normed = arena->Take<std::uint16_t>(rows * width);
  at.qkv = arena->Take<std::uint16_t>(rows * 3 * width);
  at.hidden = arena->Take(std::max(static_cast<std::size_t>(rows * inter) * 2, hidden_bytes));
  at.pooled_x = arena->Take<float>(sequences * width);
  at.pooled_query = arena->Take<std::uint16_t>(sequences * width);
  at.pooled_mixed = arena->Take<std::uint16_t>(sequences * width);
  at.pooled_hidden = arena->Take<std::uint16_t>(sequences * inter);
  return at;
}

Status DeviceTransformer::RunLayer(const DeviceQueue& queue, const Layer& layer,
                                   const DeviceSequences& sequences, bool causal, const void* added,
                                   const Buffers& at) const {
  const std::int64_t width = config_.width;
  const auto head_dim = static_cast<std::int32_t>(width / config_.heads);
  const std::int32_t rows = sequences.rows;
  ESPY_RETURN_IF_ERROR(
      AddAndNorm(queue, layer.norm1, config_.norm_eps, at.x, added, rows, at.normed));
  ESPY_RETURN_IF_ERROR(
      Apply(queue, layer.qkv, at.normed, rows, kernels::Activation::kNone, at.qkv));
  ESPY_RETURN_IF_ERROR(cuda::Attention({.type = queue.type,
                                        .sequences = sequences.count,
                                        .heads = static_cast<std::int32_t>(config_.heads),
                                        .head_dim = head_dim,
                                        .scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
                                        .causal = causal,
                                        .query_offsets = sequences.offsets,
                                        .key_offsets = sequences.offsets,
                                        .most_queries = sequences.longest,
                                        .most_keys = sequences.longest,
                                        .key_rows = sequences.rows,
                                        .q = {at.qkv, 3 * width},
                                        .k = {Columns(at.qkv, width), 3 * width},
                                        .v = {Columns(at.qkv, 2 * width), 3 * width},
                                        .out = at.normed,
                                        .out_stride = width},
                                       cuda::AttentionKernel::kFastest, queue.stream));
  ESPY_RETURN_IF_ERROR(
      Apply(queue, layer.projection, at.normed, rows, kernels::Activation::kNone, at.qkv));
  ESPY_RETURN_IF_ERROR(
      AddAndNorm(queue, layer.norm2, config_.norm_eps, at.x, at.qkv, rows, at.normed));
  ESPY_RETURN_IF_ERROR(
      Apply(queue, layer.fc1, at.normed, rows, KernelActivation(config_.activation), at.hidden));
  return Apply(queue, layer.fc2, at.hidden, rows, kernels::Activation::kNone, at.qkv);
}

Status DeviceTransformer::Run(const DeviceQueue& queue, const DeviceSequences& sequences,
                              bool causal, const Buffers& at) const {
  const void* added = nullptr;
  for (const Layer& layer : layers_) {
    ESPY_RETURN_IF_ERROR(RunLayer(queue, layer, sequences, causal, added, at));
    added = at.qkv;
  }
  return Status::Ok();
}

Status DeviceTransformer::RunPooled(const DeviceQueue& queue, const DeviceSequences& sequences,
                                    bool causal, const Buffers& at) const {
  const void* added = nullptr;
  for (std::size_t i = 0; i + 1 < layers_.size(); ++i) {
    ESPY_RETURN_IF_ERROR(RunLayer(queue, layers_[i], sequences, causal, added, at));
    added = at.qkv;
  }
  const Layer& last = layers_.back();
  const auto width = static_cast<std::int32_t>(config_.width);
  const auto head_dim = static_cast<std::int32_t>(config_.width / config_.heads);
  const std::int32_t count = sequences.count;
  ESPY_RETURN_IF_ERROR(
      AddAndNorm(queue, last.norm1, config_.norm_eps, at.x, added, sequences.rows, at.normed));
  const auto gather = [&](kernels::ElementType type, const void* from, void* to) {
    return cuda::GatherRows({.type = type,
                             .count = count,
                             .width = width,
                             .from = from,
                             .rows = sequences.pooled,
                             .out = to},
                            queue.stream);
  };
  ESPY_RETURN_IF_ERROR(gather(kernels::ElementType::kFloat32, at.x, at.pooled_x));
  ESPY_RETURN_IF_ERROR(gather(queue.type, at.normed, at.pooled_mixed));
  ESPY_RETURN_IF_ERROR(Apply(queue, Outputs(last.qkv, width, 2 * width), at.normed, sequences.rows,
                             kernels::Activation::kNone, at.qkv));
  ESPY_RETURN_IF_ERROR(Apply(queue, Outputs(last.qkv, 0, width), at.pooled_mixed, count,
                             kernels::Activation::kNone, at.pooled_query));
  ESPY_RETURN_IF_ERROR(
      cuda::Attention({.type = queue.type,
                       .sequences = count,
                       .heads = static_cast<std::int32_t>(config_.heads),
                       .head_dim = head_dim,
                       .scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
                       .causal = false,  // the last row of a causal sequence sees all of it
                       .query_offsets = sequences.singles,
                       .key_offsets = sequences.offsets,
                       .most_queries = 1,
                       .most_keys = sequences.longest,
                       .key_rows = sequences.rows,
                       .q = {at.pooled_query, width},
                       .k = {at.qkv, std::int64_t{2} * width},
                       .v = {Columns(at.qkv, width), std::int64_t{2} * width},
                       .out = at.pooled_mixed,
                       .out_stride = width},
                      cuda::AttentionKernel::kFastest, queue.stream));
  ESPY_RETURN_IF_ERROR(Apply(queue, last.projection, at.pooled_mixed, count,
                             kernels::Activation::kNone, at.pooled_query));
  ESPY_RETURN_IF_ERROR(AddAndNorm(queue, last.norm2, config_.norm_eps, at.pooled_x, at.pooled_query,
                                  count, at.pooled_mixed));
  ESPY_RETURN_IF_ERROR(Apply(queue, last.fc1, at.pooled_mixed, count,
                             KernelActivation(config_.activation), at.pooled_hidden));
  return Apply(queue, last.fc2, at.pooled_hidden, count, kernels::Activation::kNone,
               at.pooled_query);
}

}  // namespace espy::encoders
