#include "captioning/decoder.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "encoders/transformer.h"

namespace espy::captioning {
namespace {

Status NoMemory() {
  return Status::ResourceExhausted(
      "decoder: not enough memory for the pass; use fewer pictures or shorter texts at once");
}

void DropPending(KvCache* cache) {
  const std::vector<std::int64_t> none(static_cast<std::size_t>(cache->sequences()), 0);
  cache->BeginPass(none);
}

}  // namespace

Result<std::unique_ptr<TextDecoder>> TextDecoder::Load(const encoders::Weights& weights,
                                                       const TextConfig& config) {
  auto decoder = std::make_unique<TextDecoder>();
  decoder->config_ = config;
  decoder->pool_ = weights.pool();
  ESPY_ASSIGN_OR_RETURN(decoder->embedding_,
                        TextEmbedding::Load(weights, "bert.embeddings", config));
  ESPY_ASSIGN_OR_RETURN(decoder->layers_,
                        DecoderLayers::Load(weights, "bert.encoder.layer.", config.layers, config));
  const std::string head = "cls.predictions.";
  ESPY_ASSIGN_OR_RETURN(decoder->transform_,
                        weights.ReadLinear(head + "transform.dense", config.width, config.width));
  ESPY_ASSIGN_OR_RETURN(decoder->transform_norm_,
                        weights.ReadNorm(head + "transform.LayerNorm", config.width));
  decoder->vocabulary_.weight =
      weights.Pack("bert.embeddings.word_embeddings.weight", decoder->embedding_.words(),
                   config.vocabulary, config.width);
  ESPY_ASSIGN_OR_RETURN(decoder->vocabulary_.bias,
                        weights.Vector(head + "bias", {config.vocabulary}));
  return decoder;
}

KvCache TextDecoder::NewCache() const {
  DeviceCaptioner* device = device_ == nullptr ? nullptr : device_->captioner();
  return device == nullptr ? KvCache(layers_.count(), config_.width) : device->NewCache();
}

Result<std::shared_ptr<const PictureKeys>> TextDecoder::Look(const float* image,
                                                             std::int64_t tokens) const {
  try {
    return layers_.Look(image, tokens, pool_);
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
}

void TextDecoder::Head(const float* hidden, std::int64_t rows, float* logits,
                       kernels::AlignedBuffer* transformed) const {
  if (DeviceCaptioner* device = device_ == nullptr ? nullptr : device_->captioner()) {
    const Status done = device->Head(hidden, rows, logits);
    if (done.ok()) return;
    (void)device_->GiveUp(done);  // the passes after it are the CPU's then
  }
  HeadHere(hidden, rows, logits, transformed);
}

void TextDecoder::HeadHere(const float* hidden, std::int64_t rows, float* logits,
                           kernels::AlignedBuffer* transformed) const {
  transformed->Reserve(rows * config_.width);
  float* x = transformed->data();
  encoders::Apply(transform_, hidden, rows, encoders::KernelActivation(config_.activation), nullptr,
                  x, pool_);
  encoders::Apply(transform_norm_, config_.norm_eps, x, rows, x, pool_);
  encoders::Apply(vocabulary_, x, rows, kernels::Activation::kNone, nullptr, logits, pool_);
}

Status TextDecoder::ForwardOnDevice(const DecoderInput& in, const DecoderRows& rows, KvCache* cache,
                                    const CrossCache& cross, DecoderOutput* out) const {
  DeviceCaptioner* device = device_ == nullptr ? nullptr : device_->captioner();
  Status done = device != nullptr
                    ? device->Forward(in, rows, *cache, cross, out)
                    : Status::Unavailable("the GPU that the captions were on is lost");
  if (!done.ok()) DropPending(cache);
  return done;
}

Status TextDecoder::Forward(const DecoderInput& in, KvCache* cache, CrossCache* cross,
                            DecoderOutput* out) const {
  for (const std::int32_t token : in.tokens) {
    if (token < 0 || token >= config_.vocabulary) {
      return Status::InvalidArgument("decoder: token " + std::to_string(token) +
                                     " is outside of the vocabulary of " +
                                     std::to_string(config_.vocabulary));
    }
  }
  try {
    ESPY_ASSIGN_OR_RETURN(const DecoderRows rows,
                          DecoderRows::Place(in, config_.context, *cross, cache));
    // A GPU that is given up by another thread may be so between a picture and its text.
    for (const std::int32_t picture : rows.pictures()) {
      const bool on_device = cross->Picture(picture)->on_device != nullptr;
      if (on_device == cache->on_device()) continue;
      DropPending(cache);
      return Status::Unavailable("decoder: a picture and its text do not lie on the same device");
    }
    if (cache->on_device()) return ForwardOnDevice(in, rows, cache, *cross, out);
    const std::int64_t width = config_.width;
    out->workspace.tokens.Reserve(rows.size() * width);
    float* x = out->workspace.tokens.data();
    for (std::int64_t r = 0; r < rows.size(); ++r) {
      embedding_.Row(in.tokens[static_cast<std::size_t>(r)],
                     rows.rows()[static_cast<std::size_t>(r)].position, x + r * width);
    }
    layers_.Run(rows, x, cache, *cross, &out->workspace, pool_);
    const float* wanted = x;
    std::int64_t count = rows.size();
    if (!in.logit_rows.empty()) {
      count = static_cast<std::int64_t>(in.logit_rows.size());
      out->chosen.Reserve(count * width);
      for (std::int64_t i = 0; i < count; ++i) {
        const float* row = x + in.logit_rows[static_cast<std::size_t>(i)] * width;
        std::copy(row, row + width, out->chosen.data() + i * width);
      }
      wanted = out->chosen.data();
    }
    out->logit_memory.Reserve(count * config_.vocabulary);
    HeadHere(wanted, count, out->logit_memory.data(), &out->transformed);
    out->hidden = x;
    out->logits = out->logit_memory.data();
    return Status::Ok();
  } catch (const std::bad_alloc&) {
    DropPending(cache);
    return NoMemory();
  }
}

}  // namespace espy::captioning
