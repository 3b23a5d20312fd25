// Where encoders compute.
#ifndef ESPY_DEVICE_H_
#define ESPY_DEVICE_H_

#include <string_view>

namespace espy {

// A model's vectors from a GPU are meant to stay within 0.9999 (cosine) of the CPU's in FP32, so
// that one library may hold both. The default is the CPU for as long as the GPU's code has run
// under its emulation alone (docs/GPU.md).
enum class Device {
  kAuto,  // the GPU where there is one that takes the model, else the CPU
  kCpu,
  kCuda,  // NVIDIA's GPU, or an error where there is none
};

constexpr std::string_view DeviceName(Device device) {
  switch (device) {
    case Device::kAuto:
      return "auto";
    case Device::kCpu:
      return "cpu";
    case Device::kCuda:
      return "cuda";
  }
  return "";
}

}  // namespace espy

#endif  // ESPY_DEVICE_H_
