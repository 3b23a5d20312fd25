// The way of an encoder's calls to a GPU for as long as one serves, and to the CPU from then on.
#ifndef ESPY_ENCODERS_DEVICE_DEVICE_ROUTE_H_
#define ESPY_ENCODERS_DEVICE_DEVICE_ROUTE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "encoders/device/device_encoder.h"
#include "espy/device.h"
#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::encoders {

// Any thread once it is open. What is called Try... says whether the device did it; when not, the
// CPU is to. From a lost device this and all later calls go to the CPU, with one warning to the log
// hook, and, unless the GPU was insisted on, from one that cannot take the model.
class DeviceRoute {
 public:
  // Before any other call: the GPU is used where it is, unless `device` says otherwise. `config`
  // and `weights` must outlive the route.
  Status Open(const ModelConfig& config, const Safetensors& weights, const DeviceOptions& options,
              Device device);

  bool on() const { return on_; }
  // While it is on.
  const DeviceEncoder& encoder() const { return *encoder_; }

  Result<bool> TryLoadImage() const;
  Result<bool> TryLoadText(Padding padding) const;
  // False also for a picture larger than the device has room for.
  Result<bool> TryImages(std::span<const imaging::PictureView> pictures, float* out) const;
  Result<bool> TryPixels(std::span<const imaging::PixelView> pictures, float* out) const;
  Result<bool> TryTexts(std::span<const std::vector<std::int32_t>> texts, Padding padding,
                        float* out) const;
  // Unavailable where the device did not do it.
  Result<DeviceVectors> KeepPixels(std::span<const imaging::PixelView> pictures,
                                   std::int64_t stride) const;

 private:
  template <class Work>
  Result<bool> Try(const Work& work) const;

  // Constant after Open; has its own locks.
  std::unique_ptr<DeviceEncoder> encoder_;
  bool required_ = false;
  mutable std::atomic<bool> on_ = false;  // until the device is lost or found not to do
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_DEVICE_DEVICE_ROUTE_H_
