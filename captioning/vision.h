// BLIP's vision tower: a picture -> one row for each of its patches, and one for the whole.
#ifndef ESPY_CAPTIONING_VISION_H_
#define ESPY_CAPTIONING_VISION_H_

#include <cstdint>
#include <span>

#include "encoders/config.h"
#include "encoders/embeddings.h"
#include "encoders/transformer.h"
#include "encoders/weights.h"
#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::captioning {

// Constant after loading: any thread, each with its own workspace. A picture's rows have the same
// bits whatever pictures are beside it.
class VisionTower {
 public:
  // weights: of the tower "vision_model", under the names of blip_names.h.
  static Result<VisionTower> Load(const encoders::Weights& weights,
                                  const encoders::VisionConfig& config);

  std::int64_t tokens() const { return embedding_.tokens(); }  // patches and the class token
  std::int64_t width() const { return config_.width; }
  bool Takes(imaging::Size size) const { return embedding_.Takes(size); }

  // pictures: of image_size; out: [pictures, tokens(), width()], the last layer's output after the
  // tower's norm, the class token first. Throws std::bad_alloc.
  void Encode(std::span<const imaging::PictureView> pictures, encoders::Workspace* workspace,
              float* out, ThreadPool* pool) const;

 private:
  encoders::VisionConfig config_;
  encoders::PatchEmbedding embedding_;
  encoders::Transformer transformer_;
  encoders::Norm post_norm_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_VISION_H_
