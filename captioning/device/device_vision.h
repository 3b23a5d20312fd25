// BLIP's vision tower on the device: pictures -> a row a patch, left there.
#ifndef ESPY_CAPTIONING_DEVICE_DEVICE_VISION_H_
#define ESPY_CAPTIONING_DEVICE_DEVICE_VISION_H_

#include <cstdint>
#include <memory>
#include <span>

#include "encoders/config.h"
#include "encoders/device/device_transformer.h"
#include "encoders/device/lanes.h"
#include "espy/status.h"
#include "imaging/preprocess.h"
#include "kernels/cuda/stream.h"
#include "kernels/cuda/vram.h"

namespace espy::captioning {

// For one thread at a time, on one stream.
class DeviceVision {
 public:
  // weights: of the tower "vision_model". `budget` must outlive the tower.
  static Result<std::unique_ptr<DeviceVision>> Load(const encoders::Weights& weights,
                                                    const encoders::VisionConfig& config,
                                                    kernels::ElementType type,
                                                    cuda::VramBudget* budget);

  std::int64_t tokens() const { return patches_ + 1; }  // patches and the class token
  std::int64_t width() const { return config_.width; }
  std::int64_t most() const { return most_; }  // pictures at once

  // pictures: of image_size, at most most() of them. Queues the pass; once it is done, rows() has
  // [pictures, tokens(), width()] in 16 bits, the class token first, until the next one.
  Status Queue(const encoders::DeviceQueue& queue, const cuda::Stream& stream,
               std::span<const imaging::PictureView> pictures);
  const void* rows() const { return buffers_.normed; }

 private:
  DeviceVision() = default;
  Status Read(encoders::DeviceLoader* loader);
  Status Reserve(std::int64_t pictures, cuda::VramBudget* budget);
  Status QueueTower(const encoders::DeviceQueue& queue, std::int32_t pictures) const;

  // Constant after loading.
  encoders::VisionConfig config_;
  kernels::ElementType type_ = kernels::ElementType::kFloat16;
  std::int64_t patches_ = 0;
  std::int64_t most_ = 0;
  cuda::VramArena weights_;
  encoders::DeviceLinear patch_;
  const float* class_ = nullptr;
  const float* positions_ = nullptr;  // [tokens, width]
  encoders::DeviceTransformer transformer_;
  encoders::DeviceNorm post_norm_;

  cuda::VramArena arena_;
  cuda::PinnedBuffer pinned_;    // as large as `staged_`
  std::byte* staged_ = nullptr;  // places, then offsets, then pixels
  encoders::DeviceTransformer::Buffers buffers_;
  encoders::RecordedRuns recorded_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DEVICE_DEVICE_VISION_H_
