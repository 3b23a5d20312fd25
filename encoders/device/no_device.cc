// What stands for the towers on a GPU in a build without kernels for one.
#include "encoders/device/device_encoder.h"

namespace espy::encoders {
namespace {

Status NotBuilt() {
  return Status::NotFound("no GPU: this build has no CUDA kernels; build it with nvcc installed");
}

}  // namespace

Result<std::unique_ptr<DeviceEncoder>> OpenDeviceEncoder(const ModelConfig& /*config*/,
                                                         const Safetensors& /*weights*/,
                                                         const DeviceOptions& /*options*/) {
  return NotBuilt();
}

Result<std::string> DescribeDevice() { return NotBuilt(); }

}  // namespace espy::encoders
