// BLIP's text decoder on the device: layers, head, and the keys and values that they read.
#ifndef ESPY_CAPTIONING_DEVICE_DEVICE_DECODER_H_
#define ESPY_CAPTIONING_DEVICE_DEVICE_DECODER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "captioning/config.h"
#include "captioning/cross_cache.h"
#include "captioning/decoder.h"
#include "captioning/decoder_rows.h"
#include "captioning/kv_cache.h"
#include "encoders/device/device_transformer.h"
#include "encoders/device/lanes.h"
#include "espy/status.h"
#include "kernels/cuda/stream.h"
#include "kernels/cuda/vram.h"

namespace espy::captioning {

// One picture as the cross-attention of every layer sees it: [layers, tokens, 2 * width] in 16
// bits, keys and then values. In BLIP-base's shapes 21 MB.
struct DevicePicture {
  cuda::VramArena memory;
  void* rows = nullptr;
  std::int32_t tokens = 0;
};

// For one thread at a time, on one stream; pictures may be let go by any thread, once no pass that
// looks at them is under way.
class DeviceDecoder {
 public:
  // weights: of the tower "text_decoder". `budget` must outlive the decoder and every picture.
  static Result<std::unique_ptr<DeviceDecoder>> Load(const encoders::Weights& weights,
                                                     const TextConfig& config,
                                                     kernels::ElementType type,
                                                     cuda::VramBudget* budget);

  // Queues the keys and values of a picture, whose rows [tokens, vision width] lie on the device.
  Result<std::shared_ptr<const DevicePicture>> Look(const encoders::DeviceQueue& queue,
                                                    const void* rows, std::int64_t tokens);

  KvCache NewCache() const { return KvCache(slots_); }

  // As DeviceCaptioner::Forward: done when it returns. Passes of many rows go in parts, each of
  // which sees the rows before it through the cache.
  Status Forward(const encoders::DeviceQueue& queue, const cuda::Stream& stream,
                 const DecoderInput& in, const DecoderRows& rows, const KvCache& cache,
                 const CrossCache& cross, DecoderOutput* out);

  // As DeviceCaptioner::Head: done when it returns.
  Status Head(const encoders::DeviceQueue& queue, const cuda::Stream& stream, const float* hidden,
              std::int64_t rows, float* logits);

 private:
  struct Layer {
    encoders::DeviceLinear qkv;
    encoders::DeviceLinear self_out;
    encoders::DeviceNorm self_norm;
    encoders::DeviceLinear cross_q;
    encoders::DeviceLinear cross_kv;
    encoders::DeviceLinear cross_out;
    encoders::DeviceNorm cross_norm;
    encoders::DeviceLinear fc1;
    encoders::DeviceLinear fc2;
    encoders::DeviceNorm mlp_norm;
  };
  // Where things lie in what is staged, in bytes; at 0 the token ids. Lists of slots are last, for
  // only what there is of them goes up.
  struct Layout {
    std::size_t positions = 0, slots = 0, chosen = 0, pictures = 0, paths = 0, lists = 0, bytes = 0;
  };
  struct Part {
    std::int64_t first = 0, rows = 0;  // of the pass
    std::vector<std::size_t> logits;   // places among the logits that are wanted
    std::size_t bytes = 0;             // staged
  };

  DeviceDecoder() = default;
  Status Read(encoders::DeviceLoader* loader);
  Status Reserve(std::int32_t slots, cuda::VramBudget* budget);
  Part Stage(const DecoderInput& in, const DecoderRows& rows, const KvCache& cache,
             const CrossCache& cross, std::span<const std::int32_t> wanted, std::int64_t first);
  Status QueueRows(const encoders::DeviceQueue& queue, std::int32_t rows,
                   std::int32_t logits) const;
  Status QueueLayer(const encoders::DeviceQueue& queue, std::size_t number,
                    std::int32_t rows) const;
  Status QueueHead(const encoders::DeviceQueue& queue, std::int32_t rows) const;
  Status PostNorm(const encoders::DeviceQueue& queue, const encoders::DeviceNorm& norm,
                  const void* added, std::int32_t rows) const;
  template <class T>
  T* Staged(std::size_t at) const {
    return reinterpret_cast<T*>(staged_ + at);
  }

  // Constant after loading.
  TextConfig config_;
  kernels::ElementType type_ = kernels::ElementType::kFloat16;
  cuda::VramBudget* budget_ = nullptr;
  cuda::VramArena weights_;
  const float* positions_ = nullptr;  // [context, width]
  encoders::DeviceNorm embedding_norm_;
  std::vector<Layer> layers_;
  encoders::DeviceLinear transform_;
  encoders::DeviceNorm transform_norm_;
  encoders::DeviceLinear vocabulary_;  // its weight is the table of word embeddings

  std::shared_ptr<SlotPool> slots_;
  cuda::VramArena arena_;
  Layout layout_;
  cuda::PinnedBuffer in_;   // as large as `staged_`
  cuda::PinnedBuffer out_;  // hidden rows, then logits
  std::byte* staged_ = nullptr;
  std::byte* cache_ = nullptr;  // [layers, slots, 2 * width] in 16 bits: keys, then values
  float* x_ = nullptr;          // [rows, width]: the stream
  void* normed_ = nullptr;      // [rows, width]: the same in 16 bits
  void* qkv_ = nullptr;         // [rows, 3 * width]; then what is to be added to the stream
  void* mixed_ = nullptr;       // [rows, width]: what attention gives; then what the head reads
  void* hidden_ = nullptr;      // [rows, inter]
  float* head_x_ = nullptr;     // [rows, width]
  float* logits_ = nullptr;     // [rows, vocabulary]
  encoders::RecordedRuns recorded_;
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DEVICE_DEVICE_DECODER_H_
