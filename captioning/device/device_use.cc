#include "captioning/device/device_use.h"

#include <utility>

#include "base/logging.h"

namespace espy::captioning {

Status DeviceUse::Open(const BlipConfig& config, const encoders::Safetensors& weights,
                       const DeviceCaptionerOptions& options, Device device) {
  required_ = device == Device::kCuda;
  if (device == Device::kCpu) return Status::Ok();
  auto opened = OpenDeviceCaptioner(config, weights, options);
  if (opened.ok()) {
    captioner_ = std::move(opened).value();
    on_ = true;
    return Status::Ok();
  }
  if (!required_) return Status::Ok();
  if (opened.status().code() == StatusCode::kNotFound) {
    return Status::NotFound(opened.status().message() + "; use --device cpu, or auto");
  }
  return opened.status();
}

bool DeviceUse::GiveUp(const Status& failure) const {
  const StatusCode code = failure.code();
  const bool lost = code == StatusCode::kUnavailable;
  const bool cannot = code == StatusCode::kResourceExhausted || code == StatusCode::kUnsupported;
  if (!lost && (!cannot || required_)) return false;
  if (on_.exchange(false)) {  // once, whoever is the first to meet it
    Log(LogLevel::kWarning, failure.message() + "; going on with the CPU");
  }
  return true;
}

}  // namespace espy::captioning
