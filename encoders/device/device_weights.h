// A tower's tensors in device memory: found and checked as weights.h does it, matrices in 16 bits,
// vectors in FP32.
#ifndef ESPY_ENCODERS_DEVICE_DEVICE_WEIGHTS_H_
#define ESPY_ENCODERS_DEVICE_DEVICE_WEIGHTS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "encoders/weights.h"
#include "espy/status.h"
#include "kernels/cuda/stream.h"
#include "kernels/cuda/vram.h"
#include "kernels/element.h"

namespace espy::encoders {

// y = x W^T + b; inputs and rows of x are padded to a multiple of 8, which tensor cores ask for.
struct DeviceLinear {
  std::int32_t outputs = 0;
  std::int32_t inputs = 0;
  const void* weight = nullptr;   // [outputs, inputs]
  const float* bias = nullptr;    // [outputs], or null
  const void* bias_16 = nullptr;  // the same in the weight's format
};

struct DeviceNorm {
  std::int32_t width = 0;
  const float* weight = nullptr;
  const float* bias = nullptr;
};

constexpr std::int64_t PaddedToEight(std::int64_t n) { return (n + 7) / 8 * 8; }

// Uploads through a piece of page-locked memory. One thread at a time.
class Uploader {
 public:
  static Result<Uploader> Create();
  // Waits until it is done.
  Status Upload(void* to, const void* from, std::size_t bytes);

 private:
  cuda::Stream stream_;
  cuda::PinnedBuffer pinned_;
};

// Reads from `weights` into `arena`. With a counting arena (and no uploader) every tensor is looked
// for and counted, and nothing is uploaded. Errors are those of Weights, and Unsupported for a
// matrix with a number that FP16 does not hold.
class DeviceLoader {
 public:
  DeviceLoader(const Weights& weights, kernels::ElementType type, cuda::VramArena* arena,
               Uploader* uploader)
      : weights_(weights), type_(type), arena_(arena), uploader_(uploader) {}

  DeviceLoader Outside() const {
    return DeviceLoader(weights_.Outside(), type_, arena_, uploader_);
  }

  Result<const float*> Vector(std::string_view name, std::initializer_list<std::int64_t> shape);
  Result<DeviceNorm> ReadNorm(std::string_view name, std::int64_t width);
  // NAME.weight and NAME.bias. `padded_outputs`, where given, is a number of outputs to which it is
  // filled with zeros.
  Result<DeviceLinear> ReadLinear(std::string_view name, std::int64_t outputs, std::int64_t inputs,
                                  bool with_bias = true, std::int64_t padded_outputs = 0);
  // Several linears of the same input as one.
  Result<DeviceLinear> ReadFused(std::initializer_list<std::string> names,
                                 std::int64_t outputs_each, std::int64_t inputs);
  // Of rows that are found already.
  Result<DeviceLinear> Matrix(const StoredTensor& stored, std::int64_t outputs, std::int64_t inputs,
                              const std::vector<float>& bias);
  Result<const float*> Floats(const std::vector<float>& values);
  // [rows, width] in 16 bits, no padding.
  Result<const void*> Table(const StoredTensor& stored, std::int64_t rows, std::int64_t width);

  const Weights& weights() const { return weights_; }
  kernels::ElementType type() const { return type_; }

 private:
  struct Part {
    StoredTensor stored;
    std::int64_t rows;
  };
  Result<DeviceLinear> Matrix(const std::vector<Part>& parts, std::int64_t outputs,
                              std::int64_t inputs, std::vector<float> bias);
  Status FillRows(const StoredTensor& stored, std::int64_t rows, std::int64_t width,
                  std::int64_t stride, std::byte* to);

  Weights weights_;
  kernels::ElementType type_;
  cuda::VramArena* arena_;
  Uploader* uploader_;
};

// values in 16 bits. Unsupported, naming `what`, when one of them is beyond FP16.
Status ToSixteenBits(const float* values, std::size_t n, kernels::ElementType type,
                     const std::string& what, std::uint16_t* out);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_DEVICE_DEVICE_WEIGHTS_H_
