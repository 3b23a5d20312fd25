#include "encoders/embeddings.h"

#include <algorithm>

#include "base/status_macros.h"
#include "kernels/parallel.h"
#include "kernels/patches.h"

namespace espy::encoders {
namespace {

constexpr std::int64_t kChannels = 3;
constexpr std::int64_t kRowsPerPass = 1024;

}  // namespace

std::int64_t ItemsPerPass(std::int64_t tokens_per_item) {
  return std::max<std::int64_t>(1, kRowsPerPass / tokens_per_item);
}

Result<PatchEmbedding> PatchEmbedding::Load(const Weights& weights, const VisionConfig& config,
                                            bool class_token, bool bias) {
  PatchEmbedding embedding;
  embedding.config_ = config;
  const std::int64_t side = config.image_size / config.patch_size;
  embedding.patches_ = side * side;
  const std::int64_t inputs = kChannels * config.patch_size * config.patch_size;
  ESPY_ASSIGN_OR_RETURN(
      const StoredTensor patch,
      weights.Find("embeddings.patch_embedding.weight",
                   {config.width, kChannels, config.patch_size, config.patch_size}));
  embedding.patch_.weight =
      weights.Pack("embeddings.patch_embedding.weight", patch, config.width, inputs);
  if (bias) {
    ESPY_ASSIGN_OR_RETURN(embedding.patch_.bias,
                          weights.Vector("embeddings.patch_embedding.bias", {config.width}));
  }
  if (class_token) {
    ESPY_ASSIGN_OR_RETURN(embedding.class_,
                          weights.Vector("embeddings.class_embedding", {config.width}));
  }
  ESPY_ASSIGN_OR_RETURN(embedding.positions_, weights.Vector("embeddings.position_embedding.weight",
                                                             {embedding.tokens(), config.width}));
  return embedding;
}

void PatchEmbedding::Run(std::span<const imaging::PictureView> pictures, Workspace* workspace,
                         ThreadPool* pool) const {
  const std::int64_t width = config_.width;
  const auto batch = static_cast<std::int64_t>(pictures.size());
  const std::int64_t rows = batch * patches_;
  workspace->tokens.Reserve(batch * tokens() * width);
  workspace->normed.Reserve(rows * width);
  workspace->hidden.Reserve(rows * patch_.weight.inputs());
  const auto extract = [&](std::int64_t i, ThreadPool* threads) {
    kernels::ExtractPatches(pictures[static_cast<std::size_t>(i)].values, 1, kChannels,
                            config_.image_size, config_.patch_size,
                            workspace->hidden.data() + i * patches_ * patch_.weight.inputs(),
                            threads);
  };
  if (batch == 1) {
    extract(0, pool);
  } else {
    kernels::ParallelFor(pool, batch, [&](std::int64_t i) { extract(i, nullptr); });
  }
  float* embedded = workspace->normed.data();
  Apply(patch_, workspace->hidden.data(), rows, kernels::Activation::kNone, nullptr, embedded,
        pool);
  float* out = workspace->tokens.data();
  for (std::int64_t b = 0; b < batch; ++b) {
    const float* position = positions_.data();
    if (!class_.empty()) {
      for (std::int64_t i = 0; i < width; ++i)
        *out++ = class_[static_cast<std::size_t>(i)] + *position++;
    }
    for (std::int64_t i = 0; i < patches_ * width; ++i) *out++ = *embedded++ + *position++;
  }
}

Result<TokenEmbedding> TokenEmbedding::Load(const Weights& weights, const TextConfig& config) {
  TokenEmbedding embedding;
  embedding.width_ = config.width;
  ESPY_ASSIGN_OR_RETURN(embedding.tokens_, weights.Find("embeddings.token_embedding.weight",
                                                        {config.vocabulary, config.width}));
  ESPY_ASSIGN_OR_RETURN(embedding.positions_, weights.Vector("embeddings.position_embedding.weight",
                                                             {config.context, config.width}));
  return embedding;
}

void TokenEmbedding::Run(std::span<const std::int32_t> ids, float* out) const {
  const std::size_t row_bytes =
      static_cast<std::size_t>(width_) * kernels::ElementBytes(tokens_.type);
  const float* position = positions_.data();
  for (const std::int32_t id : ids) {
    kernels::ToFloat(tokens_.data + static_cast<std::size_t>(id) * row_bytes, tokens_.type, width_,
                     out);
    for (std::int64_t i = 0; i < width_; ++i) out[i] += position[i];
    out += width_;
    position += width_;
  }
}

}  // namespace espy::encoders
