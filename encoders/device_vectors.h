// Vectors that stay on the GPU that made them, for the search there.
#ifndef ESPY_ENCODERS_DEVICE_VECTORS_H_
#define ESPY_ENCODERS_DEVICE_VECTORS_H_

#include <cstdint>
#include <memory>

namespace espy::encoders {

struct DeviceVectors {
  std::shared_ptr<const float> data;  // [count, stride] in the GPU's memory, which this holds
  std::int64_t count = 0;
  std::int64_t dimension = 0;
  std::int64_t stride = 0;  // floats; those beyond the dimension are zeros
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_DEVICE_VECTORS_H_
