// The image towers of CLIP, SigLIP and SigLIP2 on the device.
#ifndef ESPY_ENCODERS_DEVICE_DEVICE_IMAGE_TOWER_H_
#define ESPY_ENCODERS_DEVICE_DEVICE_IMAGE_TOWER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "encoders/config.h"
#include "encoders/device/device_pool.h"
#include "encoders/device/device_transformer.h"
#include "encoders/device/lanes.h"
#include "encoders/device/vector_rows.h"
#include "encoders/safetensors.h"
#include "espy/status.h"
#include "imaging/preprocess.h"
#include "kernels/cuda/patches.h"

namespace espy::encoders {

class DeviceImageTower {
 public:
  // Reads the tower of any family out of `file` and uploads it. `budget` must outlive the tower.
  static Result<std::unique_ptr<DeviceImageTower>> Load(const ModelConfig& config,
                                                        const Safetensors& file,
                                                        kernels::ElementType type,
                                                        cuda::VramBudget* budget);

  bool Takes(imaging::Size size) const;
  // Whether the model's preprocessing gives pictures of such a size.
  bool TakesPixels(const imaging::PixelView& picture) const;

  // Vectors are of unit length.
  // pictures: each of a size that Takes() allows.
  Status Encode(std::span<const imaging::PictureView> pictures, const VectorRows& out);
  // Decoded pictures, each one that TakesPixels() allows: the same bits as what imaging::Preprocess
  // makes of them has.
  Status EncodePixels(std::span<const imaging::PixelView> pictures, const VectorRows& out);
  // Tensors [count, 3, image_size, image_size] in the device's memory, which the work queued by
  // others has written. InvalidArgument for a model whose pictures have sizes of their own.
  Status EncodeTensors(const float* tensors, std::int64_t count, const VectorRows& out);

  std::int64_t pictures_of_pass() const { return lanes_->most(); }

 private:
  // Of a lane.
  struct Buffers {
    std::int64_t pictures = 0;  // that there is room for
    DeviceTransformer::Buffers layers;
  };
  // Where things lie in what is staged, in bytes; at 0 each picture's place. Positions are
  // NaFlex's: resized to each picture's grid.
  struct Layout {
    std::size_t offsets = 0, singles = 0, pooled = 0, positions = 0, pixels = 0, bytes = 0;
  };

  DeviceImageTower() = default;
  Status Read(const ModelConfig& config, DeviceLoader* loader);
  Layout LayoutFor(std::int64_t pictures) const;
  LaneNeeds NeedsFor(std::int64_t pictures);
  std::int64_t PatchesOf(imaging::Size size) const;
  std::int64_t TokensOf(imaging::Size size) const { return PatchesOf(size) + (clip_ ? 1 : 0); }
  // A pass as it is put together in the lane's page-locked memory.
  struct Pass {
    Lane* lane = nullptr;
    const Buffers* buffers = nullptr;
    Layout layout;
    std::vector<imaging::Size> sizes;
    std::int64_t patches = 0, longest = 0;
    // Where the pictures' places are counted from, on the device.
    const void* pixels = nullptr;
    const float* normal = nullptr;  // where they are bytes
  };
  Pass Begin(int number, Lane* lane);
  // A picture whose values begin at `first`.
  void Add(imaging::Size size, std::int64_t first, Pass* pass) const;
  // Uploads what was added, and queues the way from pixels, which are there by then, to vectors.
  Result<std::int64_t> Queue(const Pass& pass) const;
  void FillPositions(const Pass& pass) const;
  // From rows of patches in at.hidden to unit vectors.
  Status QueueTower(const DeviceQueue& queue, const DeviceSequences& sequences,
                    std::int32_t patches, const float* positions,
                    const DeviceTransformer::Buffers& at, float* result) const;

  // Constant after loading.
  VisionConfig config_;
  bool clip_ = false;    // a class token and a norm before the layers, a projection after them
  bool naflex_ = false;  // pictures of their own sizes
  kernels::ElementType type_ = kernels::ElementType::kFloat16;
  std::int64_t dimension_ = 0;
  std::int64_t side_ = 0;          // of the grid that positions were learned for
  std::int64_t most_patches_ = 0;  // of a picture
  imaging::PreprocessSpec preprocess_;
  const float* normal_ = nullptr;  // [3, 256]: what a byte stands for
  cuda::VramArena weights_;
  DeviceLinear patch_;
  const float* class_ = nullptr;
  const float* positions_ = nullptr;  // [tokens, width]; null with NaFlex
  std::vector<float> grid_;           // the same on the host, with NaFlex
  DeviceNorm pre_norm_;
  DeviceTransformer transformer_;
  DeviceNorm post_norm_;
  DeviceLinear projection_;
  DeviceAttentionPool head_;

  std::map<int, Buffers> buffers_;  // by lane; guarded by the lanes' lock
  std::unique_ptr<Lanes> lanes_;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_DEVICE_DEVICE_IMAGE_TOWER_H_
