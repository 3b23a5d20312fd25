// A model's towers on a GPU, for the encoder that callers see (encoder.h).
#ifndef ESPY_ENCODERS_DEVICE_DEVICE_ENCODER_H_
#define ESPY_ENCODERS_DEVICE_DEVICE_ENCODER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "encoders/config.h"
#include "encoders/device_vectors.h"
#include "encoders/safetensors.h"
#include "encoders/tower.h"
#include "espy/precision.h"
#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::encoders {

struct DeviceOptions {
  Precision precision = Precision::kAuto;
  std::uint64_t vram = 0;  // bytes of the GPU's memory that may be used; 0: what is free
};

// Any thread; calls to one tower wait for each other. Vectors are of unit length. After
// Unavailable the device is lost, and every later call fails the same way.
class DeviceEncoder {
 public:
  virtual ~DeviceEncoder() = default;

  // The towers load when first asked for, and a failure is told again each time: ResourceExhausted
  // where memory does not do, Unsupported for a model that the kernels do not take, otherwise what
  // the model's files lack.
  virtual Status LoadImage() = 0;
  virtual Status LoadText(Padding padding) = 0;

  // Whether EncodeImages takes pictures of this size; once the image tower is loaded.
  virtual bool Takes(imaging::Size size) const = 0;
  // out: [pictures, dimension]. Unsupported when a number went beyond FP16.
  virtual Status EncodeImages(std::span<const imaging::PictureView> pictures, float* out) = 0;
  // Decoded pictures, uploaded as bytes and preprocessed on the device: the same bits as
  // EncodeImages gives for what imaging::Preprocess makes of them.
  virtual bool TakesPixels(const imaging::PixelView& picture) const = 0;
  virtual Status EncodePixels(std::span<const imaging::PixelView> pictures, float* out) = 0;
  // The same, the vectors left on the device, each with zeros up to `stride` floats; one that went
  // beyond FP16 holds NaN.
  virtual Result<DeviceVectors> KeepPixels(std::span<const imaging::PixelView> pictures,
                                           std::int64_t stride) = 0;
  // Tensors [count, 3, image_size, image_size] that lie in the device's memory already, written by
  // work that is done. InvalidArgument for NaFlex models. out: in the host's memory.
  virtual Status EncodeTensors(const float* tensors_on_device, std::int64_t count, float* out) = 0;

  // texts: as TextTower::Encode takes them; after LoadText.
  virtual Status EncodeTexts(std::span<const std::vector<std::int32_t>> texts, float* out) = 0;

  virtual std::int64_t preferred_batch() const = 0;
  virtual Precision precision() const = 0;  // kFloat16 or kBfloat16
  // "NVIDIA H100 80GB HBM3 (sm_90), fp16"
  virtual std::string description() const = 0;
};

// What the model's towers would run on. `config` and `weights` must outlive it. NotFound where
// there is no GPU, or where the build has no kernels for one; InvalidArgument for a precision that
// the GPU does not multiply in.
Result<std::unique_ptr<DeviceEncoder>> OpenDeviceEncoder(const ModelConfig& config,
                                                         const Safetensors& weights,
                                                         const DeviceOptions& options);

// Of the GPU that there is: "NVIDIA H100 80GB HBM3 (sm_90)". NotFound as above.
Result<std::string> DescribeDevice();

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_DEVICE_DEVICE_ENCODER_H_
