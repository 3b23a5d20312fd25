// A model that turns pictures and words into vectors of one space.
#ifndef ESPY_ENCODERS_ENCODER_H_
#define ESPY_ENCODERS_ENCODER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "encoders/device_vectors.h"
#include "encoders/weight_cache.h"
#include "espy/device.h"
#include "espy/precision.h"
#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::encoders {

struct EncoderOptions {
  int threads = 0;  // 0: one for each core
  // A tower that is not asked for is not loaded; asking it to encode later loads it (once, any
  // thread).
  bool load_image = false;
  bool load_text = false;
  Precision precision = Precision::kAuto;
  WeightCacheOptions weight_cache = {};
  Device device = Device::kCpu;
  std::uint64_t vram = 0;  // bytes of the GPU's memory that may be used; 0: what is free
};

// What is known of a model without loading its weights.
struct EncoderInfo {
  std::string name;  // the directory's name; of a snapshot in the hub's cache, the model's there
  std::string directory;
  std::string family;          // "clip", "siglip", "siglip2"
  std::int64_t dimension = 0;  // of both towers' output
  std::int64_t context = 0;    // tokens
  imaging::PreprocessSpec preprocess;
  float logit_scale =
      1;  // exp of the stored value: cosine times this (plus logit_bias) is the model's logit
  float logit_bias = 0;
  bool sigmoid = false;  // trained with the sigmoid loss: sigmoid(logit) is a probability
  std::uint64_t image_parameters = 0;
  std::uint64_t text_parameters = 0;
  std::uint64_t weight_bytes = 0;
  std::string space_id;  // hex hash of config, preprocessing, tokenizer and weights: equal means
                         // comparable vectors
};

class Encoder {
 public:
  // Reads the model directory as its publisher ships it. Every missing file, absent or misshapen
  // tensor and malformed header is an error that names the file and the tensor.
  static Result<std::unique_ptr<Encoder>> Load(const std::string& directory,
                                               const EncoderOptions& options = {});
  virtual ~Encoder() = default;

  virtual const EncoderInfo& info() const = 0;

  // What the towers multiply in: as asked for, and what kAuto means on this CPU or GPU.
  virtual Precision precision() const = 0;

  // Where they compute: "cpu", or the GPU's name. A GPU that is lost, or that with kAuto cannot
  // take the model, is left for the CPU, with a warning to the log hook.
  virtual std::string device() const { return "cpu"; }

  // pictures: as Preprocess makes them by info().preprocess, with a NaFlex model each of its own
  // size; InvalidArgument for a size that the model does not take. out: [pictures, dimension] FP32,
  // unit length.
  virtual Status EncodeImages(std::span<const imaging::PictureView> pictures, float* out) const = 0;
  // The same for pictures of info().preprocess.width x height, one after the other in memory:
  // [batch, 3, height, width].
  Status EncodeImages(const float* pixels, std::int64_t batch, float* out) const;

  // Decoded pictures, preprocessed by info().preprocess: on the GPU where that is where the towers
  // compute, so that only their bytes go there, else here, one after another. The bits are those of
  // EncodeImages for what imaging::Preprocess makes of them.
  virtual Status EncodePixels(std::span<const imaging::PixelView> pictures, float* out) const;
  // The same, the vectors kept on the GPU: each as `stride` floats, the model's dimension at least,
  // zeros beyond it; one whose numbers went beyond FP16 holds NaN. Unavailable where the towers do
  // not compute on one, or it does not take the pictures: EncodePixels does.
  virtual Result<DeviceVectors> KeepPixels(std::span<const imaging::PixelView> pictures,
                                           std::int64_t stride) const = 0;
  // Whether the towers compute on a GPU as things stand.
  virtual bool on_device() const { return false; }

  // texts: UTF-8; longer ones are cut to the context as the model's tokenizer does.
  // out: [texts, dimension], unit length, but for a text (the empty one, say) that the model gives
  // the vector 0: it stays 0.
  virtual Status EncodeTexts(std::span<const std::string> texts, float* out) const = 0;

  // How many pictures one call encodes fastest on this machine.
  virtual std::int64_t preferred_batch() const { return 8; }
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_ENCODER_H_
