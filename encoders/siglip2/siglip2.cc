#include "encoders/siglip2/siglip2.h"

#include <utility>

#include "base/status_macros.h"
#include "encoders/config_limits.h"
#include "encoders/embeddings.h"
#include "encoders/siglip/attention_pool.h"
#include "encoders/siglip2/position_grid.h"
#include "kernels/parallel.h"

namespace espy::encoders {
namespace {

constexpr std::int64_t kChannels = 3;

// The patches of a picture in reading order, each flattened as (row, column, channel): the layout
// of a patch embedding that is stored as a linear.
void FlattenPatches(const imaging::PictureView& picture, std::int64_t patch, float* out) {
  const std::int64_t width = picture.size.width, height = picture.size.height;
  for (std::int64_t top = 0; top < height; top += patch) {
    for (std::int64_t left = 0; left < width; left += patch) {
      for (std::int64_t y = top; y < top + patch; ++y) {
        for (std::int64_t x = left; x < left + patch; ++x) {
          for (std::int64_t c = 0; c < kChannels; ++c) {
            *out++ = picture.values[(c * height + y) * width + x];
          }
        }
      }
    }
  }
}

// flattened patches -> linear + resized positions -> transformer -> norm -> attention pool.
class Siglip2ImageTower : public ImageTower {
 public:
  static Result<std::unique_ptr<ImageTower>> Load(const ModelConfig& config,
                                                  const Safetensors& file,
                                                  const TowerOptions& options) {
    const Weights weights(&file, "vision_model", options);
    auto tower = std::make_unique<Siglip2ImageTower>();
    tower->config_ = config.vision;
    const std::int64_t width = config.vision.width, patch = config.vision.patch_size;
    tower->side_ = config.vision.image_size / patch;
    ESPY_ASSIGN_OR_RETURN(tower->patch_, weights.ReadLinear("embeddings.patch_embedding", width,
                                                            kChannels * patch * patch));
    ESPY_ASSIGN_OR_RETURN(tower->positions_, weights.Vector("embeddings.position_embedding.weight",
                                                            {tower->side_ * tower->side_, width}));
    ESPY_ASSIGN_OR_RETURN(tower->transformer_, Transformer::Load(weights, config.vision));
    ESPY_ASSIGN_OR_RETURN(tower->post_norm_, weights.ReadNorm("post_layernorm", width));
    ESPY_ASSIGN_OR_RETURN(tower->head_, AttentionPool::Load(weights, config.vision));
    return std::unique_ptr<ImageTower>(std::move(tower));
  }

  std::int64_t image_size() const override { return config_.image_size; }
  std::int64_t tokens() const override { return side_ * side_; }

  bool Takes(imaging::Size size) const override {
    return size.width > 0 && size.height > 0 && size.width % config_.patch_size == 0 &&
           size.height % config_.patch_size == 0 && PatchesOf(size) <= kMaxPatches;
  }

  void Encode(std::span<const imaging::PictureView> pictures, Workspace* workspace, float* out,
              ThreadPool* pool) const override {
    const std::int64_t most = ItemsPerPass(1);  // tokens
    for (std::size_t first = 0; first < pictures.size();) {
      std::vector<std::int64_t> offsets{0};
      std::size_t end = first;
      while (end < pictures.size()) {
        const std::int64_t patches = PatchesOf(pictures[end].size);
        if (end > first && offsets.back() + patches > most) break;
        offsets.push_back(offsets.back() + patches);
        ++end;
      }
      Pass(pictures.subspan(first, end - first), offsets, workspace, out, pool);
      out += static_cast<std::int64_t>(end - first) * config_.width;
      first = end;
    }
  }

 private:
  std::int64_t PatchesOf(imaging::Size size) const {
    return (size.width / config_.patch_size) * (size.height / config_.patch_size);
  }

  // Picture i becomes the rows [offsets[i], offsets[i + 1]).
  void Pass(std::span<const imaging::PictureView> pictures, std::span<const std::int64_t> offsets,
            Workspace* workspace, float* out, ThreadPool* pool) const {
    Embed(pictures, offsets, workspace, pool);
    transformer_.Run(offsets, /*causal=*/false, workspace, pool);
    float* x = workspace->tokens.data();
    Apply(post_norm_, config_.norm_eps, x, offsets.back(), x, pool);
    head_.Run(x, offsets, workspace, out, pool);
  }

  void Embed(std::span<const imaging::PictureView> pictures, std::span<const std::int64_t> offsets,
             Workspace* workspace, ThreadPool* pool) const {
    const std::int64_t width = config_.width, inputs = patch_.weight.inputs();
    const auto count = static_cast<std::int64_t>(pictures.size());
    workspace->hidden.Reserve(offsets.back() * inputs);
    workspace->tokens.Reserve(offsets.back() * width);
    kernels::ParallelFor(pool, count, [&](std::int64_t i) {
      const auto p = static_cast<std::size_t>(i);
      FlattenPatches(pictures[p], config_.patch_size,
                     workspace->hidden.data() + offsets[p] * inputs);
    });
    Apply(patch_, workspace->hidden.data(), offsets.back(), kernels::Activation::kNone, nullptr,
          workspace->tokens.data(), pool);
    kernels::ParallelFor(pool, count, [&](std::int64_t i) {
      const auto p = static_cast<std::size_t>(i);
      AddResizedGrid(positions_.data(), side_, width, pictures[p].size.height / config_.patch_size,
                     pictures[p].size.width / config_.patch_size,
                     workspace->tokens.data() + offsets[p] * width);
    });
  }

  VisionConfig config_;
  std::int64_t side_ = 0;         // of the grid that positions were learned for
  Linear patch_;                  // [width, patch^2 * 3]
  std::vector<float> positions_;  // [side_ * side_, width]
  Transformer transformer_;
  Norm post_norm_;
  AttentionPool head_;
};

}  // namespace

Result<std::unique_ptr<ImageTower>> LoadSiglip2ImageTower(const ModelConfig& config,
                                                          const Safetensors& weights,
                                                          const TowerOptions& options) {
  return Siglip2ImageTower::Load(config, weights, options);
}

}  // namespace espy::encoders
