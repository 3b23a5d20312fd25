// What a family provides: its two towers. clip/, siglip/ and siglip2/ implement them; tower.cc
// chooses. A new family is a file beside theirs with two loaders.
#ifndef ESPY_ENCODERS_TOWER_H_
#define ESPY_ENCODERS_TOWER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "encoders/config.h"
#include "encoders/transformer.h"
#include "encoders/weights.h"
#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::encoders {

// Towers are constant after loading: any number of threads may encode, each with its own Workspace.
// An item's vector has the same bits whatever items are beside it. Vectors are as the model gives
// them, not of unit length.
class ImageTower {
 public:
  virtual ~ImageTower() = default;
  // pictures: each of a size that Takes() allows; out: [pictures, projection].
  virtual void Encode(std::span<const imaging::PictureView> pictures, Workspace* workspace,
                      float* out, ThreadPool* pool) const = 0;
  virtual bool Takes(imaging::Size size) const = 0;
  // Of the usual picture, a square, which with NaFlex is one of many.
  virtual std::int64_t image_size() const = 0;
  virtual std::int64_t tokens() const = 0;

  // For usual pictures, one after the other: [batch, 3, image_size, image_size].
  void Encode(const float* pixels, std::int64_t batch, Workspace* workspace, float* out,
              ThreadPool* pool) const;
};

class TextTower {
 public:
  virtual ~TextTower() = default;
  // texts: token ids with the special tokens, not padded, 1 to context of each, all in [0,
  // vocabulary); out: [texts, projection].
  virtual void Encode(std::span<const std::vector<std::int32_t>> texts, Workspace* workspace,
                      float* out, ThreadPool* pool) const = 0;
};

// What fills a text up to the context where the family wants that, and on which side.
struct Padding {
  std::int32_t id = 0;
  bool left = false;
};

// `weights` is the whole file; it must outlive the tower, which reads token embeddings out of it as
// texts need them. Every other tensor is copied into the kernels' layout once. `pad_id` fills texts
// up to the context where the family needs that.
Result<std::unique_ptr<ImageTower>> LoadImageTower(const ModelConfig& config,
                                                   const Safetensors& weights,
                                                   const TowerOptions& options);
Result<std::unique_ptr<TextTower>> LoadTextTower(const ModelConfig& config,
                                                 const Safetensors& weights, Padding padding,
                                                 const TowerOptions& options);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_TOWER_H_
