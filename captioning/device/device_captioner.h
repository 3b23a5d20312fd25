// A captioner's towers on a GPU, for the decoder and the captioner that callers see.
#ifndef ESPY_CAPTIONING_DEVICE_DEVICE_CAPTIONER_H_
#define ESPY_CAPTIONING_DEVICE_DEVICE_CAPTIONER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "captioning/config.h"
#include "captioning/cross_cache.h"
#include "captioning/decoder_rows.h"
#include "captioning/kv_cache.h"
#include "encoders/safetensors.h"
#include "espy/precision.h"
#include "espy/status.h"
#include "imaging/preprocess.h"

namespace espy::captioning {

struct DecoderOutput;

// Any thread; calls wait for each other. Products are in 16 bits with FP32 sums. After Unavailable
// the device is lost, and every later call fails the same way; ResourceExhausted where memory does
// not do, Unsupported where a number went beyond FP16.
class DeviceCaptioner {
 public:
  virtual ~DeviceCaptioner() = default;

  // The pictures, of the model's size, as the decoder sees them. Where `rows` is not null, what the
  // vision tower gave comes back too: [pictures, tokens, width], for drafts made by the CPU.
  virtual Result<std::vector<std::shared_ptr<const PictureKeys>>> Look(
      std::span<const imaging::PictureView> pictures, std::vector<float>* rows) = 0;

  // A cache whose rows lie on the device; not beyond the captioner's life.
  virtual KvCache NewCache() const = 0;

  // TextDecoder::Forward, its rows placed. A row's bits depend on its own tokens and picture alone.
  virtual Status Forward(const DecoderInput& in, const DecoderRows& rows, const KvCache& cache,
                         const CrossCache& cross, DecoderOutput* out) = 0;

  // TextDecoder::Head: hidden [rows, width] -> logits [rows, vocabulary], the bits that Forward
  // gives for the same hidden state.
  virtual Status Head(const float* hidden, std::int64_t rows, float* logits) = 0;

  // "NVIDIA H100 80GB HBM3 (sm_90), fp16"
  virtual std::string description() const = 0;
};

struct DeviceCaptionerOptions {
  Precision precision = Precision::kAuto;
  std::uint64_t vram = 0;  // bytes of the GPU's memory that may be used; 0: what is free
};

// Uploads both towers. `config` and `weights`, which are under the names of blip_names.h, must
// outlive it. NotFound where there is no GPU, or where the build has no kernels for one;
// InvalidArgument for a precision that the GPU does not multiply in; Unsupported for shapes that
// the kernels do not take; ResourceExhausted.
Result<std::shared_ptr<DeviceCaptioner>> OpenDeviceCaptioner(const BlipConfig& config,
                                                             const encoders::Safetensors& weights,
                                                             const DeviceCaptionerOptions& options);

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DEVICE_DEVICE_CAPTIONER_H_
