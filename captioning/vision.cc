#include "captioning/vision.h"

#include <algorithm>
#include <vector>

#include "base/status_macros.h"

namespace espy::captioning {

Result<VisionTower> VisionTower::Load(const encoders::Weights& weights,
                                      const encoders::VisionConfig& config) {
  VisionTower tower;
  tower.config_ = config;
  ESPY_ASSIGN_OR_RETURN(tower.embedding_,
                        encoders::PatchEmbedding::Load(weights, config, /*class_token=*/true,
                                                       /*bias=*/true));
  ESPY_ASSIGN_OR_RETURN(tower.transformer_, encoders::Transformer::Load(weights, config));
  ESPY_ASSIGN_OR_RETURN(tower.post_norm_, weights.ReadNorm("post_layernorm", config.width));
  return tower;
}

void VisionTower::Encode(std::span<const imaging::PictureView> pictures,
                         encoders::Workspace* workspace, float* out, ThreadPool* pool) const {
  const auto per_pass = static_cast<std::size_t>(encoders::ItemsPerPass(tokens()));
  for (std::size_t first = 0; first < pictures.size(); first += per_pass) {
    const std::size_t n = std::min(per_pass, pictures.size() - first);
    embedding_.Run(pictures.subspan(first, n), workspace, pool);
    std::vector<std::int64_t> offsets;
    for (std::size_t b = 0; b <= n; ++b) offsets.push_back(static_cast<std::int64_t>(b) * tokens());
    transformer_.Run(offsets, /*causal=*/false, workspace, pool);
    encoders::Apply(post_norm_, config_.norm_eps, workspace->tokens.data(), offsets.back(), out,
                    pool);
    out += offsets.back() * config_.width;
  }
}

}  // namespace espy::captioning
