// Where a tower's vectors go.
#ifndef ESPY_ENCODERS_DEVICE_VECTOR_ROWS_H_
#define ESPY_ENCODERS_DEVICE_VECTOR_ROWS_H_

#include <cstdint>

namespace espy::encoders {

// A row of floats for each item, `stride` floats apart: as many as the model's dimension are
// written, the rest is left as it is.
struct VectorRows {
  float* data = nullptr;
  std::int64_t stride = 0;
  bool on_device = false;  // in the device's memory, else in the host's

  VectorRows From(std::int64_t row) const { return {data + row * stride, stride, on_device}; }
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_DEVICE_VECTOR_ROWS_H_
