// Which GPU, and which numbers: what every model on a device begins with.
#ifndef ESPY_ENCODERS_DEVICE_DEVICE_CHOICE_H_
#define ESPY_ENCODERS_DEVICE_DEVICE_CHOICE_H_

#include <string>

#include "encoders/config.h"
#include "encoders/safetensors.h"
#include "espy/precision.h"
#include "espy/status.h"
#include "kernels/cuda/device_buffer.h"
#include "kernels/element.h"

namespace espy::encoders {

// NotFound where there is no GPU, or an older one than the kernels are written for.
Result<cuda::DeviceInfo> UsableDevice();
// "NVIDIA H100 80GB HBM3 (sm_90)"
std::string Describe(const cuda::DeviceInfo& device);

// What a model's products are computed in; kAuto: BF16 where its weights are stored in it, else
// FP16. InvalidArgument for a precision that the GPU does not multiply in.
Result<kernels::ElementType> DeviceType(Precision precision, const Safetensors& weights);
Precision PrecisionOf(kernels::ElementType type);

// What the device's kernels take of a tower; Unsupported, with the reason, for what they do not.
// `name` begins the message.
Status DeviceTakes(const TowerConfig& config, const std::string& name);
// Of a model whose sums are not finite.
Status BeyondDeviceNumbers(const std::string& name, kernels::ElementType type);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_DEVICE_DEVICE_CHOICE_H_
