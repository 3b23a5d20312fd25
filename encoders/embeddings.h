// The first step of each tower: pictures or token ids -> rows of the residual stream.
#ifndef ESPY_ENCODERS_EMBEDDINGS_H_
#define ESPY_ENCODERS_EMBEDDINGS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "encoders/config.h"
#include "encoders/transformer.h"
#include "encoders/weights.h"
#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::encoders {

// Patches through a convolution of stride `patch_size`, which is a product with each patch's
// pixels; a class token in front where the family has one; plus positions.
class PatchEmbedding {
 public:
  // embeddings.{patch_embedding, position_embedding, class_embedding} of `weights`.
  static Result<PatchEmbedding> Load(const Weights& weights, const VisionConfig& config,
                                     bool class_token, bool bias);

  // pictures: squares of image_size. workspace->tokens becomes [pictures * tokens(), width].
  void Run(std::span<const imaging::PictureView> pictures, Workspace* workspace,
           ThreadPool* pool) const;

  bool Takes(imaging::Size size) const {
    return size.width == config_.image_size && size.height == config_.image_size;
  }
  std::int64_t tokens() const { return patches_ + (class_.empty() ? 0 : 1); }

 private:
  VisionConfig config_;
  std::int64_t patches_ = 0;      // of one picture
  Linear patch_;                  // [width, 3 * patch^2]
  std::vector<float> class_;      // [width], or empty
  std::vector<float> positions_;  // [tokens(), width]
};

// Token embeddings stay in the mapped file, in its own format: a text needs a few dozen of the tens
// of thousands of rows.
class TokenEmbedding {
 public:
  static Result<TokenEmbedding> Load(const Weights& weights, const TextConfig& config);

  // out[i] = token[ids[i]] + position[i]; ids.size() <= context; out: [ids.size(), width].
  void Run(std::span<const std::int32_t> ids, float* out) const;

 private:
  std::int64_t width_ = 0;
  StoredTensor tokens_;           // [vocabulary, width]
  std::vector<float> positions_;  // [context, width]
};

// Items that go through a tower together: as many as fill about 1024 rows, so that the products are
// tall enough for full speed and the activations of any batch stay within a fixed amount of memory.
std::int64_t ItemsPerPass(std::int64_t tokens_per_item);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_EMBEDDINGS_H_
