// What stands for a captioner on a GPU in a build without kernels for one.
#include "captioning/device/device_captioner.h"

namespace espy::captioning {

Result<std::shared_ptr<DeviceCaptioner>> OpenDeviceCaptioner(
    const BlipConfig& /*config*/, const encoders::Safetensors& /*weights*/,
    const DeviceCaptionerOptions& /*options*/) {
  return Status::NotFound("no GPU: this build has no CUDA kernels; build it with nvcc installed");
}

}  // namespace espy::captioning
