// BLIP's text decoder: tokens and what a picture shows -> logits of the token that comes next.
#ifndef ESPY_CAPTIONING_DECODER_H_
#define ESPY_CAPTIONING_DECODER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "captioning/config.h"
#include "captioning/cross_cache.h"
#include "captioning/decoder_layers.h"
#include "captioning/decoder_rows.h"
#include "captioning/device/device_use.h"
#include "captioning/kv_cache.h"
#include "captioning/text_embedding.h"
#include "encoders/weights.h"
#include "espy/status.h"
#include "kernels/aligned_buffer.h"

namespace espy::captioning {

// What a pass gives, and the memory that it works in; kept between calls, one thread at a time.
struct DecoderOutput {
  // [n, width]: the last layer's output, which the vocabulary head (and a draft head) reads.
  const float* hidden = nullptr;
  // [m, vocabulary], m the rows whose logits were asked for.
  const float* logits = nullptr;

  kernels::AlignedBuffer logit_memory, chosen, transformed;
  DecoderWorkspace workspace;
};

// Immutable once loaded, shared by any threads, each with its own caches and output.
//
// A row's hidden state and logits have the same bits whatever rows, sequences and pictures are in
// the call with it, whether its ancestors were kept before or are in the same call, and however
// many threads work: every sum is one chain in an order that the row itself sets.
//
//   decoder.Look(image, tokens) -> cross.Add      once a picture
//   cache.Add(picture)                            an empty sequence
//   Forward(prompt as a chain); cache.Keep(0, {0, 1, ..., n - 1})
//   Forward(one token; or a tree); cache.Keep(0, the path that is accepted)
class TextDecoder {
 public:
  // `weights` must outlive the decoder, which reads token embeddings out of the mapped file; its
  // tower is "text_decoder". The options' pool is used by every call, and may be null.
  static Result<std::unique_ptr<TextDecoder>> Load(const encoders::Weights& weights,
                                                   const TextConfig& config);

  const TextConfig& config() const { return config_; }
  // From now on new caches lie on the device while it is in use, and passes over those are made
  // there. `use` must outlive the decoder.
  void UseDevice(const DeviceUse* use) { device_ = use; }

  // A cache of this decoder's shape.
  KvCache NewCache() const;

  // By the CPU. image: [tokens, config().vision_width], what the vision tower gives for one
  // picture. ResourceExhausted when there is no memory.
  Result<std::shared_ptr<const PictureKeys>> Look(const float* image, std::int64_t tokens) const;

  // InvalidArgument as DecoderRows::Place says, and for a token outside of the vocabulary;
  // ResourceExhausted when there is no memory; Unavailable for pictures that do not lie where the
  // cache does; DeviceCaptioner's errors for a cache on the device. After an error no row is
  // pending.
  Status Forward(const DecoderInput& in, KvCache* cache, CrossCache* cross,
                 DecoderOutput* out) const;

  // The vocabulary head by itself: hidden [rows, width] -> logits [rows, vocabulary], the bits that
  // Forward gives for the same hidden state. On the device while that is in use. Throws
  // std::bad_alloc.
  void Head(const float* hidden, std::int64_t rows, float* logits,
            kernels::AlignedBuffer* transformed) const;
  // The word embedding of a token below the vocabulary, without position or norm: out [width].
  void WordEmbedding(std::int32_t token, float* out) const { embedding_.Word(token, out); }

  ThreadPool* pool() const { return pool_; }  // of the options that it was loaded with

 private:
  void HeadHere(const float* hidden, std::int64_t rows, float* logits,
                kernels::AlignedBuffer* transformed) const;
  Status ForwardOnDevice(const DecoderInput& in, const DecoderRows& rows, KvCache* cache,
                         const CrossCache& cross, DecoderOutput* out) const;

  TextConfig config_;
  ThreadPool* pool_ = nullptr;
  const DeviceUse* device_ = nullptr;
  TextEmbedding embedding_;
  DecoderLayers layers_;
  encoders::Linear transform_;
  encoders::Norm transform_norm_;
  encoders::Linear vocabulary_;  // tied to the word embeddings
};

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_DECODER_H_
