#include "encoders/device/device_choice.h"

#include "base/status_macros.h"

namespace espy::encoders {
namespace {

constexpr int kLeastCapability = 80;  // sm_80: mma.sync of BF16, asynchronous copies

bool StoredInBfloat16(const Safetensors& weights) {
  for (const std::string& name : weights.Names()) {
    const TensorView* tensor = weights.Find(name);
    if (tensor->shape.size() >= 2) return tensor->dtype == DType::kBF16;
  }
  return false;
}

}  // namespace

// What a model was trained and published in reaches as far as its numbers do: BF16 for BF16. FP16
// has three bits more, and serves all others.
Result<kernels::ElementType> DeviceType(Precision precision, const Safetensors& weights) {
  switch (precision) {
    case Precision::kAuto:
      return StoredInBfloat16(weights) ? kernels::ElementType::kBfloat16
                                       : kernels::ElementType::kFloat16;
    case Precision::kFloat16:
      return kernels::ElementType::kFloat16;
    case Precision::kBfloat16:
      return kernels::ElementType::kBfloat16;
    case Precision::kFloat32:
    case Precision::kInt8:
      break;
  }
  return Status::InvalidArgument("the GPU multiplies in fp16 and bf16, not in " +
                                 std::string(PrecisionName(precision)) +
                                 "; ask for one of them, or for --device cpu");
}

std::string Describe(const cuda::DeviceInfo& device) {
  return device.name + " (sm_" + std::to_string(device.capability) + ")";
}

Result<cuda::DeviceInfo> UsableDevice() {
  ESPY_ASSIGN_OR_RETURN(cuda::DeviceInfo device, cuda::FindDevice());
  if (device.capability < kLeastCapability) {
    return Status::NotFound("no GPU that serves: " + Describe(device) +
                            " is older than sm_80 (Ampere)");
  }
  return device;
}

Precision PrecisionOf(kernels::ElementType type) {
  return type == kernels::ElementType::kFloat16 ? Precision::kFloat16 : Precision::kBfloat16;
}

Status DeviceTakes(const TowerConfig& config, const std::string& name) {
  constexpr std::int64_t kMostWidth = 2048, kMostHeadDim = 256;
  if (config.width % 8 != 0 || config.width > kMostWidth ||
      config.width / config.heads > kMostHeadDim) {
    return Status::Unsupported(name +
                               ": the GPU's kernels take widths that are multiples of 8 up "
                               "to 2048 in heads of up to 256, not " +
                               std::to_string(config.width) + " in " +
                               std::to_string(config.heads) + " heads; use --device cpu");
  }
  return Status::Ok();
}

Status BeyondDeviceNumbers(const std::string& name, kernels::ElementType type) {
  return Status::Unsupported(name + ": the model's numbers go beyond " +
                             std::string(PrecisionName(PrecisionOf(type))) +
                             " on the GPU; use --precision bf16, or --device cpu");
}

}  // namespace espy::encoders
