#include "captioning/drafts/mtp_module.h"

#include <cmath>
#include <new>
#include <numeric>
#include <string>

#include "base/check.h"
#include "base/status_macros.h"
#include "captioning/decoder_rows.h"
#include "encoders/transformer.h"

namespace espy::captioning {

namespace {

constexpr float kEpsilon = 1e-6f;

Status NoMemory() {
  return Status::ResourceExhausted(
      "drafts: not enough memory for the module's pass; caption without drafts");
}

// out = x / sqrt(mean(x^2) + epsilon) * weight
void RmsNorm(const float* x, const std::vector<float>& weight, float* out) {
  double sum = 0;
  for (std::size_t i = 0; i < weight.size(); ++i) sum += static_cast<double>(x[i]) * x[i];
  const double mean = sum / static_cast<double>(weight.size());
  const auto scale = static_cast<float>(1 / std::sqrt(mean + kEpsilon));
  for (std::size_t i = 0; i < weight.size(); ++i) out[i] = x[i] * scale * weight[i];
}

}  // namespace

Result<std::unique_ptr<MtpModule>> MtpModule::Load(const encoders::Safetensors& file,
                                                   const TextConfig& config,
                                                   const encoders::TowerOptions& options) {
  const encoders::Weights weights = encoders::Weights(&file, "", options).ForLayers();
  auto module = std::make_unique<MtpModule>();
  module->config_ = config;
  module->pool_ = options.pool;
  ESPY_ASSIGN_OR_RETURN(module->hidden_norm_, weights.Vector("hnorm.weight", {config.width}));
  ESPY_ASSIGN_OR_RETURN(module->embedding_norm_, weights.Vector("enorm.weight", {config.width}));
  ESPY_ASSIGN_OR_RETURN(module->join_,
                        weights.ReadLinear("eh_proj", config.width, 2 * config.width, false));
  ESPY_ASSIGN_OR_RETURN(module->layer_, DecoderLayers::Load(weights, "layer.", 1, config));
  ESPY_ASSIGN_OR_RETURN(module->acceptance_, ReadAcceptance(file, weights, 1, kMaxDepths));
  return module;
}

Status MtpModule::Begin(const float* image, std::int64_t tokens, MtpState* state) const {
  state->cache.Clear();
  state->cross.Clear();
  try {
    state->cache.Add(state->cross.Add(layer_.Look(image, tokens, pool_)));
    return Status::Ok();
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
}

Status MtpModule::Run(const float* hidden, const float* embeddings,
                      std::span<const std::int32_t> parents, MtpState* state,
                      const float** out) const {
  const auto rows = static_cast<std::int64_t>(parents.size());
  const std::int64_t width = config_.width;
  try {
    DecoderInput in;
    in.tokens = parents;  // the rows are not tokens: only their number is looked at
    in.parents = parents;
    ESPY_ASSIGN_OR_RETURN(const DecoderRows placed,
                          DecoderRows::Place(in, config_.context, state->cross, &state->cache));
    state->joined.Reserve(rows * 2 * width);
    state->rows.Reserve(rows * width);
    float* joined = state->joined.data();
    float* x = state->rows.data();
    for (std::int64_t r = 0; r < rows; ++r) {
      RmsNorm(hidden + r * width, hidden_norm_, joined + r * 2 * width);
      RmsNorm(embeddings + r * width, embedding_norm_, joined + r * 2 * width + width);
    }
    encoders::Apply(join_, joined, rows, kernels::Activation::kNone, nullptr, x, pool_);
    layer_.Run(placed, x, &state->cache, state->cross, &state->workspace, pool_);
    *out = x;
    return Status::Ok();
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
}

void MtpModule::KeepAll(std::int64_t rows, MtpState* state) const {
  std::vector<std::int32_t> path(static_cast<std::size_t>(rows));
  std::iota(path.begin(), path.end(), 0);
  state->cache.Keep(0, path);
}

}  // namespace espy::captioning
