// The text towers of CLIP, SigLIP and SigLIP2 on the device.
#ifndef ESPY_ENCODERS_DEVICE_DEVICE_TEXT_TOWER_H_
#define ESPY_ENCODERS_DEVICE_DEVICE_TEXT_TOWER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "encoders/config.h"
#include "encoders/device/device_transformer.h"
#include "encoders/device/lanes.h"
#include "encoders/safetensors.h"
#include "encoders/tower.h"
#include "espy/status.h"

namespace espy::encoders {

class DeviceTextTower {
 public:
  // As DeviceImageTower::Load. `padding` fills texts where the family needs that.
  static Result<std::unique_ptr<DeviceTextTower>> Load(const ModelConfig& config,
                                                       const Safetensors& file, Padding padding,
                                                       kernels::ElementType type,
                                                       cuda::VramBudget* budget);

  // texts: as TextTower::Encode takes them. Vectors are of unit length.
  Status Encode(std::span<const std::vector<std::int32_t>> texts, const VectorRows& out);

 private:
  struct Buffers {
    std::int64_t texts = 0;  // that there is room for
    DeviceTransformer::Buffers layers;
  };
  // Where things lie in what is staged, in bytes; at 0 the token ids.
  struct Layout {
    std::size_t places = 0, offsets = 0, singles = 0, pooled = 0, bytes = 0;
  };

  DeviceTextTower() = default;
  Status Read(const ModelConfig& config, DeviceLoader* loader);
  Layout LayoutFor(std::int64_t texts) const;
  LaneNeeds NeedsFor(std::int64_t texts);
  Result<std::int64_t> QueuePass(const Buffers& buffers, Lane* lane,
                                 std::span<const std::vector<std::int32_t>> texts);
  Status QueueTower(const DeviceQueue& queue, const DeviceSequences& sequences,
                    const std::int32_t* ids, const std::int32_t* places,
                    const DeviceTransformer::Buffers& at, float* result) const;

  // Constant after loading.
  TextConfig config_;
  bool clip_ = false;  // causal, not padded, read at its end-of-text token
  Padding padding_;
  kernels::ElementType type_ = kernels::ElementType::kFloat16;
  std::int64_t dimension_ = 0;
  cuda::VramArena weights_;
  const void* table_ = nullptr;       // [vocabulary, width]
  const float* positions_ = nullptr;  // [context, width]
  DeviceTransformer transformer_;
  DeviceNorm final_norm_;
  DeviceLinear projection_;

  std::map<int, Buffers> buffers_;  // by lane; guarded by the lanes' lock
  std::unique_ptr<Lanes> lanes_;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_DEVICE_DEVICE_TEXT_TOWER_H_
