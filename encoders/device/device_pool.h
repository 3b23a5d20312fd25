// SigLIP's pooling head (siglip/attention_pool.h) on the device.
#ifndef ESPY_ENCODERS_DEVICE_DEVICE_POOL_H_
#define ESPY_ENCODERS_DEVICE_DEVICE_POOL_H_

#include "encoders/config.h"
#include "encoders/device/device_transformer.h"
#include "espy/status.h"

namespace espy::encoders {

class DeviceAttentionPool {
 public:
  // Reads head.*; the probe's query is computed here, on the host.
  static Result<DeviceAttentionPool> Load(DeviceLoader* loader, const VisionConfig& config);

  // at.normed: the tokens of each picture, after the last norm. out: [pictures, width].
  Status Run(const DeviceQueue& queue, const DeviceSequences& pictures,
             const DeviceTransformer::Buffers& at, float* out) const;

 private:
  VisionConfig config_;
  const void* query_ = nullptr;  // [width]
  DeviceLinear key_value_;       // [2 * width, width]
  DeviceLinear out_;
  DeviceNorm norm_;
  DeviceLinear fc1_;
  DeviceLinear fc2_;
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_DEVICE_DEVICE_POOL_H_
