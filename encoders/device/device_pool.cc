#include "encoders/device/device_pool.h"

#include <cmath>

#include "base/status_macros.h"
#include "encoders/transformer.h"
#include "kernels/cuda/attention.h"

namespace espy::encoders {

Result<DeviceAttentionPool> DeviceAttentionPool::Load(DeviceLoader* loader,
                                                      const VisionConfig& config) {
  DeviceAttentionPool pool;
  pool.config_ = config;
  const std::int64_t width = config.width;
  const Weights& weights = loader->weights();
  ESPY_ASSIGN_OR_RETURN(const std::vector<float> probe, weights.Vector("head.probe", {width}));
  ESPY_ASSIGN_OR_RETURN(const std::vector<float> in_bias,
                        weights.Vector("head.attention.in_proj_bias", {3 * width}));
  ESPY_ASSIGN_OR_RETURN(const StoredTensor in,
                        weights.Find("head.attention.in_proj_weight", {3 * width, width}));
  const std::size_t row_bytes = static_cast<std::size_t>(width) * kernels::ElementBytes(in.type);
  std::vector<float> query(static_cast<std::size_t>(width)), row(query.size());
  for (std::size_t i = 0; i < query.size(); ++i) {
    kernels::ToFloat(in.data + i * row_bytes, in.type, width, row.data());
    double sum = in_bias[i];
    for (std::size_t j = 0; j < row.size(); ++j) sum += static_cast<double>(row[j]) * probe[j];
    query[i] = static_cast<float>(sum);
  }
  ESPY_ASSIGN_OR_RETURN(
      pool.query_,
      loader->Table({.data = reinterpret_cast<const std::uint8_t*>(query.data())}, 1, width));
  ESPY_ASSIGN_OR_RETURN(
      pool.key_value_,
      loader->Matrix({.data = in.data + query.size() * row_bytes, .type = in.type}, 2 * width,
                     width, std::vector<float>(in_bias.begin() + width, in_bias.end())));
  ESPY_ASSIGN_OR_RETURN(pool.out_, loader->ReadLinear("head.attention.out_proj", width, width));
  ESPY_ASSIGN_OR_RETURN(pool.norm_, loader->ReadNorm("head.layernorm", width));
  ESPY_ASSIGN_OR_RETURN(pool.fc1_,
                        loader->ReadLinear("head.mlp.fc1", config.inter, width,
                                           /*with_bias=*/true, PaddedToEight(config.inter)));
  ESPY_ASSIGN_OR_RETURN(pool.fc2_, loader->ReadLinear("head.mlp.fc2", width, config.inter));
  return pool;
}

Status DeviceAttentionPool::Run(const DeviceQueue& queue, const DeviceSequences& pictures,
                                const DeviceTransformer::Buffers& at, float* out) const {
  const std::int64_t width = config_.width;
  const auto head_dim = static_cast<std::int32_t>(width / config_.heads);
  const std::int32_t count = pictures.count;
  ESPY_RETURN_IF_ERROR(
      Apply(queue, key_value_, at.normed, pictures.rows, kernels::Activation::kNone, at.qkv));
  ESPY_RETURN_IF_ERROR(
      cuda::Attention({.type = queue.type,
                       .sequences = count,
                       .heads = static_cast<std::int32_t>(config_.heads),
                       .head_dim = head_dim,
                       .scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
                       .query_offsets = pictures.singles,
                       .key_offsets = pictures.offsets,
                       .most_queries = 1,
                       .most_keys = pictures.longest,
                       .key_rows = pictures.rows,
                       .q = {query_, 0},  // one query row for all
                       .k = {at.qkv, 2 * width},
                       .v = {static_cast<const std::byte*>(at.qkv) + width * 2, 2 * width},
                       .out = at.pooled_mixed,
                       .out_stride = width},
                      cuda::AttentionKernel::kFastest, queue.stream));
  ESPY_RETURN_IF_ERROR(ApplyToFloats(queue, out_, at.pooled_mixed, count, nullptr, out));
  ESPY_RETURN_IF_ERROR(
      AddAndNorm(queue, norm_, config_.norm_eps, out, nullptr, count, at.pooled_mixed));
  ESPY_RETURN_IF_ERROR(Apply(queue, fc1_, at.pooled_mixed, count,
                             KernelActivation(config_.activation), at.pooled_hidden));
  return ApplyToFloats(queue, fc2_, at.pooled_hidden, count, out, out);
}

}  // namespace espy::encoders
