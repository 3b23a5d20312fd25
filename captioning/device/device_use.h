// Whether a captioner's work goes to a GPU: for as long as one serves, and to the CPU from then on.
#ifndef ESPY_CAPTIONING_DEVICE_DEVICE_USE_H_
#define ESPY_CAPTIONING_DEVICE_DEVICE_USE_H_

#include <atomic>
#include <memory>

#include "captioning/device/device_captioner.h"
#include "espy/device.h"
#include "espy/status.h"

namespace espy::captioning {

// Any thread once it is open.
class DeviceUse {
 public:
  // Before any other call. With Device::kCuda a GPU that is not there or does not take the model is
  // an error; with kAuto the CPU serves instead. `config` and `weights` must outlive it.
  Status Open(const BlipConfig& config, const encoders::Safetensors& weights,
              const DeviceCaptionerOptions& options, Device device);

  // Null: the CPU is to do it.
  DeviceCaptioner* captioner() const { return on_ ? captioner_.get() : nullptr; }
  // Of work that began on the device and failed: whether it is to be done again, by the CPU. So it
  // is when the device was lost and, unless the GPU was insisted on, when it cannot take the work;
  // all later work then goes to the CPU too, with one warning to the log hook.
  bool GiveUp(const Status& failure) const;

 private:
  // Constant after Open.
  std::shared_ptr<DeviceCaptioner> captioner_;
  bool required_ = false;
  mutable std::atomic<bool> on_ = false;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DEVICE_DEVICE_USE_H_
